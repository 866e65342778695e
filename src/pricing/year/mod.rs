//! A year of losses, from what runs have shown: the sentence for those who pay, and what stands behind it.
//!
//! Findings that nobody planted, and that are no side effect of something planted, are what is there. Per kind of failure
//! the dearest of them is one risk, at the published or assumed frequency of its kind: several scenarios that show one
//! failure are one risk. Planted findings show what a defence is worth: what a year would cost if the planted bug were
//! there. Notices cost nothing here.

mod assumed;
mod defence;
mod kind;
mod line;
mod model;
mod risk;
mod select;
mod sentence;

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;

pub use assumed::AssumptionUsed;
pub use kind::LossLine;
pub use model::*;
pub use select::ScenarioPrice;

pub(super) use kind::Kind;
pub(super) use risk::risk;
pub(super) use select::{Which, dearest};

use crate::business_metrics::{Assumptions, InputError};

/// Years that are simulated.
const YEARS: usize = 100_000;

/// A year of losses from the prices of several scenarios.
///
/// # Errors
/// If a price is so large that its distribution is beyond what can be counted.
pub fn year(scenarios: &[ScenarioPrice<'_>], assumptions: &Assumptions, seed: u64) -> Result<Year, InputError> {
    let vendor = line::line(scenarios, LossLine::Vendor, assumptions, seed)?;
    let customer = line::line(scenarios, LossLine::Customer, assumptions, seed)?;
    Ok(Year {
        years: YEARS as u64,
        seed,
        assumptions_hash: assumed::hash(assumptions),
        vendor,
        customer,
        defences: defence::defences(scenarios, assumptions)?,
        assumptions: assumed::used(scenarios, assumptions),
    })
}
