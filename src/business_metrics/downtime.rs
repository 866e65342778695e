//! What an outage costs the vendor's customers: `rate[tier] × minutes × severity × customers / reference customers`.
//!
//! The rates are published figures of what an outage costs a large enterprise. That is thousands of times what ten such
//! customers pay their vendor in that minute, so this is the customers' line and never part of the vendor's (see
//! [`super::Outage`]).

use super::assumptions::Point;
use super::input::{InputError, amount, dollars, share};
use super::key::Key;
use super::tier::Tier;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DowntimeModel {
    starter: f64,
    growth: f64,
    enterprise: f64,
    reference_customers: f64,
}

impl DowntimeModel {
    /// With these assumptions.
    pub fn of(point: &Point) -> Self {
        Self {
            starter: point.get(Key::DowntimeStarter),
            growth: point.get(Key::DowntimeGrowth),
            enterprise: point.get(Key::DowntimeEnterprise),
            reference_customers: point.get(Key::DowntimeCustomers),
        }
    }

    /// Customers that the rate of a tier is for.
    pub fn reference_customers(&self) -> f64 {
        self.reference_customers
    }

    /// US dollars per minute for the reference number of customers of a tier.
    pub fn rate(&self, tier: Tier) -> f64 {
        match tier {
            Tier::Starter => self.starter,
            Tier::Growth => self.growth,
            Tier::Enterprise => self.enterprise,
        }
    }

    /// US dollars per minute. `severity` is the share of requests that fail.
    ///
    /// # Errors
    /// If `severity` is no share, `customers` is negative, or either is not finite.
    pub fn per_minute(&self, tier: Tier, severity: f64, customers: f64) -> Result<f64, InputError> {
        let (severity, customers) = (share("severity", severity)?, amount("customers", customers)?);
        dollars("customers", customers, self.rate(tier) * severity * customers / self.reference_customers)
    }

    /// US dollars of an outage of some minutes.
    ///
    /// # Errors
    /// As [`Self::per_minute`]; and if `minutes` is negative or not finite.
    pub fn cost(&self, tier: Tier, minutes: f64, severity: f64, customers: f64) -> Result<f64, InputError> {
        let minutes = amount("minutes", minutes)?;
        dollars("minutes", minutes, minutes * self.per_minute(tier, severity, customers)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::Assumptions;

    fn model() -> DowntimeModel {
        DowntimeModel::of(&Assumptions::built_in().point())
    }

    /// Rows 7 and 8: an hour costs $540,000, $30,000 and $3,000; 45 minutes of enterprise $405,000; the ratio is
    /// 1:10:180.
    #[test]
    fn the_briefs_outages_come_out() {
        let hour = |tier| model().cost(tier, 60.0, 1.0, 10.0).unwrap();
        assert_eq!(Tier::ALL.map(hour), [3_000.0, 30_000.0, 540_000.0]);
        assert_eq!(model().cost(Tier::Enterprise, 45.0, 1.0, 10.0), Ok(405_000.0));
    }

    /// Row 10: $9,000 a minute is $900 for each of ten customers, and 7,778 times what they pay in that minute.
    #[test]
    fn the_rate_is_the_customers_and_not_the_vendors() {
        assert_eq!(model().per_minute(Tier::Enterprise, 1.0, 1.0), Ok(900.0));
        let revenue = 10.0 * Assumptions::built_in().point().price(Tier::Enterprise) / 43_200.0;
        assert!((revenue - 1.16).abs() < 0.005 && (9_000.0 / revenue - 7_778.0).abs() < 1.0, "{revenue}");
    }

    /// Negative and endless outages, shares over one and numbers that are none are refused by name.
    #[test]
    fn impossible_outages_are_refused() {
        let key =
            |minutes, severity, customers| model().cost(Tier::Growth, minutes, severity, customers).unwrap_err().key;
        assert_eq!(key(-1.0, 1.0, 1.0), "minutes");
        assert_eq!(key(f64::INFINITY, 1.0, 1.0), "minutes");
        assert_eq!(key(1.0, 1.01, 1.0), "severity");
        assert_eq!(key(1.0, f64::NAN, 1.0), "severity");
        assert_eq!(key(1.0, 1.0, -1.0), "customers");
        assert_eq!(key(1e300, 1.0, 1e3), "minutes");
    }

    proptest! {
        /// Longer, worse and wider outages never cost less.
        #[test]
        fn more_downtime_costs_more(minutes in 0.0f64..1e4, severity in 0.0f64..1.0, customers in 0.0f64..1e4,
                                    more in 1.0f64..2.0) {
            let cost = |m, s, c| model().cost(Tier::Enterprise, m, s, c).unwrap();
            let base = cost(minutes, severity, customers);
            prop_assert!(base <= cost(minutes * more, severity, customers));
            prop_assert!(base <= cost(minutes, (severity * more).min(1.0), customers));
            prop_assert!(base <= cost(minutes, severity, customers * more));
        }
    }
}
