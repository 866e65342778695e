//! The risks of a multi-tenant service, from the assumptions.

use super::pert::Pert;
use super::risk::{Risk, Severity, Term};
use crate::business_metrics::assumptions::Assumptions;
use crate::business_metrics::breach::AnchoredBreach;
use crate::business_metrics::input::{InputError, amount};
use crate::business_metrics::key::Key;
use crate::business_metrics::tier::{Tier, TierCounts};

/// Data of tenants reach others: a lognormal around the typical breach of so many records.
///
/// # Errors
/// If there are no records, or the breach is beyond what can be counted.
pub fn breach_risk(records: f64, assumptions: &Assumptions) -> Result<Risk, InputError> {
    let point = assumptions.point();
    let median = AnchoredBreach::of(&point).median(records)?;
    Risk::new("leak", point.get(Key::FrequencyLeak), Severity::lognormal(median, point.get(Key::BreachSigma))?)
}

/// Requests of customers of one tier fail for some minutes. The customers' line.
///
/// # Errors
/// If a number is negative or not finite.
pub fn outage_risk(tier: Tier, minutes: f64, customers: f64, assumptions: &Assumptions) -> Result<Risk, InputError> {
    let key = match tier {
        Tier::Starter => Key::DowntimeStarter,
        Tier::Growth => Key::DowntimeGrowth,
        Tier::Enterprise => Key::DowntimeEnterprise,
    };
    let value = pert(key, assumptions)?;
    let point = assumptions.point();
    let factor = amount("minutes", minutes)? * amount("customers", customers)? / point.get(Key::DowntimeCustomers);
    Risk::new("outage", point.get(Key::FrequencyOutage), Severity::Scaled { factor, value })
}

/// One tenant slows others down. The vendor's line.
///
/// # Errors
/// If a number of tenants is negative or not finite.
pub fn noisy_neighbour_risk(hurt: &TierCounts, assumptions: &Assumptions) -> Result<Risk, InputError> {
    let point = assumptions.point();
    for tier in Tier::ALL {
        amount("tenants", hurt.of(tier))?;
    }
    let term = |factor: f64, keys: &[Key]| -> Result<Term, InputError> {
        let values = keys.iter().map(|key| pert(*key, assumptions)).collect::<Result<_, _>>()?;
        Ok(Term { factor, values })
    };
    let yearly: f64 = hurt.iter().map(|(tier, tenants)| tenants * 12.0 * point.price(tier)).sum();
    let severity = Severity::Sum(vec![
        term(hurt.total(), &[Key::IncidentTicketShare, Key::IncidentTicketCost])?,
        term(1.0, &[Key::IncidentHours, Key::IncidentHourlyRate])?,
        term(yearly, &[Key::IncidentChurn])?,
    ]);
    Risk::new("noisy neighbour", point.get(Key::FrequencyNoisyNeighbour), severity)
}

/// The three failures of the product brief: data of fifty tenants, an enterprise outage of 45 minutes, two hundred slowed
/// tenants. The outage is the customers' line and the other two are the vendor's, so the sum is nobody's loss: it is the
/// yardstick that implementations are compared by.
///
/// # Errors
/// If the assumptions lead beyond what can be counted.
pub fn reference_portfolio(assumptions: &Assumptions) -> Result<[Risk; 3], InputError> {
    Ok([
        breach_risk(50.0 * assumptions.point().get(Key::BreachRecordsPerTenant), assumptions)?,
        outage_risk(Tier::Enterprise, 45.0, 10.0, assumptions)?,
        noisy_neighbour_risk(&TierCounts::only(Tier::Starter, 200.0), assumptions)?,
    ])
}

fn pert(key: Key, assumptions: &Assumptions) -> Result<Pert, InputError> {
    Pert::of(key.name(), assumptions.get(key))
}
