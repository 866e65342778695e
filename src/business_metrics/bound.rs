//! What clean probes prove about leaks, and what they leave open, in leaks a year and in dollars.
//!
//! No number of clean probes shows that nothing leaks: a million of them still allow three leaking queries in a million,
//! which is thousands a year under load. A statistical bound never replaces a check of the policies themselves.

use serde::Serialize;

use super::assumptions::Point;
use super::breach::BreachModel;
use super::input::{InputError, InputProblem, amount, dollars};
use super::key::Key;
use crate::stats::Observed;

/// One-sided 95%.
const ALPHA: f64 = 0.05;

/// Leaks among probes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LeakRate {
    /// Probes.
    pub probes: u64,
    /// Those that leaked.
    pub leaks: u64,
    /// The rate is below this with 95% confidence (Clopper-Pearson, one-sided).
    pub upper_95: f64,
    /// Between these with 95% confidence, two-sided.
    pub interval_95: (f64, f64),
    /// What the rate is expected to be (mean of the Jeffreys posterior); above zero even if nothing leaked.
    pub expected: f64,
}

/// A rate over a year of queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LeakYear {
    /// Leaking queries of a year.
    pub leaks: f64,
    /// Chance that there is at least one.
    pub chance: f64,
    /// That chance times the mean cost of a breach of one tenant, US dollars.
    pub expected_loss: f64,
}

impl LeakRate {
    /// Leaks among probes that were independent. Probes of one policy are not: count each policy, command, role and path
    /// once.
    ///
    /// # Errors
    /// If there were no probes, or more leaks than probes.
    pub fn of(leaks: u64, probes: u64) -> Result<Self, InputError> {
        if probes == 0 {
            return Err(InputProblem::Zero.of("probes"));
        }
        if leaks > probes {
            return Err(InputProblem::AboveOne(leaks as f64 / probes as f64).of("leaks"));
        }
        let observed = Observed::of(leaks, probes);
        Ok(Self {
            probes,
            leaks,
            upper_95: observed.upper(ALPHA),
            interval_95: observed.interval(ALPHA),
            expected: observed.jeffreys_mean(),
        })
    }

    /// What the expected rate and the bound mean for so many queries a year.
    ///
    /// # Errors
    /// If the number of queries is negative or not finite, or the loss exceeds what can be counted.
    pub fn year(&self, queries: f64, point: &Point) -> Result<[LeakYear; 2], InputError> {
        let queries = amount("queries", queries)?;
        let breach = BreachModel::of(point).mean(point.get(Key::BreachRecordsPerTenant))?;
        let at = |rate: f64| -> Result<LeakYear, InputError> {
            let leaks = queries * rate;
            let chance = -(-leaks).exp_m1();
            Ok(LeakYear { leaks, chance, expected_loss: dollars("queries", queries, chance * breach)? })
        };
        Ok([at(self.expected)?, at(self.upper_95)?])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::Assumptions;
    use crate::stats::required_probes;

    /// Rows 27 and 28: 2,995 clean probes show that at least 99.9% does not leak, 29,956 that at most 0.01% does.
    #[test]
    fn the_briefs_shares_become_numbers_of_probes() {
        assert_eq!((required_probes(0.001, 0.05), required_probes(0.0001, 0.05)), (2_995, 29_956));
        assert!(LeakRate::of(0, 2_995).unwrap().upper_95 <= 0.001);
        assert!(LeakRate::of(0, 29_956).unwrap().upper_95 <= 0.0001);
    }

    /// A million clean probes still allow 2,996 leaks in a billion queries, and then at least one is certain.
    #[test]
    fn clean_probes_leave_leaks_open() {
        let [expected, bound] =
            LeakRate::of(0, 1_000_000).unwrap().year(1e9, &Assumptions::built_in().point()).unwrap();
        assert!((bound.leaks - 2_995.7).abs() < 0.1 && bound.chance > 0.999_999, "{bound:?}");
        assert!(expected.leaks > 0.0 && expected.leaks < bound.leaks);
        assert!((bound.expected_loss - 501_512.0).abs() < 1.0);
    }

    /// No probes, and more leaks than probes, are refused by name; all probes leaking is a rate of one.
    #[test]
    fn impossible_counts_are_refused() {
        assert_eq!(LeakRate::of(0, 0).unwrap_err().key, "probes");
        assert_eq!(LeakRate::of(3, 2).unwrap_err().key, "leaks");
        assert_eq!(LeakRate::of(5, 5).unwrap().upper_95, 1.0);
        let rate = LeakRate::of(1, 10).unwrap();
        assert_eq!(rate.year(f64::NAN, &Assumptions::built_in().point()).unwrap_err().key, "queries");
    }

    proptest! {
        /// A rate is never printed as zero, and expectation and bound are in order.
        #[test]
        fn no_rate_is_zero(probes in 1u64..=1_000_000_000_000, leaks: u64, queries in 0.0f64..1e12) {
            let rate = LeakRate::of(leaks % (probes + 1), probes).unwrap();
            prop_assert!(rate.expected > 0.0 && rate.upper_95 > 0.0 && rate.upper_95 <= 1.0);
            let [expected, bound] = rate.year(queries, &Assumptions::built_in().point()).unwrap();
            prop_assert!(expected.chance <= 1.0 && bound.chance <= 1.0 && bound.expected_loss.is_finite());
        }
    }
}
