//! Whether the run shows anything at all: did it end, did its load arrive, did its faults touch something. What is not
//! so is never a failure of the system under test; it is inconclusive.

use super::judgement::{Check, FaultSummary, Verdict};
use super::seen::{FaultSeen, Seen, Window};
use super::tally::Tally;
use crate::scenario::{Fault, FaultAction, LoadShape, OperatorFault, Phase, ServerFault, ServerUse, Who};
use crate::wording::{count, plural, share};

/// At least this share of the intended arrivals must have been sent, where no fault is on: in time, if the scenario has
/// its server to itself because it measures latency; at all, if it does not. Sent is compared with intended, not with
/// the nominal rate, so the chance of a Poisson process does not matter.
pub(super) const SENT: f64 = 0.95;
/// More than this share of arrivals that were not sent, and what was measured is not what was asked for.
pub(super) const NOT_SENT: f64 = 0.05;

/// Everything that must be so for the other checks to mean something.
pub(super) fn soundness(seen: &Seen<'_>, faults: &[FaultSummary]) -> Vec<Check> {
    let mut checks: Vec<Check> = ended(seen).into_iter().collect();
    checks.extend(load(seen));
    checks.extend(ledger(seen));
    checks.extend(seen.scenario.faults.iter().zip(faults).map(|(fault, summary)| effect(seen, fault, summary)));
    checks
}

fn ended(seen: &Seen<'_>) -> Option<Check> {
    let observed = seen.cut_off()?;
    let condition = "the run completes its phases".to_owned();
    Some(Check { list: "run".to_owned(), condition, verdict: Verdict::Inconclusive, observed })
}

/// A ledger that ran full says nothing of the writes that came after.
fn ledger(seen: &Seen<'_>) -> Option<Check> {
    let not_kept = seen.ledger.as_ref().map(|ledger| ledger.not_kept).filter(|not_kept| *not_kept > 0)?;
    let condition = "every acknowledged write is compared".to_owned();
    let observed = format!("{} beyond the ledger's capacity were not compared", plural(not_kept, "write"));
    Some(Check { list: "ledger".to_owned(), condition, verdict: Verdict::Inconclusive, observed })
}

/// The window in which the load must arrive: a system under fault may drop arrivals, and that is not the load's failure.
fn steady(seen: &Seen<'_>) -> Option<(Window, &'static str)> {
    if seen.scenario.faults.is_empty() {
        return Some((Window::Run, "the run"));
    }
    // Without a baseline there is no time in which a fault cannot be the reason.
    (!seen.scenario.phases.baseline.is_zero()).then_some((Window::Phase(Phase::Baseline), "the baseline"))
}

fn load(seen: &Seen<'_>) -> Option<Check> {
    let (window, name) = steady(seen)?;
    let tally = seen.tally(window, Who::All);
    let (condition, verdict, observed) = match seen.scenario.load.shape {
        LoadShape::Open { .. } => {
            let punctual = seen.scenario.stack.server == ServerUse::Alone;
            let in_time = if punctual { " in time" } else { "" };
            let condition = format!("{} of the arrivals of {name} are sent{in_time}", share(SENT));
            let (verdict, observed) = arrivals(&tally, punctual);
            (condition, verdict, observed)
        }
        LoadShape::Closed { clients } => {
            let enough = tally.finished() >= u64::from(clients).max(1);
            let verdict = if enough { Verdict::Pass } else { Verdict::Inconclusive };
            let observed = format!("{} by {}", plural(tally.finished(), "request"), plural(clients.into(), "client"));
            (format!("every client finishes a request in {name}"), verdict, observed)
        }
    };
    Some(Check { list: "load".to_owned(), condition, verdict, observed })
}

fn arrivals(tally: &Tally, punctual: bool) -> (Verdict, String) {
    let Tally { intended, dropped, late, .. } = tally;
    if *intended == 0 {
        return (Verdict::Inconclusive, "no arrival was due".to_owned());
    }
    let missed = if punctual { dropped.saturating_add(*late) } else { *dropped };
    let sent = intended.saturating_sub(missed) as f64 / *intended as f64;
    let observed =
        format!("{}; of {}: {} dropped, {} late", share(sent), count(*intended), count(*dropped), count(*late));
    if sent >= SENT {
        return (Verdict::Pass, observed);
    }
    let why = match dropped > late {
        true => "`max_in_flight` requests were under way; lower the rate or raise the limit",
        false => "this machine is too slow or too busy for the rate; lower it, or run nothing beside it",
    };
    (Verdict::Inconclusive, format!("{observed}: {why}"))
}

fn effect(seen: &Seen<'_>, fault: &Fault, summary: &FaultSummary) -> Check {
    let at = seen.faults.get(fault.index).cloned().unwrap_or_default();
    let verdict =
        if summary.injected_at_us.is_some() && summary.touched > 0 { Verdict::Pass } else { Verdict::Inconclusive };
    let observed = match (summary.injected_at_us, summary.touched) {
        (None, _) => match seen.cut_off() {
            Some(why) => format!("was not injected: {why}"),
            None => "was not injected".to_owned(),
        },
        (Some(_), 0) => format!("touched nothing: {}", likely_reason(fault, &at)),
        (Some(_), touched) => format!("{} {}", count(touched), summary.unit),
    };
    let condition = format!("fault {} ({}) touches something", fault.index + 1, summary.name);
    Check { list: "effect".to_owned(), condition, verdict, observed }
}

fn likely_reason(fault: &Fault, seen: &FaultSeen) -> String {
    let Some(healed) = &seen.healed else {
        return "it was never undone, so what it did is not known".to_owned();
    };
    if let Some(problem) = &healed.problem {
        return format!("its undo failed, so what it did is not known ({problem})");
    }
    match &fault.action {
        FaultAction::ContextDrop { .. } => {
            "no request matched its trigger while it was on; raise the share, the rate or its length"
        }
        FaultAction::PoolHold { .. } | FaultAction::PoolIdleInTransaction { .. } => {
            "the pool had no connection to give while it was on; give it longer"
        }
        FaultAction::PoolLeak => "no request that ended well matched its trigger while it was on",
        FaultAction::PoolStorm { .. } => "none of its connection attempts ended while it was on; give it longer",
        FaultAction::PoolerRestart { .. } => "the pooler was not restarted; give the fault longer than its `down`",
        FaultAction::FloodRate { .. } => {
            "the aggressor's own rate is so low that no extra request was due; raise `times` or its length"
        }
        FaultAction::FloodHeavy { .. } => "no heavy query was sent while it was on; give it longer",
        FaultAction::FloodLock { .. } => "the lock was never taken; look at who else holds it",
        FaultAction::Server(ServerFault::Terminate { .. }) => "no backend was in a transaction while it was on",
        FaultAction::Server(ServerFault::LongTransaction) => "no document was updated while it was on; give it longer",
        FaultAction::Server(ServerFault::ReplicaLag { .. }) => "nothing was written that could be read back",
        FaultAction::Server(_) => "the application had no connection when it came",
        FaultAction::Operator(OperatorFault::AddPartition) => "the job that reads the new partition read nothing",
        FaultAction::Operator(_) => "the catalogue was so already",
        FaultAction::Wire(_) => "nothing that crossed the wire matched its trigger while it was on",
    }
    .to_owned()
}

/// Every fault of the schedule and what became of it.
pub(super) fn fault_summaries(seen: &Seen<'_>) -> Vec<FaultSummary> {
    seen.scenario
        .faults
        .iter()
        .map(|fault| {
            let FaultSeen { injected_at_us, healed, context } =
                seen.faults.get(fault.index).cloned().unwrap_or_default();
            let touched = healed.as_ref().map_or(0, |healed| healed.touched).max(context.touched);
            let unit = match &healed {
                Some(healed) if healed.touched > 0 || context.touched == 0 => healed.unit.clone(),
                _ => unit_of(&fault.action).to_owned(),
            };
            FaultSummary {
                index: fault.index,
                name: fault.action.name().to_owned(),
                injected_at_us,
                healed_at_us: healed.as_ref().map(|healed| healed.at_us),
                touched,
                unit,
                undone: healed.as_ref().is_some_and(|healed| healed.verified),
                problem: healed.and_then(|healed| healed.problem),
            }
        })
        .collect()
}

/// The unit that a fault would have named, had it been undone.
fn unit_of(action: &FaultAction) -> &'static str {
    match action {
        FaultAction::ContextDrop { .. } => "transactions",
        FaultAction::FloodRate { .. } => "extra requests",
        FaultAction::FloodHeavy { .. } => "heavy queries",
        FaultAction::FloodLock { .. } => "table locks",
        FaultAction::PoolStorm { .. } => "connection attempts",
        FaultAction::Operator(OperatorFault::AddPartition) => "reads of the partition",
        FaultAction::Operator(_) => "protections",
        FaultAction::Server(ServerFault::Terminate { .. }) => "backends",
        FaultAction::Server(ServerFault::CheckpointStorm { .. }) => "checkpoints",
        FaultAction::PoolerRestart { .. } => "restarts",
        FaultAction::Wire(fault) if fault.touches_statements() => "statements",
        _ => "connections",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{EndReason, Event};
    use crate::oracle::fixture::*;

    /// A fault that touched something passes; one that touched nothing, was never injected, or whose effect is not known
    /// is inconclusive, each with its reason.
    #[test]
    fn a_fault_without_effect_is_inconclusive() {
        let scenario = with_drop();
        assert_eq!(Journal::healthy(&scenario).judge(&scenario).verdict, Verdict::Pass);
        let nothing = Journal::healthy(&scenario).touched(0, 0);
        let mut never = Journal::healthy(&scenario);
        never.more.clear();
        // An injection that failed half-way is undone, and its effect is nobody's word.
        let mut half = Journal::healthy(&scenario);
        half.more.retain(|event| matches!(event, Event::FaultHealed { .. }));
        let mut still_on = Journal::healthy(&scenario);
        still_on.more.retain(|event| matches!(event, Event::FaultInjected { .. }));
        for (journal, why) in [
            (nothing, "no request matched its trigger"),
            (never, "was not injected"),
            (half, "was not injected"),
            (still_on, "was never undone"),
        ] {
            let judged = journal.judge(&scenario);
            assert_eq!(judged.verdict, Verdict::Inconclusive);
            assert!(check_of(&judged, "effect").observed.contains(why), "{:?}", judged.checks);
        }
    }

    /// An undo that failed stays failed, in whatever order it is told beside one that did not.
    #[test]
    fn the_worse_of_two_undos_stands() {
        let scenario = with_drop();
        let failed = Event::FaultHealed {
            at_us: 3_000_000,
            fault: 0,
            touched: 100,
            unit: "things".into(),
            verified: false,
            problem: Some("it is still on".into()),
        };
        let mut journal = Journal::healthy(&scenario);
        journal.more.insert(0, failed.clone());
        let mut other = Journal::healthy(&scenario);
        other.more.push(failed);
        for journal in [journal, other] {
            let summary = journal.judge(&scenario).faults.remove(0);
            assert_eq!((summary.undone, summary.problem.as_deref()), (false, Some("it is still on")));
        }
    }

    /// In the baseline 5% of the arrivals may miss their time and no more; under fault the system may refuse them. Where
    /// no latency is measured late is good enough.
    #[test]
    fn a_load_that_cannot_arrive_is_inconclusive() {
        let mut scenario = with_drop();
        scenario.stack.server = ServerUse::Shared;
        let late = Journal::healthy(&scenario).change(Who::All, 0..1_000, |class| class.late = class.intended);
        assert_eq!(late.judge(&scenario).verdict, Verdict::Pass);
        scenario.stack.server = ServerUse::Alone;
        let spoil = |time, dropped, late| {
            let journal = Journal::healthy(&scenario).change(Who::All, time, |class| {
                (class.intended, class.dropped, class.late) = (100, dropped, late);
            });
            journal.judge(&scenario).verdict
        };
        assert_eq!(spoil(0..1_000, 3, 2), Verdict::Pass);
        assert_eq!(spoil(0..1_000, 6, 0), Verdict::Inconclusive);
        assert_eq!(spoil(0..1_000, 0, 6), Verdict::Inconclusive);
        assert_eq!(spoil(1_000..3_000, 90, 5), Verdict::Pass);
        assert_eq!(spoil(0..1_000, 0, 0), Verdict::Pass);
    }

    /// Without a fault the whole run must arrive; without any arrival nothing was tested.
    #[test]
    fn without_a_fault_the_whole_run_must_arrive() {
        let mut scenario = scenario();
        scenario.stack.server = ServerUse::Alone;
        let late = Journal::healthy(&scenario).change(Who::All, 2_000..4_000, |class| class.late = 5);
        assert_eq!(late.judge(&scenario).verdict, Verdict::Inconclusive);
        let mut silent = Journal::healthy(&scenario);
        silent.slices.clear();
        assert_eq!(check_of(&silent.judge(&scenario), "load").observed, "no arrival was due");
    }

    /// In a closed loop every client must finish a request.
    #[test]
    fn every_client_must_finish_a_request() {
        let mut scenario = scenario();
        scenario.load.shape = LoadShape::Closed { clients: 1_200 };
        assert_eq!(Journal::healthy(&scenario).judge(&scenario).verdict, Verdict::Pass);
        scenario.load.shape = LoadShape::Closed { clients: 1_201 };
        assert_eq!(Journal::healthy(&scenario).judge(&scenario).verdict, Verdict::Inconclusive);
    }

    /// A run that ended early is inconclusive, and says why.
    #[test]
    fn a_run_that_ended_early_says_why() {
        let scenario = scenario();
        let journal = Journal::healthy(&scenario);
        let judged = journal.ended(2_000, EndReason::StopCondition("wall_clock: 60s".into())).judge(&scenario);
        assert_eq!(judged.verdict, Verdict::Inconclusive);
        assert!(check_of(&judged, "run").observed.contains("wall_clock: 60s"));
    }
}
