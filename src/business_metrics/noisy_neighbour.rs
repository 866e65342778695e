//! What an incident costs the vendor to handle: tickets of the tenants that were hurt, engineers, and those who leave.
//!
//! `N × ticket share × ticket cost + hours × rate + sum over tiers of N × churn share × yearly price`. The name is that
//! of the incident in the product brief; the same work follows a lost write or an outage.

use serde::Serialize;

use super::assumptions::Point;
use super::input::{InputError, amount, dollars};
use super::key::Key;
use super::tier::{Tier, TierCounts};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyNeighbourModel {
    ticket_share: f64,
    ticket_cost: f64,
    hours: f64,
    hourly_rate: f64,
    churn_share: f64,
    yearly_prices: [f64; 3],
}

/// The parts of the cost, US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct HandlingCost {
    /// Tickets.
    pub tickets: f64,
    /// Engineers.
    pub engineering: f64,
    /// A year's price of those who leave.
    pub churn: f64,
}

impl HandlingCost {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.tickets + self.engineering + self.churn
    }
}

impl NoisyNeighbourModel {
    /// With these assumptions.
    pub fn of(point: &Point) -> Self {
        Self {
            ticket_share: point.get(Key::IncidentTicketShare),
            ticket_cost: point.get(Key::IncidentTicketCost),
            hours: point.get(Key::IncidentHours),
            hourly_rate: point.get(Key::IncidentHourlyRate),
            churn_share: point.get(Key::IncidentChurn),
            yearly_prices: Tier::ALL.map(|tier| 12.0 * point.price(tier)),
        }
    }

    /// An incident that hurt these tenants. One that hurt none still takes its engineers.
    ///
    /// # Errors
    /// If a number of tenants is negative or not finite, or the cost exceeds what can be counted.
    pub fn cost(&self, hurt: &TierCounts) -> Result<HandlingCost, InputError> {
        for tier in Tier::ALL {
            amount("tenants", hurt.of(tier))?;
        }
        let yearly: f64 =
            Tier::ALL.into_iter().zip(self.yearly_prices).map(|(tier, price)| hurt.of(tier) * price).sum();
        let cost = HandlingCost {
            tickets: hurt.total() * self.ticket_share * self.ticket_cost,
            engineering: self.hours * self.hourly_rate,
            churn: self.churn_share * yearly,
        };
        dollars("tenants", hurt.total(), cost.total())?;
        Ok(cost)
    }

    /// The same without anybody leaving: for incidents in which nobody lost anything.
    ///
    /// # Errors
    /// As [`Self::cost`].
    pub fn cost_without_churn(&self, hurt: &TierCounts) -> Result<HandlingCost, InputError> {
        Ok(HandlingCost { churn: 0.0, ..self.cost(hurt)? })
    }

    /// The assumptions with their numbers, for a sentence.
    pub fn terms(&self) -> String {
        let Self { ticket_share, ticket_cost, hours, hourly_rate, churn_share, .. } = self;
        format!(
            "{:.4}% open a ticket of ${ticket_cost}, {hours} engineer hours at ${hourly_rate}, {:.4}% leave with a year's price",
            ticket_share * 100.0,
            churn_share * 100.0
        )
        .replace(".0000%", "%")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::Assumptions;

    fn starters(tenants: f64) -> f64 {
        let model = NoisyNeighbourModel::of(&Assumptions::built_in().point());
        model.cost(&TierCounts::only(Tier::Starter, tenants)).unwrap().total()
    }

    /// Rows 11 and 12: 200 tenants cost $8,002 (the brief's $8K); 20 to 272 span its $2K to $10K.
    #[test]
    fn the_briefs_noisy_neighbour_comes_out() {
        for (tenants, golden) in
            [(0.0, 2_500.0), (20.0, 3_050.0), (50.0, 3_876.0), (100.0, 5_251.0), (200.0, 8_002.0), (272.0, 9_983.0)]
        {
            assert!((starters(tenants) - golden).abs() < 1.0, "{tenants}: {}", starters(tenants));
        }
        let model = NoisyNeighbourModel::of(&Assumptions::built_in().point());
        let cost = model.cost(&TierCounts::only(Tier::Starter, 200.0)).unwrap();
        assert_eq!((cost.tickets, cost.engineering, cost.churn), (750.0, 2_500.0, 4_752.0));
    }

    /// Less than no tenants, and no number of them, are refused by name.
    #[test]
    fn impossible_tenants_are_refused() {
        let model = NoisyNeighbourModel::of(&Assumptions::built_in().point());
        for tenants in [-1.0, f64::NAN, 1e300] {
            assert_eq!(model.cost(&TierCounts::only(Tier::Growth, tenants)).unwrap_err().key, "tenants");
        }
    }

    proptest! {
        /// More hurt tenants never cost less, and a dearer tier costs more to lose.
        #[test]
        fn more_tenants_cost_more(tenants in 0.0f64..1e6, more in 0.0f64..1e6) {
            prop_assert!(starters(tenants) <= starters(tenants + more));
            let model = NoisyNeighbourModel::of(&Assumptions::built_in().point());
            let of = |tier| model.cost(&TierCounts::only(tier, tenants)).unwrap().total();
            prop_assert!(of(Tier::Starter) <= of(Tier::Growth) && of(Tier::Growth) <= of(Tier::Enterprise));
        }
    }
}
