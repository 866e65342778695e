//! What an investment returns: a row of yearly benefits against a cost at the start.
//!
//! Net ROI is `(benefits - cost) / cost` over the years that are given, undiscounted; the NPV index is `NPV / cost`. The
//! product brief calls both ROI: its 2,567% is the first over one year, its 20,000% the second over five.

use serde::{Deserialize, Serialize};

use super::input::{InputError, InputProblem, amount, positive};

/// Years at most.
const MAX_YEARS: usize = 100;
/// Halvings of that range: its ends are then neighbours.
const IRR_HALVINGS: u32 = 64;
/// Rates between which an internal rate of return is looked for.
const RATES: (f64, f64) = (-0.99, 1e6);

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CashFlows {
    cost: f64,
    benefits: Vec<f64>,
}

impl CashFlows {
    /// A cost now and what comes in at the end of each year, US dollars. A benefit may be negative.
    ///
    /// # Errors
    /// If the cost is not above zero, there are no years or more than a hundred, or a benefit is not finite.
    pub fn new(cost: f64, benefits: Vec<f64>) -> Result<Self, InputError> {
        positive("cost", cost)?;
        match benefits.len() {
            0 => return Err(InputProblem::Zero.of("years")),
            years if years > MAX_YEARS => return Err(InputProblem::TooMany(years as f64).of("years")),
            _ => {}
        }
        if benefits.iter().any(|benefit| !benefit.is_finite()) {
            return Err(InputProblem::NotFinite.of("benefits"));
        }
        Ok(Self { cost, benefits })
    }

    /// The same benefit in each of some years.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn level(cost: f64, benefit: f64, years: usize) -> Result<Self, InputError> {
        Self::new(cost, vec![benefit; years.min(MAX_YEARS + 1)])
    }

    /// Benefits less cost, over cost.
    pub fn net_roi(&self) -> f64 {
        self.benefits.iter().sum::<f64>() / self.cost - 1.0
    }

    /// Net present value at a yearly discount rate, US dollars.
    ///
    /// # Errors
    /// If the rate is not above -1.
    pub fn npv(&self, rate: f64) -> Result<f64, InputError> {
        checked_rate(rate)?;
        Ok(self.npv_at(rate))
    }

    fn npv_at(&self, rate: f64) -> f64 {
        // Horner's scheme from the last year.
        self.benefits.iter().rev().fold(0.0, |value, benefit| (value + benefit) / (1.0 + rate)) - self.cost
    }

    /// Net present value over cost.
    ///
    /// # Errors
    /// As [`Self::npv`].
    pub fn npv_index(&self, rate: f64) -> Result<f64, InputError> {
        Ok(self.npv(rate)? / self.cost)
    }

    /// Years until the benefits have paid the cost, straight within a year; `None` if they never do.
    pub fn payback_years(&self) -> Option<f64> {
        self.payback_at(0.0)
    }

    /// The same with benefits discounted.
    ///
    /// # Errors
    /// As [`Self::npv`].
    pub fn discounted_payback_years(&self, rate: f64) -> Result<Option<f64>, InputError> {
        checked_rate(rate)?;
        Ok(self.payback_at(rate))
    }

    fn payback_at(&self, rate: f64) -> Option<f64> {
        let (mut left, mut discount) = (self.cost, 1.0);
        for (year, benefit) in self.benefits.iter().enumerate() {
            discount /= 1.0 + rate;
            let paid = benefit * discount;
            if paid >= left {
                return Some(year as f64 + left / paid);
            }
            left -= paid;
        }
        None
    }

    /// The discount rate at which the net present value is zero; `None` if it has the same sign at all of them. For flows
    /// that change sign more than once, one of several.
    pub fn irr(&self) -> Option<f64> {
        let (mut low, mut high) = RATES;
        let positive_at_low = self.npv_at(low) > 0.0;
        if positive_at_low == (self.npv_at(high) > 0.0) {
            return None;
        }
        // Halving the logarithm of 1 + rate.
        for _ in 0..IRR_HALVINGS {
            let middle = ((1.0 + low) * (1.0 + high)).sqrt() - 1.0;
            if (self.npv_at(middle) > 0.0) == positive_at_low { low = middle } else { high = middle }
        }
        Some(low)
    }
}

/// What an investment returns over many simulated futures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoiDistribution {
    /// Futures.
    pub futures: usize,
    /// Mean benefit of a year, US dollars.
    pub mean_benefit: f64,
    /// 5th, 50th and 95th percentile of a year's benefit, US dollars.
    pub benefit: [f64; 3],
    /// Mean net present value, US dollars.
    pub mean_npv: f64,
    /// Its 5th, 50th and 95th percentiles.
    pub npv: [f64; 3],
    /// Share of futures in which it is above zero.
    pub p_npv_positive: f64,
    /// 5th, 50th and 95th percentiles of the internal rate of return; `None` where a future has none, because next to
    /// nothing comes back: such futures rank below all others.
    pub irr: [Option<f64>; 3],
    /// Share of futures in which the cost is paid back within the horizon.
    pub p_paid_back: f64,
    /// 5th, 50th and 95th percentiles of the years until it is; `None` where it is not within the horizon: such futures
    /// rank above all others.
    pub payback: [Option<f64>; 3],
    /// Years until the mean benefit has paid the cost; `None` if it never does.
    pub payback_years: Option<f64>,
    /// Net ROI of the mean over the horizon.
    pub net_roi: f64,
}

impl RoiDistribution {
    /// Of benefits by simulated year, cut into futures of `horizon` years.
    ///
    /// # Errors
    /// If the cost or the rate mean nothing, the horizon is zero, or there are not enough years for one future.
    pub fn of(benefits: &[f64], cost: f64, horizon: usize, rate: f64) -> Result<Self, InputError> {
        checked_rate(rate)?;
        if horizon == 0 {
            return Err(InputProblem::Zero.of("horizon"));
        }
        let futures = benefits.chunks_exact(horizon);
        let flows = futures.map(|years| CashFlows::new(cost, years.to_vec())).collect::<Result<Vec<_>, _>>()?;
        if flows.is_empty() {
            return Err(InputProblem::TooMany(horizon as f64).of("horizon"));
        }
        let npvs = ranked(flows.iter().map(|flows| flows.npv_at(rate)));
        let n = npvs.len();
        let share = |count: usize| count as f64 / n as f64;
        let paybacks: Vec<Option<f64>> = flows.iter().map(CashFlows::payback_years).collect();
        let mean_benefit = benefits.iter().sum::<f64>() / benefits.len() as f64;
        let mean = CashFlows::level(cost, mean_benefit, horizon)?;
        Ok(Self {
            futures: n,
            mean_benefit,
            benefit: quantiles(&ranked(benefits.iter().copied())),
            mean_npv: npvs.iter().sum::<f64>() / n as f64,
            npv: quantiles(&npvs),
            irr: quantiles(&ranked(flows.iter().map(|flows| flows.irr().unwrap_or(f64::NEG_INFINITY)))).map(finite),
            p_npv_positive: share(npvs.iter().filter(|npv| **npv > 0.0).count()),
            p_paid_back: share(paybacks.iter().flatten().count()),
            payback: quantiles(&ranked(paybacks.iter().map(|years| years.unwrap_or(f64::INFINITY)))).map(finite),
            payback_years: mean.payback_years(),
            net_roi: mean.net_roi(),
        })
    }
}

fn ranked(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The 5th, 50th and 95th percentile of ranked values, at least one.
fn quantiles(ranked: &[f64]) -> [f64; 3] {
    let n = ranked.len();
    [0.05, 0.5, 0.95].map(|p| ranked[((p * n as f64).ceil() as usize).clamp(1, n) - 1])
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn checked_rate(rate: f64) -> Result<f64, InputError> {
    match amount("rate", rate + 1.0)? {
        0.0 => Err(InputProblem::Negative(rate).of("rate")),
        _ => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flows(benefits: &[f64]) -> CashFlows {
        CashFlows::new(75_000.0, benefits.to_vec()).unwrap()
    }

    /// Rows 13 to 18 of the brief: $75,000 of engineering; 2,567% on $2 million in the first year; an NPV of $15,010,936 at
    /// 10% over five years, when the breaches are saved once and the margin every year; an index of over 20,000%; and
    /// what it would be if the breaches recurred.
    #[test]
    fn the_briefs_returns_come_out() {
        assert_eq!(3.0 * 2.0 * 12_500.0, 75_000.0);
        assert!((flows(&[4.0 * 500e3]).net_roi() - 25.666_666_67).abs() < 1e-8);
        let brief = flows(&[5.5e6, 3.5e6, 3.5e6, 3.5e6, 3.5e6]);
        assert!((brief.npv(0.10).unwrap() - 15_010_935.51).abs() < 0.01);
        assert!((brief.npv_index(0.10).unwrap() - 200.1458).abs() < 1e-4);
        assert!((flows(&[5.5e6; 5]).npv(0.10).unwrap() - 20_774_327.0).abs() < 1.0);
        assert!((flows(&[5.5e6; 5]).npv(0.2408).unwrap() / 15e6 - 1.0).abs() < 1e-3);
        assert!((flows(&[2e6; 5]).payback_years().unwrap() * 12.0 - 0.45).abs() < 1e-12);
    }

    /// The same investment on the published frequency of breaches: the first year loses a third, five years return
    /// $110,015, payback takes a year and a half.
    #[test]
    fn the_evidence_returns_136_times_less() {
        let yearly: f64 = 0.097_612_8 * 500e3;
        assert!((yearly - 48_806.4).abs() < 0.1);
        assert!((flows(&[yearly]).net_roi() + 0.349).abs() < 5e-4);
        let five = flows(&[yearly; 5]);
        assert!((five.npv(0.10).unwrap() - 110_015.0).abs() < 10.0, "{:?}", five.npv(0.10));
        assert!((five.payback_years().unwrap() - 1.54).abs() < 0.005);
    }

    /// Row 30: an ROI of 300% over one year is a payback of three months.
    #[test]
    fn three_hundred_percent_is_three_months() {
        let four_times = flows(&[4.0 * 75_000.0]);
        assert!((four_times.net_roi() - 3.0).abs() < 1e-12);
        assert!((four_times.payback_years().unwrap() - 0.25).abs() < 1e-12);
    }

    /// The NPV at the internal rate of return is zero; without a change of sign there is no such rate.
    #[test]
    fn the_internal_rate_brings_nothing() {
        let rate = flows(&[30_000.0; 5]).irr().unwrap();
        assert!(flows(&[30_000.0; 5]).npv(rate).unwrap().abs() < 0.01 && (rate - 0.286_5).abs() < 1e-3, "{rate}");
        assert_eq!(flows(&[-1.0; 3]).irr(), None);
        assert_eq!(flows(&[0.0; 3]).irr(), None);
    }

    /// No cost, no years, a rate of -100% and numbers that are none are refused by name.
    #[test]
    fn impossible_investments_are_refused() {
        assert_eq!(CashFlows::new(0.0, vec![1.0]).unwrap_err().key, "cost");
        assert_eq!(CashFlows::new(1.0, vec![]).unwrap_err().key, "years");
        assert_eq!(CashFlows::level(1.0, 1.0, usize::MAX).unwrap_err().key, "years");
        assert_eq!(CashFlows::new(1.0, vec![f64::NAN]).unwrap_err().key, "benefits");
        assert_eq!(flows(&[1.0]).npv(-1.0).unwrap_err().key, "rate");
        assert_eq!(flows(&[1.0]).npv(f64::NAN).unwrap_err().key, "rate");
        assert_eq!(RoiDistribution::of(&[1.0], 1.0, 0, 0.1).unwrap_err().key, "horizon");
        assert_eq!(RoiDistribution::of(&[1.0], 1.0, 2, 0.1).unwrap_err().key, "horizon");
    }

    /// A certain benefit has a distribution of one value; one that comes in half of the futures is half of them.
    #[test]
    fn a_distribution_is_over_futures() {
        let certain = RoiDistribution::of(&[48_806.4; 50], 75_000.0, 5, 0.10).unwrap();
        assert_eq!((certain.futures, certain.p_npv_positive, certain.p_paid_back), (10, 1.0, 1.0));
        assert_eq!(certain.npv[0], certain.npv[2]);
        assert!((certain.mean_npv - certain.npv[1]).abs() < 1e-6);
        let irr = flows(&[48_806.4; 5]).irr();
        assert_eq!((certain.irr, certain.payback), ([irr; 3], [flows(&[48_806.4; 5]).payback_years(); 3]));
        let half: Vec<f64> = (0..100).map(|year| if year % 2 == 0 { 2e5 } else { 0.0 }).collect();
        let half = RoiDistribution::of(&half, 75_000.0, 1, 0.0).unwrap();
        assert_eq!((half.p_npv_positive, half.npv), (0.5, [-75_000.0, -75_000.0, 125_000.0]));
        // Half of the futures return nothing: they have no rate, and never pay back.
        assert_eq!((half.irr[..2].to_vec(), half.payback[1..].to_vec()), (vec![None; 2], vec![Some(0.375), None]));
        assert!((half.irr[2].unwrap() - 5.0 / 3.0).abs() < 1e-9, "{half:?}");
    }

    proptest! {
        /// The NPV of positive benefits falls as the rate rises, and a payback is never before the discounted one's.
        #[test]
        fn discounting_costs(benefits in prop::collection::vec(0.0f64..1e6, 1..20), rate in 0.0f64..0.9, more in 0.001f64..0.5) {
            let flows = flows(&benefits);
            prop_assert!(flows.npv(rate).unwrap() >= flows.npv(rate + more).unwrap());
            if let Some(discounted) = flows.discounted_payback_years(rate).unwrap() {
                prop_assert!(flows.payback_years().unwrap() <= discounted + 1e-9);
            }
        }

        /// At the internal rate of return, if there is one, the NPV is nothing.
        #[test]
        fn the_internal_rate_is_a_root(benefits in prop::collection::vec(1.0f64..1e6, 1..20)) {
            let flows = flows(&benefits);
            if let Some(rate) = flows.irr() {
                prop_assert!(flows.npv(rate).unwrap().abs() < 1e-3 * 75_000.0, "{rate}");
            }
        }
    }
}
