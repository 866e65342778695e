//! What it costs if a way from one tenant to another is used, where no run has counted rows: every record of every
//! tenant can be read through it.

use crate::business_metrics::{Assumptions, BreachModel, MicroDollars};

use super::model::usd;
use super::text::number;

/// What an open way costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The vendor's, typical.
    pub cost: MicroDollars,
    /// The model's name, as in a run's findings.
    pub model: &'static str,
    /// How it comes about, in a sentence.
    pub basis: String,
}

/// The typical cost of a breach of all records of a business, by the same model as a run's findings. Published breach
/// costs are the vendor's.
pub fn exposure(tenants: u64, records_per_tenant: u64, assumptions: &Assumptions) -> Exposure {
    let model = BreachModel::of(&assumptions.point());
    let records = tenants as f64 * records_per_tenant as f64;
    let basis = format!(
        "typical cost of a breach of {} records (any tenant reads any other: {} tenants × {} records each) = {}",
        number(records),
        number(tenants as f64),
        number(records_per_tenant as f64),
        model.formula(&number(records))
    );
    Exposure { cost: usd(model.median(records)), model: model.name(), basis }
}
