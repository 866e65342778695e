//! What one outage costs when nobody knows yet how long it will last: minutes, rates and handling are all drawn.
//!
//! One event sets everything off at once: the minutes that it lasts decide the customers' loss, the service credits and the
//! fees of the minutes that failed, and the same event brings the tickets and drives customers away. Nothing of it is drawn
//! apart, so a long outage is dear in all of them.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ContinuousCDF, Normal};

use super::pert::Pert;
use super::risk::{Severity, Term};
use crate::business_metrics::assumptions::{Assumptions, Point};
use crate::business_metrics::input::{InputError, amount, dollars, positive, share};
use crate::business_metrics::key::Key;
use crate::business_metrics::outage::Outage;
use crate::business_metrics::sla::{MONTH_MINUTES, SlaSchedule};
use crate::business_metrics::tier::{Tier, TierCounts};

/// How long an outage lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Minutes {
    /// Observed.
    Known(f64),
    /// `exp(mu + sigma Z)`: half last longer than the median, a few for hours.
    Lognormal {
        /// Median, minutes.
        median: f64,
        /// Deviation of the logarithm.
        sigma: f64,
    },
}

impl Minutes {
    /// Around a median, with the spread of published outages: `sigma = sqrt(2 ln(mean / median))`.
    ///
    /// # Errors
    /// If the median is not above zero or not finite.
    pub fn around(median: f64, point: &Point) -> Result<Self, InputError> {
        let ratio = point.get(Key::OutageMeanMinutes) / point.get(Key::OutageMedianMinutes);
        // A mean below the median belongs to no lognormal: then all last equally long.
        let sigma = (2.0 * ratio.ln()).max(0.0).sqrt();
        Ok(Minutes::Lognormal { median: positive("minutes", median)?, sigma })
    }

    /// The published ones.
    ///
    /// # Errors
    /// Never for a point of the assumptions, whose median is above zero.
    pub fn published(point: &Point) -> Result<Self, InputError> {
        Self::around(point.get(Key::OutageMedianMinutes), point)
    }

    /// On average.
    pub fn mean(&self) -> f64 {
        match *self {
            Minutes::Known(minutes) => minutes,
            Minutes::Lognormal { median, sigma } => median * (sigma * sigma / 2.0).exp(),
        }
    }

    /// Chance that it lasts longer.
    fn longer_than(&self, minutes: f64) -> f64 {
        match *self {
            Minutes::Known(known) => f64::from(u8::from(known > minutes)),
            Minutes::Lognormal { median, .. } if minutes <= 0.0 => f64::from(u8::from(median > 0.0)),
            Minutes::Lognormal { median, sigma } if sigma <= 0.0 => f64::from(u8::from(median > minutes)),
            Minutes::Lognormal { median, sigma } => 1.0 - Normal::standard().cdf((minutes / median).ln() / sigma),
        }
    }

    fn draw(&self, rng: &mut impl Rng) -> f64 {
        match *self {
            Minutes::Known(minutes) => minutes,
            Minutes::Lognormal { median, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                median * (sigma * z).exp()
            }
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct OutageCost {
    minutes: Minutes,
    /// US dollars a minute: a factor times a rate, tier by tier. The rates rise and fall together.
    rates: Vec<(f64, Pert)>,
    /// US dollars a minute that are certain.
    fees: f64,
    /// The agreement, and the monthly fees that it pays back from.
    credits: Option<(SlaSchedule, f64)>,
    /// What does not depend on the minutes.
    handling: Vec<Term>,
}

impl OutageCost {
    /// What the customers lose. The outage's own minutes are not looked at.
    ///
    /// # Errors
    /// If a number of tenants is negative or not finite, the severity is no share, or the mean is beyond what can be
    /// counted.
    pub fn of_customers(outage: &Outage, minutes: Minutes, assumptions: &Assumptions) -> Result<Severity, InputError> {
        let severity = share("severity", outage.severity)?;
        let customers = assumptions.get(Key::DowntimeCustomers).mode;
        let mut rates = Vec::new();
        for (tier, tenants) in checked(&outage.hurt)?.iter() {
            let key = Key::downtime(tier);
            rates.push((tenants * severity / customers, Pert::of(key.name(), assumptions.get(key))?));
        }
        Self { minutes, rates, fees: 0.0, credits: None, handling: Vec::new() }.severity()
    }

    /// What the vendor loses: credits, fees of the minutes that failed, handling, and those who leave.
    ///
    /// # Errors
    /// As [`Self::of_customers`].
    pub fn of_vendor(outage: &Outage, minutes: Minutes, assumptions: &Assumptions) -> Result<Severity, InputError> {
        let (severity, point) = (share("severity", outage.severity)?, assumptions.point());
        let monthly: f64 = checked(&outage.hurt)?.iter().map(|(tier, tenants)| tenants * point.price(tier)).sum();
        let counts = severity > point.get(Key::SlaErrorShare);
        Self {
            minutes,
            rates: Vec::new(),
            fees: monthly / MONTH_MINUTES * severity,
            credits: counts.then_some((outage.schedule, monthly)),
            handling: handling_terms(&outage.hurt, assumptions)?,
        }
        .severity()
    }

    fn severity(self) -> Result<Severity, InputError> {
        dollars("minutes", self.minutes.mean(), self.mean())?;
        Ok(Severity::Outage(Box::new(self)))
    }

    /// Exact.
    pub(super) fn mean(&self) -> f64 {
        let rates: f64 = self.rates.iter().map(|(factor, rate)| factor * rate.mean()).sum();
        let credits = self.credits.map_or(0.0, |(schedule, fees)| {
            let due = |(minutes, share): (f64, f64)| share * self.minutes.longer_than(minutes);
            fees * schedule.months() * schedule.edges().map(due).sum::<f64>()
        });
        self.minutes.mean() * (rates + self.fees) + credits + self.handling.iter().map(Term::mean).sum::<f64>()
    }

    /// The minutes come first, so that the customers' and the vendor's line of one event draw the same ones.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> f64 {
        let minutes = self.minutes.draw(rng);
        let mut cost = minutes * self.fees;
        if !self.rates.is_empty() {
            let at = rng.next_u32();
            cost += minutes * self.rates.iter().map(|(factor, rate)| factor * rate.at(at)).sum::<f64>();
        }
        if let Some((schedule, fees)) = self.credits {
            // A drawn number of minutes is finite and above zero.
            cost += schedule.credit_share(minutes).unwrap_or(1.0) * schedule.months() * fees;
        }
        cost + self.handling.iter().map(|term| term.draw(rng)).sum::<f64>()
    }
}

/// Tickets, engineers and those who leave, drawn from their ranges.
pub(super) fn handling_terms(hurt: &TierCounts, assumptions: &Assumptions) -> Result<Vec<Term>, InputError> {
    let point = assumptions.point();
    let yearly: f64 = checked(hurt)?.iter().map(|(tier, tenants)| tenants * 12.0 * point.price(tier)).sum();
    let term = |factor: f64, keys: &[Key]| -> Result<Term, InputError> {
        let values = keys.iter().map(|key| Pert::of(key.name(), assumptions.get(*key))).collect::<Result<_, _>>()?;
        Ok(Term { factor, values })
    };
    Ok(vec![
        term(hurt.total(), &[Key::IncidentTicketShare, Key::IncidentTicketCost])?,
        term(1.0, &[Key::IncidentHours, Key::IncidentHourlyRate])?,
        term(yearly, &[Key::IncidentChurn])?,
    ])
}

fn checked(hurt: &TierCounts) -> Result<&TierCounts, InputError> {
    for tier in Tier::ALL {
        amount("tenants", hurt.of(tier))?;
    }
    Ok(hurt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage(severity: f64) -> Outage {
        let hurt = [(Tier::Growth, 30.0), (Tier::Enterprise, 10.0)].into_iter().collect();
        Outage { hurt, minutes: 45.0, severity, schedule: SlaSchedule::RdsMultiAz }
    }

    fn both(severity: f64, minutes: Minutes) -> [Severity; 2] {
        let assumptions = Assumptions::built_in();
        [
            OutageCost::of_customers(&outage(severity), minutes, assumptions).unwrap(),
            OutageCost::of_vendor(&outage(severity), minutes, assumptions).unwrap(),
        ]
    }

    /// Outages have a median of 45 and a mean of 95 minutes, as published.
    #[test]
    fn published_outages_have_their_mean() {
        let Minutes::Lognormal { median, sigma } = Minutes::published(&Assumptions::built_in().point()).unwrap() else {
            panic!("nobody knows how long the next one lasts")
        };
        assert!((median - 45.0).abs() < 1e-12 && (sigma - 1.2224).abs() < 1e-4, "{sigma}");
        assert!((Minutes::Lognormal { median, sigma }.mean() - 95.0).abs() < 1e-9);
        let shorter = Assumptions::built_in().point().with(Key::OutageMeanMinutes, 20.0);
        assert_eq!(Minutes::published(&shorter).unwrap(), Minutes::Lognormal { median: 45.0, sigma: 0.0 });
        assert_eq!(Minutes::around(0.0, &shorter).unwrap_err().key, "minutes");
    }

    /// The exact mean is that of many draws, for both lines, with known and with drawn minutes, with and without credits.
    #[test]
    fn the_mean_is_exact() {
        let spread = Minutes::published(&Assumptions::built_in().point()).unwrap();
        for (severity, minutes) in
            [(1.0, Minutes::Known(45.0)), (1.0, spread), (0.04, spread), (0.5, Minutes::Known(0.0))]
        {
            for (line, cost) in both(severity, minutes).into_iter().enumerate() {
                let drawn = cost.sample("outage", 200_000, 3).unwrap();
                let (low, high) = drawn.mean_interval();
                assert!(
                    (drawn.mean() - cost.mean()).abs() <= high - low + 1e-9,
                    "{line} {severity} {minutes:?}: {} {}",
                    drawn.mean(),
                    cost.mean()
                );
            }
        }
    }

    /// At single values the cost of known minutes is that of the model, to the cent, for both lines.
    #[test]
    fn at_single_values_it_is_the_model() {
        let assumptions = Assumptions::built_in();
        let point = assumptions.point();
        let fixed = assumptions.fixed(&point);
        let loss = outage(0.5).loss(&point).unwrap();
        let customers = OutageCost::of_customers(&outage(0.5), Minutes::Known(45.0), &fixed).unwrap();
        let vendor = OutageCost::of_vendor(&outage(0.5), Minutes::Known(45.0), &fixed).unwrap();
        assert!((customers.mean() - loss.customer).abs() < 1e-6 && (vendor.mean() - loss.vendor.total()).abs() < 1e-6);
    }

    /// A long outage is dear for both: the lines of one event go together.
    #[test]
    fn one_event_hits_both_lines() {
        let spread = Minutes::published(&Assumptions::built_in().point()).unwrap();
        let [customers, vendor] = both(1.0, spread).map(|cost| {
            let mut rng = super::super::stream::stream(5, "outage", super::super::stream::Actor::Severity, 0);
            // One event of each: its first draw is the minutes.
            let _ = cost.draw(&mut rng);
            cost
        });
        let pairs: Vec<(f64, f64)> = (0..2_000u64)
            .map(|event| {
                let cost = |line: &Severity| {
                    line.draw(&mut super::super::stream::stream(
                        event,
                        "outage",
                        super::super::stream::Actor::Severity,
                        0,
                    ))
                };
                (cost(&customers), cost(&vendor))
            })
            .collect();
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
        let (a, b) = (mean(|pair| pair.0.ln()), mean(|pair| pair.1.ln()));
        let covariance: f64 = pairs.iter().map(|(x, y)| (x.ln() - a) * (y.ln() - b)).sum();
        assert!(covariance > 0.0 && pairs.iter().filter(|(x, _)| x.ln() > a).count() > 100);
    }

    /// Impossible outages are refused by name.
    #[test]
    fn impossible_outages_are_refused() {
        let assumptions = Assumptions::built_in();
        let key = |outage: Outage| OutageCost::of_vendor(&outage, Minutes::Known(1.0), assumptions).unwrap_err().key;
        assert_eq!(key(outage(1.5)), "severity");
        assert_eq!(key(Outage { hurt: TierCounts::only(Tier::Growth, -1.0), ..outage(1.0) }), "tenants");
        let endless = OutageCost::of_customers(&outage(1.0), Minutes::Known(1e300), assumptions);
        assert_eq!(endless.unwrap_err().key, "minutes");
    }
}
