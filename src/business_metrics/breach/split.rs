//! What a breach's cost consists of.

use serde::Serialize;

use crate::business_metrics::assumptions::Point;
use crate::business_metrics::key::Key;
use crate::business_metrics::money::MicroDollars;

/// The parts of a breach's cost, in IBM's shares. They sum to the whole exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BreachSplit {
    /// Detection and escalation.
    pub detection: MicroDollars,
    /// Lost business.
    pub lost_business: MicroDollars,
    /// Response afterwards.
    pub response: MicroDollars,
    /// Notification.
    pub notification: MicroDollars,
}

impl BreachSplit {
    /// Splits a cost. Shares that do not sum to one are taken in proportion; if all are zero, it is all response.
    pub fn of(cost: MicroDollars, point: &Point) -> Self {
        let shares = [Key::BreachDetection, Key::BreachLostBusiness, Key::BreachNotification].map(|key| point.get(key));
        let sum = shares.iter().sum::<f64>() + point.get(Key::BreachResponse);
        let part = |share: f64| match sum > 0.0 {
            true => MicroDollars((cost.0 as f64 * (share / sum)) as i64),
            false => MicroDollars::ZERO,
        };
        let [detection, lost_business, notification] = shares.map(part);
        // The rest, so that rounding loses nothing.
        let response = cost - detection - lost_business - notification;
        Self { detection, lost_business, response, notification }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::Assumptions;

    /// The brief's breach of fifty tenants in IBM's shares.
    #[test]
    fn the_shares_are_ibms() {
        let split = BreachSplit::of(MicroDollars::from_usd(1_200_000.0), &Assumptions::built_in().point());
        let usd = [split.detection, split.lost_business, split.response, split.notification].map(|part| part.usd());
        for (part, golden) in usd.into_iter().zip([426_000.0, 350_400.0, 324_000.0, 99_600.0]) {
            assert!((part - golden).abs() < 0.01, "{usd:?}");
        }
    }

    proptest! {
        /// The parts sum to the whole, whatever the cost and the shares, and none is negative.
        #[test]
        fn the_parts_sum_to_the_whole(cost in 0i64..9_000_000_000_000_000_000, shares: [f64; 4]) {
            let keys =
                [Key::BreachDetection, Key::BreachLostBusiness, Key::BreachResponse, Key::BreachNotification];
            let point = keys.into_iter().zip(shares).fold(Assumptions::built_in().point(), |p, (k, v)| p.with(k, v));
            let split = BreachSplit::of(MicroDollars(cost), &point);
            let parts = [split.detection, split.lost_business, split.response, split.notification];
            prop_assert_eq!(parts.into_iter().sum::<MicroDollars>(), MicroDollars(cost));
            prop_assert!(parts.into_iter().all(|part| part.0 >= -4096), "{:?}", parts);
        }
    }
}
