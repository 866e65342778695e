//! What a confirmed leak costs if somebody finds it: priced as a breach of every tenant's records. Confirmed leaks are
//! one loss, whatever their number: the same records are lost through each.

use schemars::JsonSchema;
use serde::Serialize;

use super::model::HuntReport;
use crate::business_metrics::{Assumptions, MicroDollars};
use crate::hunt::finding::{Finding, Severity, Status};
use crate::hunt::input::BusinessConfig;
use crate::pricing::exposure;

/// A price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HuntPrice {
    /// Typical cost, in millionths of a US dollar.
    pub cost: MicroDollars,
    /// The model, such as `breach (anchored)`.
    pub model: String,
    /// How the number came about, one sentence with every input.
    pub basis: String,
}

/// Prices every confirmed leak alone, and the report as one loss. What is accepted costs what it costs.
pub(in crate::hunt) fn price(report: &mut HuntReport, business: &BusinessConfig, assumptions: &Assumptions) {
    let priced = exposure(business.tenants, business.records_per_tenant, assumptions);
    let price = HuntPrice { cost: priced.cost, model: priced.model.to_owned(), basis: priced.basis };
    let is_leak = |finding: &&mut Finding| finding.status == Status::Confirmed && finding.severity == Severity::Leak;
    for finding in report.findings.iter_mut().filter(is_leak) {
        finding.price = Some(price.clone());
        report.price = Some(price.clone());
    }
}
