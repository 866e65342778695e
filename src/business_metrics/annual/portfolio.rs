//! The risks of a multi-tenant service, from the assumptions.

use super::frequency::Frequency;
use super::outage_cost::handling_terms;
use super::pert::Pert;
use super::risk::{Risk, Severity};
use crate::business_metrics::assumptions::Assumptions;
use crate::business_metrics::breach::BreachModel;
use crate::business_metrics::input::{InputError, amount};
use crate::business_metrics::key::Key;
use crate::business_metrics::tier::{Tier, TierCounts};

/// Data of tenants reach others: a lognormal around the typical breach of so many records.
///
/// # Errors
/// If there are no records, or the breach is beyond what can be counted.
pub fn breach_risk(records: f64, assumptions: &Assumptions) -> Result<Risk, InputError> {
    let point = assumptions.point();
    Risk::new("leak", point.get(Key::FrequencyLeak), BreachModel::of(&point).severity(records)?)
}

/// Requests of customers of one tier fail for some minutes. The customers' line.
///
/// # Errors
/// If a number is negative or not finite.
pub fn outage_risk(tier: Tier, minutes: f64, customers: f64, assumptions: &Assumptions) -> Result<Risk, InputError> {
    let value = pert(Key::downtime(tier), assumptions)?;
    let point = assumptions.point();
    let factor = amount("minutes", minutes)? * amount("customers", customers)? / point.get(Key::DowntimeCustomers);
    Risk::new("outage", point.get(Key::FrequencyOutage), Severity::Scaled { factor, value })
}

/// One tenant slows others down. The vendor's line.
///
/// # Errors
/// If a number of tenants is negative or not finite.
pub fn noisy_neighbour_risk(hurt: &TierCounts, assumptions: &Assumptions) -> Result<Risk, InputError> {
    let (point, severity) = (assumptions.point(), Severity::Sum(handling_terms(hurt, assumptions)?));
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

/// The same risks at frequencies that are as sure as the assumptions say: a range, or a count.
///
/// # Errors
/// If a frequency leads beyond what can be counted.
pub fn believed_portfolio(assumptions: &Assumptions) -> Result<[Risk; 3], InputError> {
    let keys = [Key::FrequencyLeak, Key::FrequencyOutage, Key::FrequencyNoisyNeighbour];
    let [leak, outage, noisy] = reference_portfolio(assumptions)?;
    let believed = |risk: Risk, key: Key| {
        Risk::of(risk.name(), Frequency::of(key.name(), assumptions.get(key))?, risk.severity().clone())
    };
    Ok([believed(leak, keys[0])?, believed(outage, keys[1])?, believed(noisy, keys[2])?])
}

fn pert(key: Key, assumptions: &Assumptions) -> Result<Pert, InputError> {
    Pert::of(key.name(), assumptions.get(key))
}
