//! A year of losses, from what runs have shown: the sentence for those who pay, and what stands behind it.
//!
//! Findings that nobody planted, and that are no side effect of something planted, are what is there. Per kind of failure
//! the dearest of them is one risk, at the frequency of its kind, which is as sure as the assumptions are: several scenarios that show one
//! failure are one risk. Planted findings show what a defence is worth: what a year would cost if the planted bug were
//! there. Notices cost nothing here.

mod assumed;
mod best;
mod defence;
mod hangs_on;
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

use crate::business_metrics::{Assumptions, InputError, Key, MicroDollars, Simulation};

/// Years that a report simulates.
pub const YEARS: usize = 100_000;

/// A year of losses from the prices of several scenarios, simulated over so many years from a seed.
///
/// # Errors
/// If there are too few years or too many, or a price is so large that its distribution is beyond what can be counted.
pub fn year(
    scenarios: &[ScenarioPrice<'_>],
    assumptions: &Assumptions,
    years: usize,
    seed: u64,
) -> Result<Year, InputError> {
    let simulation = Simulation::new(years, seed)?;
    let (swings_around, swings) = hangs_on::swings(scenarios, assumptions)?;
    Ok(Year {
        years: years as u64,
        seed,
        assumptions_hash: assumed::hash(assumptions),
        vendor: line::line(scenarios, LossLine::Vendor, assumptions, simulation)?,
        customer: line::line(scenarios, LossLine::Customer, assumptions, simulation)?,
        defences: defence::defences(scenarios, assumptions)?,
        best: best::best(scenarios, assumptions, simulation)?,
        swings,
        swings_around,
        breach_models: hangs_on::breach_models(scenarios, &assumptions.point())?,
        tolerance: MicroDollars::from_usd(assumptions.get(Key::RiskTolerance).mode),
        assumptions: assumed::used(scenarios, assumptions),
    })
}
