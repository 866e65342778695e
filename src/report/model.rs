//! The report's model: what `report.json` holds and every renderer reads.

use serde::{Deserialize, Serialize};

use super::context_matrix::ContextCell;
use crate::business_metrics::{Assumptions, InputError};
use crate::observe::{EndReason, Header, UndoRecord};
use crate::oracle::{Judgement, Verdict};
use crate::pricing::{self, Losses, PricedRun, ScenarioPrice, Year};

/// Version of `report.json`.
pub const REPORT_SCHEMA_VERSION: u32 = 1;

/// One run of several scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunReport {
    /// [`REPORT_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// This program's version.
    pub tool_version: String,
    /// Wall-clock start of the first scenario, RFC 3339.
    pub started_at: String,
    /// The worst of the scenarios.
    pub verdict: Verdict,
    /// The scenarios, in the order of their paths.
    pub scenarios: Vec<ScenarioReport>,
    /// Scenarios that the harness could not run.
    pub troubles: Vec<Trouble>,
    /// Scenarios that were not begun, because the run was interrupted.
    #[serde(default)]
    pub not_run: Vec<String>,
    /// Scenarios that ask for what this provider does not have, with the reason. They say nothing about this run: they
    /// are neither passed nor undecided, and run with another provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Trouble>,
    /// What each context fault did, by pooler, mode and version of PostgreSQL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context_matrix: Vec<ContextCell>,
    /// Sums over all scenarios.
    pub totals: Totals,
    /// The first thing to look at, one sentence.
    pub first_look: String,
    /// A year of losses, for those who pay; see [`RunReport::with_year`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<Year>,
}

/// Seed of the simulation behind a report: one for all, so that two reports differ by what they are about.
pub const YEAR_SEED: u64 = 1;

impl RunReport {
    /// Adds a year of losses.
    ///
    /// # Errors
    /// If a price is so large that a year of it is beyond what can be counted.
    pub fn with_year(self, assumptions: &Assumptions) -> Result<Self, InputError> {
        self.with_years(assumptions, pricing::YEARS, YEAR_SEED)
    }

    /// Adds a year of losses, simulated over so many years from another seed.
    ///
    /// # Errors
    /// As [`Self::with_year`]; and if there are too few years or too many.
    pub fn with_years(mut self, assumptions: &Assumptions, years: usize, seed: u64) -> Result<Self, InputError> {
        let prices: Vec<ScenarioPrice<'_>> = self.scenarios.iter().map(ScenarioReport::priced).collect();
        self.year = Some(pricing::year(&prices, assumptions, years, seed)?);
        Ok(self)
    }
}

impl ScenarioReport {
    /// What it found and what that costs.
    pub fn priced(&self) -> ScenarioPrice<'_> {
        ScenarioPrice { scenario: &self.header.scenario, findings: &self.judgement.findings, price: &self.price }
    }
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ScenarioReport {
    /// What it was; `header.toml` holds its text.
    pub header: Header,
    /// The scenario's own words.
    pub why: String,
    /// Labels.
    pub tags: Vec<String>,
    /// The final verdict, cost conditions included.
    pub verdict: Verdict,
    /// Why, worst first.
    pub reasons: Vec<String>,
    /// The oracle's word.
    pub judgement: Judgement,
    /// The price.
    pub price: PricedRun,
    /// How it ended.
    pub end: EndReason,
    /// Wall-clock length, microseconds.
    pub took_us: u64,
    /// What was undone, and how; clean-up has a verdict of its own.
    pub undo: Vec<UndoRecord>,
    /// Whether every undo held.
    pub clean: bool,
}

/// A scenario that could not be run: harness trouble, not a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Trouble {
    /// The scenario.
    pub scenario: String,
    /// What went wrong, and what to do.
    pub message: String,
}

/// Sums over all scenarios of a run. Planted findings are not in the money here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Totals {
    /// Scenarios that passed, planted ones that were caught included.
    pub passed: u64,
    /// Scenarios that failed.
    pub failed: u64,
    /// Scenarios that could not be decided.
    pub inconclusive: u64,
    /// Planted bugs that were caught.
    pub planted_caught: u64,
    /// Unplanted losses at scale, the largest single scenario's.
    pub worst: Losses,
    /// Rows compared with their asker.
    pub rows_checked: u64,
    /// Foreign rows.
    pub leaked_rows: u64,
}
