//! What it costs: findings become inputs of [`crate::business_metrics`], and dollars come back. Pure.
//!
//! A finding is priced twice: as seen in the run, and at the scale of the scenario's `[business]`, where the share of
//! the fleet that was hit is the share of the business that is hit, and what lasted in the run lasts until it is
//! repaired. What customers and vendor lose are two lines that are never added. Findings with one cause are one loss.
//! Prices are typical costs (models at the most plausible values), not expectations over a year.

mod bug;
mod exposure;
mod fix;
mod model;
mod price;
mod priced;
mod scale;
mod text;
mod worst_case;
mod year;

#[cfg(test)]
mod tests;

pub use exposure::{Exposure, exposure};
pub use fix::{FixReturn, FixedKind, Investment, fix_return};
pub use price::price;
pub use priced::*;
pub use worst_case::{WorstCase, worst_case};
pub use year::{
    AssumptionUsed, BestDefence, CurvePoint, Defence, LossLine, ModelPrice, ScenarioPrice, YEARS, Year, YearLine,
    YearRisk, year,
};
