//! An outage in two lines that are never added: what the customers lose and what the vendor loses.
//!
//! The customers' line is the published rate per minute ([`DowntimeModel`]). The vendor's is service credits, the
//! revenue of the minutes that failed, and the handling of the incident ([`NoisyNeighbourModel`]).

use serde::Serialize;

use super::assumptions::Point;
use super::downtime::DowntimeModel;
use super::input::{InputError, amount, share};
use super::key::Key;
use super::noisy_neighbour::{HandlingCost, NoisyNeighbourModel};
use super::sla::{MONTH_MINUTES, SlaSchedule};
use super::tier::TierCounts;

/// An outage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// Tenants whose requests failed.
    pub hurt: TierCounts,
    /// How long it lasted.
    pub minutes: f64,
    /// Share of their requests that failed.
    pub severity: f64,
    /// The service level agreement.
    pub schedule: SlaSchedule,
}

/// What an outage costs, US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OutageLoss {
    /// What the customers lose.
    pub customer: f64,
    /// What the vendor loses.
    pub vendor: VendorLoss,
}

/// The vendor's line, US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VendorLoss {
    /// Service credits.
    pub credits: f64,
    /// Fees of the minutes that failed.
    pub revenue: f64,
    /// Tickets, engineers, those who leave.
    pub handling: HandlingCost,
}

impl VendorLoss {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.credits + self.revenue + self.handling.total()
    }
}

impl Outage {
    /// Both lines.
    ///
    /// # Errors
    /// If a number of tenants or the minutes are negative or not finite, or the severity is no share.
    pub fn loss(&self, point: &Point) -> Result<OutageLoss, InputError> {
        let (minutes, severity) = (amount("minutes", self.minutes)?, share("severity", self.severity)?);
        let downtime = DowntimeModel::of(point);
        let handling = NoisyNeighbourModel::of(point).cost(&self.hurt)?;
        // A minute counts as downtime, and pays credits, if enough of it failed.
        let down = if severity > point.get(Key::SlaErrorShare) { minutes } else { 0.0 };
        let mut loss = OutageLoss { customer: 0.0, vendor: VendorLoss { credits: 0.0, revenue: 0.0, handling } };
        for (tier, tenants) in self.hurt.iter() {
            let fee = point.price(tier);
            loss.customer += downtime.cost(tier, minutes, severity, tenants)?;
            loss.vendor.credits += self.schedule.credit(down, fee, tenants)?;
            loss.vendor.revenue += tenants * fee / MONTH_MINUTES * minutes * severity;
        }
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::{Assumptions, Tier};

    fn outage(severity: f64) -> OutageLoss {
        let hurt = TierCounts::only(Tier::Enterprise, 10.0);
        let outage = Outage { hurt, minutes: 45.0, severity, schedule: SlaSchedule::RdsMultiAz };
        outage.loss(&Assumptions::built_in().point()).unwrap()
    }

    /// The brief's 45 minutes: $405,000 for the customers; for the vendor $4,999 of credits, $52 of fees, and the
    /// handling of an incident with ten enterprise customers.
    #[test]
    fn the_two_lines_are_apart() {
        let loss = outage(1.0);
        assert_eq!(loss.customer, 405_000.0);
        assert!((loss.vendor.credits - 4_999.0).abs() < 1e-9);
        assert!((loss.vendor.revenue - 10.0 * 4_999.0 / 43_200.0 * 45.0).abs() < 1e-9);
        let handling = 10.0 * 0.15 * 25.0 + 2_500.0 + 10.0 * 0.02 * 4_999.0 * 12.0;
        assert!((loss.vendor.total() - loss.vendor.credits - loss.vendor.revenue - handling).abs() < 1e-6);
    }

    /// A minute in which at most 5% of the requests failed is no downtime under an agreement, and pays no credits; the
    /// customers lose their share all the same.
    #[test]
    fn a_few_errors_are_no_downtime() {
        assert_eq!(outage(0.05).vendor.credits, 0.0);
        assert!(outage(0.051).vendor.credits > 0.0);
        assert!((outage(0.05).customer - 20_250.0).abs() < 1e-6);
    }
}
