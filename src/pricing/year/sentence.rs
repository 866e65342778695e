//! The sentence for those who pay.

use super::model::{BestDefence, Year};
use crate::business_metrics::MicroDollars;

impl Year {
    /// The sentence for those who pay. Never says that nothing can be lost.
    pub fn sentence(&self) -> String {
        let mut parts = vec![match self.vendor.risks.first() {
            Some(first) => format!(
                "Expected annual loss of the vendor: {} (nine years in ten between {} and {}; once in 20 years more than \
                 {}), most of it by {}",
                self.vendor.expected, self.vendor.p05, self.vendor.p95, self.vendor.p95, first.name
            ),
            None => {
                "Nothing was found, unplanted, that costs the vendor anything; that bounds the loss and does not make \
                     it none"
                    .to_owned()
            }
        }];
        if !self.customer.risks.is_empty() {
            parts.push(format!(
                "its customers lose {} a year at published rates, once in 20 years more than {}",
                self.customer.expected, self.customer.p95
            ));
        }
        if let Some(best) = &self.best {
            parts.push(best.sentence());
        }
        if let Some(dearest) = self.defences.first() {
            let is_best = self.best.as_ref().is_some_and(|best| best.scenario == dearest.scenario);
            parts.push(if is_best { format!("without it its customers lose {} a year", dearest.expected.customer) } else { format!(
                "the dearest defence is the one that `{}` switches off: without it {} a year for the vendor, {} for its \
                 customers",
                dearest.scenario, dearest.expected.vendor, dearest.expected.customer
            ) });
        }
        format!("{}.", parts.join("; "))
    }
}

impl BestDefence {
    /// What it costs, cuts and returns.
    fn sentence(&self) -> String {
        let usd = |dollars: f64| MicroDollars::from_usd(dollars).to_string();
        let (roi, [low, _, high], [npv_low, _, npv_high]) = (&self.roi, self.roi.benefit, self.roi.npv);
        let payback = match roi.payback_years {
            Some(years) if years * 12.0 < 0.1 => "pays back within 0.1 months by the average year".to_owned(),
            Some(years) if years < 1.0 => format!("pays back after {:.1} months by the average year", years * 12.0),
            Some(years) => format!("pays back after {years:.1} years by the average year"),
            None => format!("does not pay back in {} years by the average year", self.horizon),
        };
        format!(
            "the defence that `{}` switches off, at {}, cuts {} a year (nine years in ten {} to {}), has an NPV of {} over {} \
             years ({} to {}), is worth it in {} of futures, and {payback}",
            self.scenario,
            self.cost,
            usd((self.before - self.after).usd()),
            usd(low),
            usd(high),
            usd(roi.mean_npv),
            self.horizon,
            usd(npv_low),
            usd(npv_high),
            percent(roi.p_npv_positive),
        )
    }
}

/// A share in whole percent, but neither none nor all where it is not.
fn percent(share: f64) -> String {
    match (share * 100.0).round() {
        0.0 if share > 0.0 => "under 1%".to_owned(),
        100.0 if share < 1.0 => "over 99%".to_owned(),
        percent => format!("{percent}%"),
    }
}
