//! The judgement of one run.

use serde::{Deserialize, Serialize};

use super::finding::{ContextVerdict, Finding};
use crate::scenario::Phase;

/// Pass, inconclusive or fail; the worse one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything expected was evaluated and held.
    Pass,
    /// Something could not be decided: a fault without effect, a load below its rate, too few samples.
    Inconclusive,
    /// Something expected did not hold, or a leak was seen.
    Fail,
}

/// What the oracle makes of one run. Costs are judged later, by `pricing`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Judgement {
    /// The verdict without the cost conditions.
    pub verdict: Verdict,
    /// Why, worst first; empty for a plain pass.
    pub reasons: Vec<String>,
    /// What went wrong, worst first.
    pub findings: Vec<Finding>,
    /// Every expectation and how it came out.
    pub checks: Vec<Check>,
    /// Every fault and what it touched.
    pub faults: Vec<FaultSummary>,
    /// What each context fault did.
    pub context: Vec<ContextVerdict>,
    /// The bound behind every "0 of n".
    pub leak_bound: LeakBound,
    /// The series that reports draw: 100 ms apart.
    pub timeline: Vec<TimelinePoint>,
    /// Totals per phase.
    pub phases: Vec<PhaseSummary>,
    /// Time from the end of the inject phase until all `recover.that` conditions held for good, in microseconds.
    pub recovered_after_us: Option<u64>,
}

/// One expectation, evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// Such as `always`, `inject`, `recover`, `cost`, `must_find`, `effect`, `load`.
    pub list: String,
    /// The condition as written, or a sentence.
    pub condition: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was measured, such as `p99 = 12.4 ms, limit 40 ms, n = 1,204`.
    pub observed: String,
}

/// One fault, summed up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FaultSummary {
    /// Index in the scenario.
    pub index: usize,
    /// Such as `context.drop`.
    pub name: String,
    /// When it took effect, if it did.
    pub injected_at_us: Option<u64>,
    /// When it was undone.
    pub healed_at_us: Option<u64>,
    /// What it did in all.
    pub touched: u64,
    /// The unit of `touched`.
    pub unit: String,
    /// Whether the undo was checked and held.
    pub undone: bool,
    /// What went wrong with the undo.
    pub problem: Option<String>,
}

/// Exact binomial bound on the share of leaking rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeakBound {
    /// Foreign rows.
    pub leaks: u64,
    /// Rows compared.
    pub rows: u64,
    /// One-sided 95% Clopper-Pearson upper bound on the share; `None` if no row was compared.
    pub upper_95: Option<f64>,
}

/// One point of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TimelinePoint {
    /// Start of the slice, microseconds since the run started.
    pub at_us: u64,
    /// Phase.
    pub phase: Phase,
    /// Median latency of all, microseconds; `None` without samples.
    pub p50_us: Option<u64>,
    /// 99th percentile of all.
    pub p99_us: Option<u64>,
    /// 99th percentile of the victims, where a scenario has an aggressor.
    pub victims_p99_us: Option<u64>,
    /// Finished without an error.
    pub ok: u64,
    /// Failed.
    pub errors: u64,
    /// Arrivals not sent.
    pub dropped: u64,
    /// Foreign rows.
    pub leaked_rows: u64,
}

/// Totals of one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PhaseSummary {
    /// Phase.
    pub phase: Phase,
    /// Start, microseconds since the run started.
    pub from_us: u64,
    /// End.
    pub to_us: u64,
    /// Arrivals.
    pub intended: u64,
    /// Finished without an error.
    pub ok: u64,
    /// Failed, by kind.
    pub errors: std::collections::BTreeMap<crate::scenario::ErrorKind, u64>,
    /// Arrivals not sent.
    pub dropped: u64,
    /// Arrivals sent late.
    pub late: u64,
    /// Median latency, microseconds.
    pub p50_us: Option<u64>,
    /// 99th percentile.
    pub p99_us: Option<u64>,
    /// Rows compared.
    pub rows_checked: u64,
    /// Foreign rows.
    pub leaked_rows: u64,
}
