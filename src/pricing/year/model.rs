//! What a year of losses is made of, as `report.json` has it.

use serde::{Deserialize, Serialize};

use super::assumed::AssumptionUsed;
use crate::business_metrics::MicroDollars;
use crate::oracle::Code;
use crate::pricing::priced::Losses;

/// A year of losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Year {
    /// Simulated years.
    pub years: u64,
    /// Seed of the simulation.
    pub seed: u64,
    /// Hash of the assumptions.
    pub assumptions_hash: String,
    /// What the vendor loses.
    pub vendor: YearLine,
    /// What its customers lose; never added to the vendor's.
    pub customer: YearLine,
    /// Planted bugs by what a year with them would cost, dearest first.
    pub defences: Vec<Defence>,
    /// What the prices hang on.
    pub assumptions: Vec<AssumptionUsed>,
}

/// One line of a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct YearLine {
    /// The risks, dearest first; empty if nothing unplanted was found that costs this line anything.
    pub risks: Vec<YearRisk>,
    /// Expected annual loss: exact.
    pub expected: MicroDollars,
    /// Its simulated mean lies in here with 95% confidence.
    pub simulated: (MicroDollars, MicroDollars),
    /// One year in twenty costs less than this.
    pub p05: MicroDollars,
    /// One year in twenty costs more than this.
    pub p95: MicroDollars,
    /// One year in a hundred costs more than this.
    pub p99: MicroDollars,
    /// Mean of the worst year in twenty.
    pub tail95: MicroDollars,
    /// The loss exceedance curve.
    pub curve: Vec<CurvePoint>,
}

/// One risk of a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct YearRisk {
    /// The kind of failure.
    pub name: String,
    /// The scenario whose finding is the dearest of its kind.
    pub scenario: String,
    /// The finding.
    pub code: Code,
    /// Events per year.
    pub per_year: f64,
    /// Typical cost of one.
    pub typical: MicroDollars,
    /// Expected cost of one.
    pub mean: MicroDollars,
    /// Expected annual loss.
    pub expected: MicroDollars,
}

/// A point of a loss exceedance curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CurvePoint {
    /// A year's loss.
    pub loss: MicroDollars,
    /// Share of years that lose more.
    pub share: f64,
}

/// What a defence is worth that a scenario switched off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Defence {
    /// The scenario that planted the bug.
    pub scenario: String,
    /// What it was caught by.
    pub codes: Vec<Code>,
    /// Expected annual loss with the bug: the vendor's and the customers' line.
    pub expected: Losses,
}
