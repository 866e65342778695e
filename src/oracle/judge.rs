//! The verdict.

use super::check::{check, check_always};
use super::detect::{context_verdicts, findings};
use super::finding::{Code, Finding, Severity};
use super::judgement::{Check, Judgement, LeakBound, Verdict};
use super::measure::leaked_rows;
use super::recovery::recovery;
use super::seen::{Seen, Window};
use super::soundness::{fault_summaries, soundness};
use super::timeline::{phases, timeline};
use crate::observe::{Event, JOURNAL_SCHEMA_VERSION};
use crate::scenario::{Phase, Scenario, Who};
use crate::stats::Observed;
use crate::wording::{count, plural};

/// Why events cannot be judged. Not a verdict: the events do not belong together, or not to this scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OracleError {
    /// Nothing says what the slices count.
    #[error("the events have no header, so nothing says whom their counts are about")]
    NoHeader,
    /// The events are of a newer version.
    #[error("the events have version {found} and this program judges up to {JOURNAL_SCHEMA_VERSION}; use a newer one")]
    Newer {
        /// Their version.
        found: u32,
    },
    /// A slice counts by a class that the header does not have.
    #[error("a slice counts class {class} and the header has {classes}, so the events are of different runs")]
    UnknownClass {
        /// Its index.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// An event is about a fault that the scenario does not have.
    #[error("an event is about fault {fault} and the scenario has {faults}, so they do not belong together")]
    UnknownFault {
        /// Its index.
        fault: usize,
        /// How many there are.
        faults: usize,
    },
    /// The scenario plants what no detector finds.
    #[error("`must_find` names `{code}`, which is no finding's code")]
    UnknownCode {
        /// As written.
        code: String,
    },
}

/// Judges one run. Costs are left to [`crate::pricing`].
///
/// The order of the events does not matter. A run that was cut off is no error: what was seen of it still fails, and what
/// was not is inconclusive.
///
/// # Errors
/// If the events have no header, or do not belong to the scenario.
pub fn judge(events: &[Event], scenario: &Scenario) -> Result<Judgement, OracleError> {
    let seen = Seen::of(events, scenario)?;
    let planted = planted(scenario)?;
    let faults = fault_summaries(&seen);
    let recovery = recovery(&seen);
    let mut findings = findings(&seen, &recovery);
    for finding in &mut findings {
        finding.planted = planted.contains(&finding.code);
    }
    findings.sort_by_key(|finding| (finding.severity, finding.code));

    let mut checks = Vec::new();
    checks.extend(scenario.expect.always.iter().map(|condition| check_always(&seen, condition)));
    for (list, conditions, phase) in
        [("baseline", &scenario.expect.baseline, Phase::Baseline), ("inject", &scenario.expect.inject, Phase::Inject)]
    {
        checks.extend(conditions.iter().map(|condition| check(&seen, list, condition, Window::Phase(phase))));
    }
    checks.extend(recovery.checks);
    checks.extend(planted.iter().map(|code| must_find(&seen, *code, &findings)));
    checks.extend(soundness(&seen, &faults));

    let (verdict, reasons) = verdict(&findings, &checks);
    Ok(Judgement {
        verdict,
        reasons,
        findings,
        checks,
        faults,
        context: context_verdicts(&seen),
        leak_bound: leak_bound(&seen),
        timeline: timeline(&seen),
        phases: phases(&seen),
        recovered_after_us: recovery.after_us,
    })
}

fn planted(scenario: &Scenario) -> Result<Vec<Code>, OracleError> {
    let code = |text: &String| {
        let known = Code::ALL.iter().copied().find(|code| code.text() == text);
        known.ok_or_else(|| OracleError::UnknownCode { code: text.clone() })
    };
    scenario.expect.must_find.iter().map(code).collect()
}

fn must_find(seen: &Seen<'_>, code: Code, findings: &[Finding]) -> Check {
    let found = findings.iter().find(|finding| finding.code == code);
    let (verdict, observed) = match (found, seen.cut_off()) {
        (Some(finding), _) => (Verdict::Pass, format!("found: {}", finding.summary)),
        (None, Some(why)) => (Verdict::Inconclusive, format!("not found, and the run was not whole: {why}")),
        (None, None) => (Verdict::Fail, "planted bug was not caught".to_owned()),
    };
    Check { list: "must_find".to_owned(), condition: format!("{code} ({})", code.title()), verdict, observed }
}

/// The worst of everything, with its reasons, worst first.
fn verdict(findings: &[Finding], checks: &[Check]) -> (Verdict, Vec<String>) {
    let fails =
        |finding: &&Finding| !finding.planted && matches!(finding.severity, Severity::Leak | Severity::Integrity);
    let mut reasons: Vec<(Verdict, String)> = findings
        .iter()
        .filter(fails)
        .map(|finding| (Verdict::Fail, format!("{}: {}", finding.code, finding.summary)))
        .collect();
    let unmet = checks.iter().filter(|check| check.verdict != Verdict::Pass);
    reasons
        .extend(unmet.map(|check| (check.verdict, format!("{}: {}: {}", check.list, check.condition, check.observed))));
    reasons.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let verdict = reasons.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Pass);
    (verdict, reasons.into_iter().map(|(_, reason)| reason).collect())
}

/// The bound behind "0 of n": exact, one-sided, 95%.
fn leak_bound(seen: &Seen<'_>) -> LeakBound {
    let leaks = leaked_rows(seen);
    let rows = seen.tally(Window::Run, Who::All).rows_checked;
    LeakBound { leaks, rows, upper_95: (rows > 0).then(|| Observed::of(leaks, rows).upper(0.05)) }
}

/// `17 of 12,345 rows`.
pub(super) fn of_rows(leaks: u64, rows: u64) -> String {
    format!("{} of {}", count(leaks), plural(rows, "row"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::EndReason;
    use crate::oracle::fixture::*;

    /// A leak in the middle of a scenario that heals itself: fail, with or without an expectation, however the run ended.
    #[test]
    fn a_healed_leak_fails() {
        let mut scenario = with_drop();
        for always in [vec![], vec![no_leak()]] {
            scenario.expect.always = always;
            assert_eq!(Journal::healthy(&scenario).judge(&scenario).verdict, Verdict::Pass);
            let leaking = Journal::healthy(&scenario).leaks(1_000..3_000);
            let judged = leaking.judge(&scenario);
            assert_eq!(judged.verdict, Verdict::Fail);
            assert!(judged.reasons[0].starts_with("TC-L01: "), "{:?}", judged.reasons);
            let stopped = leaking.ended(2_000, EndReason::StopCondition("leaked_rows: 100 of 100".into()));
            assert_eq!(stopped.judge(&scenario).verdict, Verdict::Fail);
        }
    }

    /// A planted bug that is caught does not fail; one that is not caught does; another one beside it does.
    #[test]
    fn a_planted_bug_must_be_caught() {
        let mut scenario = with_drop();
        scenario.expect.must_find = ["TC-L01".to_owned(), "TC-C01".to_owned()].into();
        let caught = Journal::healthy(&scenario).leaks(1_000..3_000).judge(&scenario);
        assert_eq!((caught.verdict, caught.findings.len()), (Verdict::Pass, 2));
        assert!(caught.findings.iter().all(|finding| finding.planted));
        let missed = Journal::healthy(&scenario).judge(&scenario);
        assert_eq!(missed.verdict, Verdict::Fail);
        assert!(missed.reasons[0].contains("planted bug was not caught"));
        let mut lossy = Journal::healthy(&scenario).leaks(1_000..3_000);
        lossy.ledger.lost = 1;
        assert_eq!(lossy.judge(&scenario).verdict, Verdict::Fail);
    }

    /// A run that was cut off may have missed the planted bug for that reason.
    #[test]
    fn a_planted_bug_is_not_missed_by_half_a_run() {
        let mut scenario = with_drop();
        scenario.expect.must_find = ["TC-L01".to_owned()].into();
        let cut = Journal::healthy(&scenario).ended(1_500, EndReason::Interrupted).judge(&scenario);
        assert_eq!((cut.verdict, check_of(&cut, "must_find").verdict), (Verdict::Inconclusive, Verdict::Inconclusive));
    }

    /// What is slow or unavailable fails by expectation only.
    #[test]
    fn availability_fails_by_expectation_only() {
        let scenario = with_drop();
        let kind = crate::scenario::ErrorKind::PoolTimeout;
        let judged = Journal::healthy(&scenario).fail(Who::All, 1_000..3_000, kind, 9).judge(&scenario);
        assert_eq!((judged.verdict, judged.findings.len()), (Verdict::Pass, 2));
        assert!(judged.findings.iter().all(|finding| finding.severity == Severity::Availability));
    }

    /// Zero of n is never zero: the bound is exact, and there is none without rows.
    #[test]
    fn zero_leaks_have_a_bound() {
        let scenario = scenario();
        let bound = Journal::healthy(&scenario).judge(&scenario).leak_bound;
        assert_eq!((bound.leaks, bound.rows), (0, 6_000));
        assert!((bound.upper_95.unwrap() - (1.0 - 0.05f64.powf(1.0 / 6_000.0))).abs() < 1e-12);
        let mut silent = Journal::healthy(&scenario);
        silent.slices.clear();
        assert_eq!(silent.judge(&scenario).leak_bound.upper_95, None);
    }

    /// Events of another run or another scenario are refused instead of misread.
    #[test]
    fn events_that_do_not_belong_are_refused() {
        let scenario = scenario();
        let mut other = Journal::healthy(&scenario);
        other.header.classes.truncate(1);
        assert!(matches!(judge(&other.events(), &scenario), Err(OracleError::UnknownClass { classes: 1, .. })));
        let faulty = Journal::healthy(&with_drop());
        assert_eq!(judge(&faulty.events(), &scenario), Err(OracleError::UnknownFault { fault: 0, faults: 0 }));
        assert_eq!(judge(&[], &scenario), Err(OracleError::NoHeader));
    }

    /// The series has a point per slice, and totals per phase add up to it.
    #[test]
    fn series_and_totals_agree() {
        let scenario = with_flood();
        let judged = Journal::healthy(&scenario).slow(Who::Victims, 1_000..1_100, 70_000).judge(&scenario);
        assert_eq!((judged.timeline.len(), judged.phases.len()), (40, 3));
        let ok: u64 = judged.timeline.iter().map(|point| point.ok).sum();
        assert_eq!(judged.phases.iter().map(|phase| phase.ok).sum::<u64>(), ok);
        assert_eq!((judged.phases[1].from_us, judged.phases[1].to_us), (1_000_000, 3_000_000));
        let point = judged.timeline[10];
        assert_eq!((point.phase, point.p50_us, point.victims_p99_us), (Phase::Inject, Some(70_000), Some(70_000)));
    }
}
