//! What a year of losses is made of, as `report.json` has it.

use serde::{Deserialize, Serialize};

use super::assumed::AssumptionUsed;
use crate::business_metrics::{MicroDollars, RoiDistribution};
use crate::oracle::Code;
use crate::pricing::priced::{Losses, PricedSwing};

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
    /// What the defence returns that saves the vendor most; none if no planted bug costs it anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestDefence>,
    /// The assumptions that move the vendor's expected annual loss most, widest swing first; ten at most.
    #[serde(default)]
    pub swings: Vec<PricedSwing>,
    /// What they move it from: all of them at their modes.
    #[serde(default)]
    pub swings_around: MicroDollars,
    /// What the published models say of the dearest leak that was found, planted or not.
    #[serde(default)]
    pub breach_models: Vec<ModelPrice>,
    /// What one year in twenty may lose at most, by the assumptions.
    #[serde(default)]
    pub tolerance: MicroDollars,
    /// What the prices hang on.
    pub assumptions: Vec<AssumptionUsed>,
}

/// One line of a year.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct YearLine {
    /// The risks, dearest first; empty if nothing unplanted was found that costs this line anything.
    pub risks: Vec<YearRisk>,
    /// Loss of a year at the most plausible value of every assumption.
    #[serde(default)]
    pub at_modes: MicroDollars,
    /// Expected annual loss over all ranges: exact.
    pub expected: MicroDollars,
    /// Its simulated mean lies in here with 95% confidence.
    pub simulated: (MicroDollars, MicroDollars),
    /// One year in twenty costs less than this.
    pub p05: MicroDollars,
    /// One year in twenty costs more than this.
    pub p95: MicroDollars,
    /// Where that amount lies with 95% confidence, as far as chance in the simulation goes.
    #[serde(default)]
    pub p95_interval: (MicroDollars, MicroDollars),
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
    /// How often it was seen in the run.
    #[serde(default)]
    pub count: u64,
    /// Mean events per year.
    pub per_year: f64,
    /// Typical cost of one.
    pub typical: MicroDollars,
    /// Expected cost of one.
    pub mean: MicroDollars,
    /// One event in twenty costs more than this.
    #[serde(default)]
    pub p95: MicroDollars,
    /// Expected annual loss.
    pub expected: MicroDollars,
    /// Share of the line's expected annual loss.
    #[serde(default)]
    pub share: f64,
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

/// What the best defence returns, as the vendor's investment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BestDefence {
    /// The scenario that switched it off.
    pub scenario: String,
    /// What it is assumed to cost.
    pub cost: MicroDollars,
    /// Years that its return is looked at over.
    pub horizon: u64,
    /// Yearly discount rate.
    pub rate: f64,
    /// The vendor's expected annual loss with the bug.
    pub before: MicroDollars,
    /// Without.
    pub after: MicroDollars,
    /// The return over simulated futures.
    pub roi: RoiDistribution,
    /// The vendor's loss exceedance curve with the bug.
    pub curve: Vec<CurvePoint>,
}

/// A breach model's word on the dearest leak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ModelPrice {
    /// The model.
    pub model: String,
    /// Typical cost.
    pub typical: MicroDollars,
    /// Whether the breach lies outside of the sizes that the model was fitted to.
    pub outside_its_data: bool,
}
