//! TC-P01 and TC-P02: requests that failed for want of a connection, and connections that never came back.

use super::{Affected, Hurt, finding};
use crate::oracle::finding::{Code, Finding};
use crate::oracle::seen::{FaultSeen, LOADED, Seen, Span, Window};
use crate::oracle::tally::Tally;
use crate::scenario::{ErrorKind, Phase, Who};
use crate::stats::Observed;
use crate::wording::{count, moment, plural, share};

/// The last part of the recover phase, in which a pool that lost no connection has recovered.
const LAST_PART: f64 = 1.0 / 3.0;
/// Confidence that requests fail more often than in the baseline is 1 minus this.
const ALPHA: f64 = 0.01;

/// Requests that failed because no connection, or no place in the bulkhead, came free in time.
pub(super) fn exhausted(seen: &Seen<'_>) -> Option<Finding> {
    let affected = Affected::of(
        seen.slices_in(Window::Run),
        |slice| seen.classes_of(slice, Who::All),
        |tally| tally.starved() > 0,
    );
    let starved = affected.tally.starved();
    if starved == 0 {
        return None;
    }
    let first = affected.first_at_us.unwrap_or(0);
    let finished = seen.tally(Window::Run, Who::All).finished();
    let (pool, bulkhead) =
        (affected.tally.failed_by(ErrorKind::PoolTimeout), affected.tally.failed_by(ErrorKind::BulkheadFull));
    let summary = format!(
        "{} of {} failed for want of a connection: {} timed out on the pool, {} found their bulkhead full; first at {}",
        count(starved),
        plural(finished, "request"),
        count(pool),
        count(bulkhead),
        moment(first)
    );
    let mut finding = finding(Code::PoolExhausted, summary, starved, first);
    finding.blast_radius = hurt(seen, &affected, |tally| tally.starved() > 0);
    if !seen.aggressors.is_empty() {
        let victims = seen.tally(Window::Run, Who::Victims).starved();
        finding.notes.push(format!("{} of them were not the aggressor's.", count(victims)));
    }
    Some(finding)
}

/// The pool still has no connection to give at the end of the recover phase, although every fault was undone.
pub(super) fn leaked(seen: &Seen<'_>) -> Option<Finding> {
    if seen.scenario.faults.is_empty() || !seen.is_whole(Window::Phase(Phase::Recover)) {
        return None;
    }
    let recover = seen.span(Phase::Recover)?;
    let length = recover.to_us - recover.from_us;
    let last = Span { from_us: recover.to_us - (length as f64 * LAST_PART) as u64, ..recover };
    // An undo takes its time, and what fails meanwhile is the fault's doing.
    let in_time = |fault: &FaultSeen| fault.healed.as_ref().is_some_and(|healed| healed.at_us <= last.from_us);
    if !seen.faults.iter().all(|fault| fault.injected_at_us.is_none() || in_time(fault)) {
        return None;
    }
    let timeouts = |tally: &Tally| tally.failed_by(ErrorKind::PoolTimeout);
    let slices = || seen.slices_in(Window::Phase(Phase::Recover)).filter(|slice| last.holds(slice.at_us));
    let all = Tally::of(slices().flat_map(|slice| seen.classes_of(slice, Who::All)));
    let baseline = seen.tally(Window::Phase(Phase::Baseline), Who::All);
    let late = Observed::of(timeouts(&all), all.finished());
    let before = Observed::of(timeouts(&baseline), baseline.finished());
    // A pool that is too small times out in the baseline, too, and has not leaked anything for that.
    let usual = before.events() > 0 && !late.clearly_exceeds(before, ALPHA);
    if late.events() == 0 || usual {
        return None;
    }
    let affected = Affected::of(slices(), |slice| seen.classes_of(slice, Who::All), |tally| timeouts(tally) > 0);
    let summary = format!(
        "{} of {} ({}) in the last third of the recover phase still timed out on the pool, after every fault was undone",
        count(late.events()),
        plural(late.trials(), "request"),
        share(late.share().unwrap_or(0.0))
    );
    let mut finding = finding(Code::PoolLeak, summary, late.events(), affected.first_at_us.unwrap_or(last.from_us));
    finding.blast_radius = hurt(seen, &affected, |tally| timeouts(tally) > 0);
    Some(finding)
}

/// The tenants with failed requests, of phases in which it happened. How a single tenant's requests failed is not
/// recorded, so this is an upper bound where other errors occurred beside it.
fn hurt(
    seen: &Seen<'_>,
    affected: &Affected,
    happened: impl Fn(&Tally) -> bool,
) -> crate::oracle::finding::BlastRadius {
    let phases: Vec<Phase> =
        LOADED.into_iter().filter(|phase| happened(&seen.tally(Window::Phase(*phase), Who::All))).collect();
    Hurt::in_phases(seen, &phases, |_, [_, _, failed, _]| failed > 0).radius(affected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::fixture::*;
    use crate::scenario::{FaultAction, Tier};

    /// Failing for want of a connection is found, by pool and by bulkhead; failing otherwise is not that.
    #[test]
    fn exhaustion_is_found_by_its_errors() {
        let scenario = with_fault(FaultAction::PoolHold { connections: 8 });
        for (kind, reported) in
            [(ErrorKind::PoolTimeout, true), (ErrorKind::BulkheadFull, true), (ErrorKind::Timeout, false)]
        {
            let journal = Journal::healthy(&scenario).fail(Who::Tier(Tier::Growth), 1_500..2_000, kind, 4);
            let judged = journal.judge(&scenario);
            assert_eq!(found(&judged, Code::PoolExhausted).map(|f| f.count), reported.then_some(20), "{kind}");
        }
    }

    /// The blast radius is that of the tenants that failed, while it lasted.
    #[test]
    fn exhaustion_knows_whom_it_hurt() {
        let scenario = with_fault(FaultAction::PoolHold { connections: 8 });
        let mut journal = Journal::healthy(&scenario).fail(Who::All, 1_500..2_000, ErrorKind::PoolTimeout, 5);
        journal.tenants.get_mut(&Phase::Inject).unwrap()[5] = [5, 100, 80, 20, 0];
        let judged = journal.judge(&scenario);
        let radius = &found(&judged, Code::PoolExhausted).unwrap().blast_radius;
        assert_eq!((radius.tenants_hurt, radius.hurt_by_tier[&Tier::Growth]), (1, 1));
        assert!((radius.seconds - 0.5).abs() < 1e-9 && (radius.failed_share - 0.5).abs() < 1e-9);
    }

    /// Timeouts that last to the end of the recover phase are a leak; those that end before its last third are not, nor
    /// are those of a pool that timed out as often before any fault.
    #[test]
    fn a_leak_outlasts_the_faults() {
        let scenario = with_fault(FaultAction::PoolLeak);
        let timeouts = |time| Journal::healthy(&scenario).fail(Who::All, time, ErrorKind::PoolTimeout, 5);
        assert!(found(&timeouts(1_500..4_000).judge(&scenario), Code::PoolLeak).is_some());
        assert_eq!(found(&timeouts(1_500..3_500).judge(&scenario), Code::PoolLeak), None);
        assert_eq!(found(&timeouts(0..4_000).judge(&scenario), Code::PoolLeak), None);
    }

    /// A fault that was undone only while it was looked at is the reason, not a leak.
    #[test]
    fn a_fault_that_took_long_to_undo_is_no_leak() {
        let scenario = with_fault(FaultAction::PoolLeak);
        let mut journal = Journal::healthy(&scenario).fail(Who::All, 1_500..4_000, ErrorKind::PoolTimeout, 5);
        for event in &mut journal.more {
            if let crate::observe::Event::FaultHealed { at_us, .. } = event {
                *at_us = 3_900_000;
            }
        }
        assert_eq!(found(&journal.judge(&scenario), Code::PoolLeak), None);
    }

    /// A fault that was not undone is the reason, not a leak.
    #[test]
    fn a_fault_that_is_still_on_is_no_leak() {
        let scenario = with_fault(FaultAction::PoolLeak);
        let mut journal = Journal::healthy(&scenario).fail(Who::All, 1_500..4_000, ErrorKind::PoolTimeout, 5);
        journal.more.retain(|event| !matches!(event, crate::observe::Event::FaultHealed { .. }));
        assert_eq!(found(&journal.judge(&scenario), Code::PoolLeak), None);
    }
}
