//! `network.*` and `protocol.*`, and which conditions fit them.

use std::time::Duration;

use super::faults::Found;
use super::length;
use crate::diagnostics::Problems;
use crate::scenario::model::FaultAction;
use crate::scenario::vocabulary::{CutPlace, StatementKind};
use crate::scenario::wire::{self, Entry, Length};
use crate::scenario::wire_fault::{OnLink, OnStatement, WireFault};

/// Longest time by which something on the wire is delayed.
const LONGEST: Duration = Duration::from_secs(60);
/// Shortest time by which something is delayed.
const SHORTEST: Duration = Duration::from_micros(1);

pub(super) fn network(wire: &wire::NetworkFaults, found: &mut Found, problems: &mut Problems) {
    found.add(&wire.latency, |latency| {
        let add = length("add", &latency.add, SHORTEST, LONGEST, problems);
        link(OnLink::Latency { add: add?, jitter: jitter(&latency.jitter, problems)? })
    });
    let pace = |pace: &wire::Pace| pace.rate.get().map(|rate| rate.0);
    found.add(&wire.bandwidth, |rate| link(OnLink::Bandwidth { bytes_per_s: pace(rate)? }));
    found.add(&wire.drain, |rate| link(OnLink::Drain { bytes_per_s: pace(rate)? }));
    found.add(&wire.slice, |slice| {
        let gap = length("gap", &slice.gap, SHORTEST, LONGEST, problems);
        let bytes = usize::try_from(slice.size.get()?.0).unwrap_or(usize::MAX);
        link(OnLink::Slice { bytes, gap: gap? })
    });
    found.add(&wire.limit, |limit| link(OnLink::Limit { bytes: limit.after.get()?.0 }));
    found.add(&wire.cut, |cut| link(OnLink::Cut(cut.how.get()?.0)));
    found.add(&wire.blackhole, |_| link(OnLink::Blackhole));
    found.add(&wire.refuse, |_| link(OnLink::Refuse));
}

pub(super) fn protocol(wire: &wire::ProtocolFaults, found: &mut Found, problems: &mut Problems) {
    found.add(&wire.swallow, |_| statement(OnStatement::Swallow));
    found.add(&wire.drop_context, |_| Some(FaultAction::Wire(WireFault::DropContext)));
    found.add(&wire.fail, |fail| {
        let (sqlstate, message) = (fail.sqlstate.get()?.0.clone(), fail.message.get()?.0.clone());
        statement(OnStatement::Fail { sqlstate, message })
    });
    found.add(&wire.delay, |delay| {
        let by = length("by", &delay.by, SHORTEST, LONGEST, problems);
        statement(OnStatement::Delay { by: by?, jitter: jitter(&delay.jitter, problems)? })
    });
    found.add(&wire.duplicate, |_| statement(OnStatement::Duplicate));
    found.add(&wire.reorder, |_| statement(OnStatement::Reorder));
    found.add(&wire.cut, |cut| {
        let how = cut.how.get()?.0;
        statement(match cut.place.get()?.0 {
            CutPlace::Before => OnStatement::CutBefore(how),
            CutPlace::Acknowledgement => OnStatement::CutAfterReply(how),
        })
    });
}

fn link(verb: OnLink) -> Option<FaultAction> {
    Some(FaultAction::Wire(WireFault::Link(verb)))
}

fn statement(verb: OnStatement) -> Option<FaultAction> {
    Some(FaultAction::Wire(WireFault::Statement(verb)))
}

fn jitter(entry: &Entry<Length>, problems: &mut Problems) -> Option<Duration> {
    length("jitter", entry, Duration::ZERO, LONGEST, problems)
}

/// Conditions that a fault cannot look at, or that can never hold for it, are mistakes.
pub(super) fn fitting(action: &FaultAction, when: &wire::When, problems: &mut Problems) {
    let on_statements = [
        ("statement", super::given(&when.statement)),
        ("after", super::given(&when.after)),
        ("table", super::given(&when.table)),
        ("context", super::given(&when.context)),
    ];
    let on_requests = [("tier", super::given(&when.tier)), ("operation", super::given(&when.operation))];
    let name = action.name();
    let mut refuse = |key: &str, place: Option<std::ops::Range<usize>>, what: &str, help: &str| {
        if let Some(place) = place {
            problems.at(place, format!("`{name}` touches {what}, so `{key}` means nothing")).help(help);
        }
    };
    let FaultAction::Wire(fault) = action else {
        for (key, place) in on_statements {
            refuse(key, place, "requests", "leave it out; `protocol` faults touch statements");
        }
        return;
    };
    let statements = fault.touches_statements();
    let what = if statements { "statements" } else { "connections" };
    for (key, place) in on_requests {
        refuse(key, place, what, "leave it out; the wire does not know whose requests statements belong to");
    }
    if !statements {
        let help = "leave it out; `protocol` faults touch statements";
        for (key, place) in on_statements.into_iter().chain([("tenant", super::given(&when.tenant))]) {
            refuse(key, place, what, help);
        }
    }
    let kind = when.statement.get().map(|kind| kind.0);
    if let (Some(kind), Some(place)) = (kind, super::given(&when.statement)) {
        if *fault == WireFault::DropContext && kind != StatementKind::Context {
            let message =
                format!("`{name}` touches statements that set the context, and none of those is a {}", kind.name());
            problems.at(place, message).help("leave `statement` out, or write protocol.swallow = {}");
        } else if kind == StatementKind::Copy
            && matches!(fault, WireFault::Statement(OnStatement::Swallow | OnStatement::Reorder))
        {
            problems.at(place, format!("`{name}` leaves a COPY alone")).help("write another kind of statement");
        }
    }
    if let (Some(tenant), Some(_)) = (super::given(&when.tenant), super::given(&when.context)) {
        problems.at(tenant, "`tenant` and `context` say the same").help("leave one of them out");
    }
}
