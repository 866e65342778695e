//! What it costs if a way from one tenant to another is used, where no run has counted rows: every record of every
//! tenant can be read through it.

use crate::business_metrics::{AnchoredBreach, Assumptions, MicroDollars};

use super::model::usd;
use super::text::number;

/// The model's name, as in a run's findings.
pub const EXPOSURE_MODEL: &str = "breach (anchored)";

/// The typical cost of a breach of all records of a business, and the sentence that says how it comes about. Published
/// breach costs are the vendor's.
pub fn exposure(tenants: u64, records_per_tenant: u64, assumptions: &Assumptions) -> (MicroDollars, String) {
    let model = AnchoredBreach::of(&assumptions.point());
    let records = tenants as f64 * records_per_tenant as f64;
    let basis = format!(
        "typical cost of a breach of {} records (any tenant reads any other: {} tenants × {} records each) = {}",
        number(records),
        number(tenants as f64),
        number(records_per_tenant as f64),
        model.formula(&number(records))
    );
    (usd(model.median(records)), basis)
}
