//! From a journal to a scenario's report: read the scenario again, judge, price. A function of (journal, assumptions),
//! so that a run can be judged and priced later, on another machine and with other assumptions.

use std::path::Path;

use crate::business_metrics::Assumptions;
use crate::observe::{EndReason, Event, Footer, Header, UndoRecord};
use crate::oracle::{self, Check, Judgement, OracleError, Verdict};
use crate::pricing;
use crate::scenario::{self, Diagnostics, Scenario};

use super::model::ScenarioReport;

/// Why a journal gives no report. Not a verdict: the journal itself cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The first line is missing.
    #[error("the journal has no header, so nothing says which scenario it belongs to; run the scenario again")]
    NoHeader,
    /// The scenario that the journal carries is none for this version.
    #[error(
        "the journal of `{scenario}` holds a scenario that this version cannot read; run it again, or use tenant-chaos {tool_version}"
    )]
    Scenario {
        /// Its name.
        scenario: String,
        /// The version that wrote the journal.
        tool_version: String,
        /// What is wrong with it.
        source: Box<Diagnostics>,
    },
    /// The events cannot be judged.
    #[error("the journal of `{scenario}` cannot be judged")]
    Judge {
        /// Its name.
        scenario: String,
        /// Why.
        source: OracleError,
    },
}

/// Judges and prices one journal. Needs no database and no file: the header carries the scenario's text.
///
/// # Errors
/// If the journal has no header, holds a scenario that does not check, or cannot be judged. A journal that was cut off
/// is no error; its report is inconclusive at best, and not clean.
pub fn judge_journal(events: &[Event], assumptions: &Assumptions) -> Result<ScenarioReport, ReportError> {
    let header = header(events).ok_or(ReportError::NoHeader)?;
    let scenario = scenario_of(header)?;
    let judgement = oracle::judge(events, &scenario)
        .map_err(|source| ReportError::Judge { scenario: header.scenario.clone(), source })?;
    let price = pricing::price(&scenario, &judgement, assumptions);
    let (verdict, reasons) = settle(&judgement, &price.checks);
    let ending = Ending::of(events);
    Ok(ScenarioReport {
        header: header.clone(),
        why: scenario.why,
        tags: scenario.tags.into_iter().collect(),
        verdict,
        reasons,
        judgement,
        price,
        end: ending.end,
        took_us: ending.took_us,
        undo: ending.undo,
        clean: ending.clean,
    })
}

fn header(events: &[Event]) -> Option<&Header> {
    events.iter().find_map(|event| match event {
        Event::Header(header) => Some(header.as_ref()),
        _ => None,
    })
}

/// The scenario of the header's text, with what was in force in the run rather than what the text says.
fn scenario_of(header: &Header) -> Result<Scenario, ReportError> {
    let mut scenario =
        scenario::parse(Path::new(&header.path), &header.toml).map_err(|source| ReportError::Scenario {
            scenario: header.scenario.clone(),
            tool_version: header.tool_version.clone(),
            source: Box::new(source),
        })?;
    scenario.seed = header.seed;
    scenario.family.clone_from(&header.family);
    Ok(scenario)
}

/// The oracle's verdict and the cost conditions together: the worst wins, and its reasons come first.
fn settle(judgement: &Judgement, cost: &[Check]) -> (Verdict, Vec<String>) {
    let verdict = cost.iter().map(|check| check.verdict).fold(judgement.verdict, Verdict::max);
    let mut reasons: Vec<(Verdict, String)> =
        judgement.reasons.iter().map(|reason| (judgement.verdict, reason.clone())).collect();
    let unmet = cost.iter().filter(|check| check.verdict != Verdict::Pass);
    reasons.extend(unmet.map(|check| {
        let observed = format!("{}: {}: {}", check.list, check.condition, check.observed);
        (check.verdict, observed)
    }));
    reasons.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    (verdict, reasons.into_iter().map(|(_, reason)| reason).collect())
}

/// How the run ended.
struct Ending {
    end: EndReason,
    took_us: u64,
    undo: Vec<UndoRecord>,
    clean: bool,
}

impl Ending {
    fn of(events: &[Event]) -> Self {
        let footer = events.iter().rev().find_map(|event| match event {
            Event::Footer(footer) => Some(footer),
            _ => None,
        });
        match footer {
            Some(footer) => Self {
                end: footer.end.clone(),
                took_us: footer.at_us,
                undo: footer.undo.clone(),
                clean: undone(events, footer),
            },
            None => Self {
                end: EndReason::Trouble("the journal has no last line: the run was cut off".to_owned()),
                took_us: events.iter().filter_map(at_us).max().unwrap_or(0),
                undo: Vec::new(),
                clean: false,
            },
        }
    }
}

/// Whether every undo that ran held, and none that was due is missing.
fn undone(events: &[Event], footer: &Footer) -> bool {
    let healed = |fault: usize| {
        events.iter().any(|event| matches!(event, Event::FaultHealed { fault: f, verified: true, .. } if *f == fault))
    };
    let faults_undone = events.iter().all(|event| match event {
        Event::FaultInjected { fault, .. } => healed(*fault),
        _ => true,
    });
    faults_undone && footer.undo.iter().all(|undo| undo.problem.is_none())
}

/// When an event happened, if it says so.
fn at_us(event: &Event) -> Option<u64> {
    match event {
        Event::PhaseStarted { at_us, .. }
        | Event::PhaseEnded { at_us, .. }
        | Event::FaultInjected { at_us, .. }
        | Event::FaultHealed { at_us, .. }
        | Event::ErrorExample { at_us, .. }
        | Event::Alert { at_us, .. }
        | Event::CatalogueAlert { at_us, .. } => Some(*at_us),
        Event::Slice(slice) => Some(slice.at_us),
        Event::Leak(leak) => Some(leak.at_us),
        Event::Footer(footer) => Some(footer.at_us),
        Event::Header(_) | Event::TenantCounts { .. } | Event::Ledger(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::scenario::Phase;

    fn injected(fault: usize) -> Event {
        Event::FaultInjected { at_us: 5, fault, name: "pool.hold".into() }
    }

    fn healed(fault: usize, verified: bool) -> Event {
        let unit = "connections".to_owned();
        Event::FaultHealed { at_us: 9, fault, touched: 4, unit, verified, problem: None }
    }

    fn footer() -> Event {
        Event::Footer(Footer {
            at_us: 20,
            end: EndReason::Completed,
            undo: vec![],
            leaks_seen: 0,
            leaked_tenants: 0,
            receiving_tenants: 0,
        })
    }

    /// A price above its limit fails a scenario that the oracle passes or leaves open, and is named first; a price
    /// within its limit changes nothing.
    #[test]
    fn a_price_above_its_limit_fails_the_scenario() {
        let check = |verdict| Check {
            list: "cost".into(),
            condition: "cost_usd < 10_000".into(),
            verdict,
            observed: "$1,200,000".into(),
        };
        let mut judgement = sample::control().judgement;
        assert_eq!(settle(&judgement, &[check(Verdict::Pass)]), (Verdict::Pass, vec![]));
        judgement.verdict = Verdict::Inconclusive;
        judgement.reasons = vec!["too few samples".into()];
        let (verdict, reasons) = settle(&judgement, &[check(Verdict::Fail)]);
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(reasons, ["cost: cost_usd < 10_000: $1,200,000", "too few samples"]);
    }

    /// A run that was cut off is not clean and says so; one with its last line is what that line says.
    #[test]
    fn a_run_that_was_cut_off_is_not_clean() {
        let cut = Ending::of(&[Event::PhaseStarted { at_us: 7, phase: Phase::Baseline }]);
        assert!(!cut.clean && cut.took_us == 7, "{:?}", cut.end);
        assert!(matches!(cut.end, EndReason::Trouble(_)));
        let whole = Ending::of(&[footer()]);
        assert!(whole.clean && whole.took_us == 20);
    }

    /// An injected fault that was never healed, or whose undo was not verified, leaves the run unclean.
    #[test]
    fn every_injected_fault_must_be_undone() {
        let clean = |events: &[Event]| Ending::of(events).clean;
        assert!(clean(&[injected(0), healed(0, true), footer()]));
        assert!(!clean(&[injected(0), healed(0, false), footer()]));
        assert!(!clean(&[injected(0), injected(1), healed(0, true), footer()]));
    }

    /// A journal without its first line is refused instead of judged as something else.
    #[test]
    fn a_journal_without_header_is_refused() {
        assert!(matches!(judge_journal(&[footer()], &Assumptions::default()), Err(ReportError::NoHeader)));
    }
}
