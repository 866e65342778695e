//! `price gate`: exit 1 if a run is dearer than it may be, or proves less than it should.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::answer::{Common, JOURNALS, percent, usd};
use super::run::year_of;
use crate::business_metrics::InputProblem;
use crate::cli::exit::Exit;
use crate::cli::output::CliError;
use crate::oracle::{Severity, Verdict};
use crate::report::{RunReport, ScenarioReport};
use crate::stats::Observed;

/// One-sided 95%.
const ALPHA: f64 = 0.05;

#[derive(Debug, Args)]
pub(super) struct Gate {
    /// Journals, folders of them, or a report.json.
    #[arg(default_value = JOURNALS)]
    run: Vec<PathBuf>,
    /// Expected annual loss of the vendor at most, US dollars.
    #[arg(long, value_name = "DOLLARS", allow_negative_numbers = true)]
    max_eal: Option<f64>,
    /// The vendor's loss that one year in twenty exceeds, at most, US dollars.
    #[arg(long, value_name = "DOLLARS", allow_negative_numbers = true)]
    max_var95: Option<f64>,
    /// Upper bound (95%) on the share of foreign rows at most, over scenarios that plant no leak.
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    max_leak_ub: Option<f64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Checked {
    what: &'static str,
    measured: f64,
    limit: f64,
    holds: bool,
}

impl Gate {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let limits =
            [("--max-eal", self.max_eal), ("--max-var95", self.max_var95), ("--max-leak-ub", self.max_leak_ub)];
        if limits.iter().all(|(_, limit)| limit.is_none()) {
            return Err(CliError::Usage("give at least one of --max-eal, --max-var95 and --max-leak-ub".to_owned()));
        }
        for (name, limit) in limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))) {
            let problem = match limit {
                limit if !limit.is_finite() => InputProblem::NotFinite,
                limit if limit < 0.0 => InputProblem::Negative(limit),
                limit if limit > 1.0 && name == "--max-leak-ub" => InputProblem::AboveOne(limit),
                _ => continue,
            };
            return Err(CliError::Usage(format!("`{name}` {problem}")));
        }
        let report = self.common.run(&self.run)?;
        let year = year_of(&report)?;
        let checked = |what, measured: f64, limit: Option<f64>| {
            limit.map(|limit| Checked { what, measured, limit, holds: measured <= limit })
        };
        let all: Vec<Checked> = [
            checked("expected annual loss", year.vendor.expected.usd(), self.max_eal),
            checked("loss of 1 year in 20", year.vendor.p95.usd(), self.max_var95),
            checked("foreign rows, upper bound", leak_bound(&report), self.max_leak_ub),
        ]
        .into_iter()
        .flatten()
        .collect();
        let whole = is_whole(&report);
        self.common.answer(&all, || {
            let undecided = (!whole).then(|| "some scenario was not decided: what it costs is not known".to_owned());
            all.iter().map(Checked::text).chain(undecided).collect::<Vec<_>>().join("\n")
        })?;
        Ok(match all.iter().all(|each| each.holds) {
            false => Exit::Fail,
            // A run that was cut off is cheap, and a gate that nothing went through holds nothing back.
            true if !whole => Exit::Inconclusive,
            true => Exit::Pass,
        })
    }
}

/// Whether every scenario ran to a verdict. One that failed did: what it may cost is this gate's question.
fn is_whole(report: &RunReport) -> bool {
    let decided = report.scenarios.iter().all(|each| each.verdict != Verdict::Inconclusive);
    decided && !report.scenarios.is_empty() && report.troubles.is_empty() && report.not_run.is_empty()
}

/// The bound over all rows of scenarios that plant no leak; 1 if no row was compared, because nothing is then known.
fn leak_bound(report: &RunReport) -> f64 {
    let plants = |scenario: &&ScenarioReport| {
        scenario.judgement.findings.iter().any(|finding| finding.planted && finding.severity == Severity::Leak)
    };
    let tested = report.scenarios.iter().filter(|scenario| !plants(scenario)).map(|s| s.judgement.leak_bound);
    let (leaks, rows) = tested.fold((0u64, 0u64), |(leaks, rows), bound| {
        (leaks.saturating_add(bound.leaks), rows.saturating_add(bound.rows))
    });
    Observed::of(leaks, rows).upper(ALPHA)
}

impl Checked {
    fn text(&self) -> String {
        let say = |value: f64| if self.what.starts_with("foreign") { percent(value) } else { usd(value) };
        let verdict = if self.holds { "pass" } else { "FAIL" };
        format!("{verdict}  {}: {}, limit {}", self.what, say(self.measured), say(self.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Trouble, assemble, sample};

    /// A run is whole if every scenario was decided: not if one is inconclusive, could not be run, or was not begun.
    #[test]
    fn a_run_with_gaps_is_not_whole() {
        let whole = sample::passing();
        assert!(is_whole(&whole) && !is_whole(&assemble(Vec::new(), Vec::new())));
        let trouble = Trouble { scenario: "x".into(), message: "no server".into() };
        assert!(!is_whole(&RunReport { troubles: vec![trouble], ..whole.clone() }));
        assert!(!is_whole(&RunReport { not_run: vec!["y".to_owned()], ..whole.clone() }));
        let mut undecided = whole;
        undecided.scenarios[0].verdict = Verdict::Inconclusive;
        assert!(!is_whole(&undecided));
    }
}
