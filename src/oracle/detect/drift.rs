//! TC-D01 and TC-D02: protections of the database that were taken away, how long until somebody was told, and what
//! crossed until then.

use super::finding;
use crate::observe::{CATALOGUE_CHECK_MS, LeakKind};
use crate::oracle::finding::{BlastRadius, Code, Finding};
use crate::oracle::seen::{SLICE_US, Seen, Window};

use crate::scenario::{Fault, FaultAction, Layer, Who};
use crate::wording::{count, duration, moment, plural};

/// A drift that lasted longer than this many intervals of the check must have been seen by it.
const INTERVALS: u64 = 3;

/// One mistake and who noticed it when; microseconds since the run started.
struct Drift<'a> {
    fault: &'a Fault,
    injected_at_us: u64,
    until_us: u64,
    first_row_us: Option<u64>,
    alert_us: Option<u64>,
}

/// An alert is a notice with its time to detect; a drift that nobody was told of means that the guard was blind.
pub(super) fn drift(seen: &Seen<'_>) -> Vec<Finding> {
    let drifts: Vec<Drift<'_>> = seen.scenario.faults.iter().filter_map(|fault| drift_of(seen, fault)).collect();
    let (told, blind): (Vec<_>, Vec<_>) = drifts.into_iter().partition(|drift| drift.alert_us.is_some());
    [noticed(seen, &told), unnoticed(seen, &blind)].into_iter().flatten().collect()
}

fn drift_of<'a>(seen: &Seen<'a>, fault: &'a Fault) -> Option<Drift<'a>> {
    let FaultAction::Operator(_) = fault.action else { return None };
    let at = seen.faults.get(fault.index)?;
    let injected_at_us = at.injected_at_us?;
    let until_us = at.healed.as_ref().map_or(u64::MAX, |healed| healed.at_us);
    let within = |at: &u64| (injected_at_us..until_us).contains(at);
    // The marks of fault and check have clocks of their own: the alert may be sent while the injection is confirmed.
    let slack = injected_at_us.saturating_sub(SLICE_US);
    let first_row_us = seen.leaks_of(LeakKind::Read).map(|leak| leak.at_us).find(|at| (slack..until_us).contains(at));
    let alert_us = seen.catalogue_alerts.iter().copied().find(|at| within(at) || (slack..until_us).contains(at));
    let touched = at.healed.as_ref().is_none_or(|healed| healed.touched > 0);
    touched.then_some(Drift { fault, injected_at_us, until_us, first_row_us, alert_us })
}

fn noticed(seen: &Seen<'_>, told: &[Drift<'_>]) -> Option<Finding> {
    let first = told.iter().min_by_key(|drift| drift.injected_at_us)?;
    let detected = told.iter().filter_map(|drift| drift.alert_us).min()?;
    let took_us = detected.saturating_sub(first.injected_at_us);
    // Counts are those of whole slices, and the alert may lie in one of which only the end has leaked.
    let leaked = told.iter().filter_map(|drift| drift.first_row_us).any(|row| row < detected);
    let rows = if leaked { rows_between(seen, first.injected_at_us, detected) } else { 0 };
    let summary = format!(
        "{} at {}: the catalogue check said so after {}; {}",
        first.fault.action.name(),
        moment(first.injected_at_us),
        duration(took_us),
        match first.first_row_us {
            Some(row) if !leaked => {
                let came = row.saturating_sub(first.injected_at_us);
                format!("the first foreign row came after {}, after the alert", duration(came))
            }
            Some(row) => format!(
                "the first foreign row came after {}, {} until the alert",
                duration(row.saturating_sub(first.injected_at_us)),
                plural(rows, "foreign row")
            ),
            None => "no foreign row came of it".to_owned(),
        }
    );
    let mut finding = finding(Code::CatalogueAlert, summary, told.len() as u64, detected);
    finding.blast_radius = BlastRadius { rows, seconds: took_us as f64 / 1e6, ..BlastRadius::default() };
    finding.blast_radius.tenants_exposed = exposed(seen, first);
    finding.notes = told.iter().map(note).collect();
    Some(finding)
}

fn unnoticed(seen: &Seen<'_>, blind: &[Drift<'_>]) -> Option<Finding> {
    let lasted = |drift: &Drift<'_>| drift.until_us.saturating_sub(drift.injected_at_us);
    let due = |drift: &&Drift<'_>| lasted(drift) > INTERVALS * CATALOGUE_CHECK_MS * 1_000;
    let first = blind.iter().filter(due).min_by_key(|drift| drift.injected_at_us)?;
    // A run that was cut off has no end of the drift; what is known of it ends with the last slice.
    let seen_until = seen.slices.last().map_or(first.injected_at_us, |slice| slice.at_us + SLICE_US);
    let until = first.until_us.min(seen_until);
    let summary = format!(
        "{} at {} lasted {} and nobody was told",
        first.fault.action.name(),
        moment(first.injected_at_us),
        duration(until.saturating_sub(first.injected_at_us))
    );
    let mut finding = finding(Code::CatalogueBlind, summary, blind.len() as u64, first.injected_at_us);
    finding.blast_radius = BlastRadius {
        rows: rows_between(seen, first.injected_at_us, until),
        seconds: until.saturating_sub(first.injected_at_us) as f64 / 1e6,
        ..BlastRadius::default()
    };
    finding.notes = blind.iter().map(note).collect();
    finding.notes.push(match seen.scenario.stack.defence.contains(&Layer::Monitor) {
        true => "The catalogue check was on and did not see it.".to_owned(),
        false => "The catalogue check was switched off by the scenario, with the monitor.".to_owned(),
    });
    Some(finding)
}

/// Foreign rows of the slices that lie between two moments, whole slices.
fn rows_between(seen: &Seen<'_>, from_us: u64, to_us: u64) -> u64 {
    let slices = seen.slices_in(Window::Run).filter(|slice| slice.at_us + SLICE_US > from_us && slice.at_us < to_us);
    slices.flat_map(|slice| seen.classes_of(slice, Who::All)).map(|class| class.leaked_rows).sum()
}

/// Tenants whose rows leaked from the injection to the alert, as far as leak lines name them.
fn exposed(seen: &Seen<'_>, drift: &Drift<'_>) -> u64 {
    let until = drift.alert_us.unwrap_or(drift.until_us);
    let leaks = seen.leaks_of(LeakKind::Read).filter(|leak| leak.at_us + SLICE_US >= drift.injected_at_us);
    let owners: std::collections::BTreeSet<_> =
        leaks.filter(|leak| leak.at_us <= until).map(|leak| leak.owner).collect();
    owners.len() as u64
}

fn note(drift: &Drift<'_>) -> String {
    let after = |at: Option<u64>| match at {
        Some(at) => format!("after {}", duration(at.saturating_sub(drift.injected_at_us))),
        None => "never".to_owned(),
    };
    format!(
        "Fault {} ({}): first foreign row {}, alert of the catalogue check {}.",
        count(drift.fault.index as u64 + 1),
        drift.fault.action.name(),
        after(drift.first_row_us),
        after(drift.alert_us)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Event;
    use crate::oracle::fixture::*;
    use crate::oracle::judgement::Verdict;
    use crate::scenario::{LoadTable, OperatorFault, Scenario};

    fn with_mistake() -> Scenario {
        with_fault(FaultAction::Operator(OperatorFault::DisableRls(LoadTable::Documents)))
    }

    fn alerted(at_us: u64) -> Event {
        Event::CatalogueAlert { at_us, what: vec!["table documents: row security true became false".into()] }
    }

    /// The time to detect counts from the injection to the first alert, and the rows that leaked until then are named.
    #[test]
    fn the_time_to_detect_is_measured() {
        let scenario = with_mistake();
        let mut journal = Journal::healthy(&scenario).leaks(1_100..1_600);
        journal.more.push(alerted(1_300_000));
        let judged = journal.judge(&scenario);
        let finding = found(&judged, Code::CatalogueAlert).unwrap();
        assert_eq!((finding.count, finding.first_at_us), (1, 1_300_000));
        assert!((finding.blast_radius.seconds - 0.3).abs() < 1e-9, "{finding:?}");
        // Two slices of a leak lie before the alert.
        let leaking = found(&judged, Code::ForeignRow).unwrap().count / 5;
        assert_eq!(finding.blast_radius.rows, 2 * leaking);
        assert!(finding.summary.contains("after 300 ms"), "{}", finding.summary);
        assert_eq!(found(&judged, Code::CatalogueBlind), None);
    }

    /// Rows that leak only after the alert are not counted as having leaked before it, although slices are whole.
    #[test]
    fn rows_after_the_alert_do_not_count() {
        let scenario = with_mistake();
        let mut journal = Journal::healthy(&scenario).leaks(1_200..1_600);
        // The first row leaks half a millisecond after its slice began.
        journal.more.push(alerted(1_200_200));
        let judged = journal.judge(&scenario);
        let finding = found(&judged, Code::CatalogueAlert).unwrap();
        assert_eq!(finding.blast_radius.rows, 0, "{}", finding.summary);
        assert!(finding.summary.ends_with("after the alert"), "{}", finding.summary);
    }

    /// A drift that lasted and raised no alert is a blind guard and fails the run, whether rows leaked or not; the same
    /// alert without a mistake in the scenario, or a mistake that changed nothing, is neither.
    #[test]
    fn a_blind_guard_is_found() {
        let scenario = with_mistake();
        let judged = Journal::healthy(&scenario).judge(&scenario);
        assert_eq!(judged.verdict, Verdict::Fail);
        assert!(found(&judged, Code::CatalogueBlind).is_some() && found(&judged, Code::CatalogueAlert).is_none());
        let untouched = Journal::healthy(&scenario).touched(0, 0).judge(&scenario);
        assert_eq!(found(&untouched, Code::CatalogueBlind), None);
        let calm = Journal::healthy(&with_drop()).judge(&with_drop());
        assert_eq!((found(&calm, Code::CatalogueBlind), found(&calm, Code::CatalogueAlert)), (None, None));
    }
}
