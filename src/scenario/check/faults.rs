//! `[[fault]]`: one action each, inside the inject phase, on tenants that exist.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::{Known, length};
use crate::diagnostics::Problems;
use crate::scenario::model::{Fault, FaultAction, TenantSlug, Trigger};
use crate::scenario::quantity::{MAX_TIME, marked, say};
use crate::scenario::vocabulary::{ContextLayer, ContextResidue, Operation, Pooler};
use crate::scenario::wire::{self, Entry, List, Slug, Whole};

/// Highest factor of a flood.
const MAX_TIMES: u32 = 1_000_000;
/// Shortest fault, and shortest time that a lock is held.
const SHORTEST: Duration = Duration::from_millis(1);
/// Longest time that a pooler is gone.
const LONGEST_DOWN: Duration = Duration::from_secs(60);

pub(super) fn faults(
    entry: &Entry<List<wire::Fault, 64>>,
    known: &Known,
    problems: &mut Problems,
) -> Option<Vec<Fault>> {
    let faults = entry.get()?.0.iter().enumerate();
    // Every fault is checked, also behind one that is wrong.
    let checked: Vec<Option<Fault>> = faults.map(|(index, wire)| fault(index, wire, known, problems)).collect();
    checked.into_iter().collect()
}

fn fault(index: usize, wire: &Spanned<wire::Fault>, known: &Known, problems: &mut Problems) -> Option<Fault> {
    let span = wire.span();
    let wire = wire.get_ref();
    let action = action(wire, span, known, problems);
    let when = trigger(&wire.when, known, problems);
    if let (Some(action), Some(when)) = (&action, wire.when.given())
        && !matches!(action, FaultAction::ContextDrop { .. } | FaultAction::PoolLeak | FaultAction::Wire(_))
    {
        let message = format!("`{}` touches no single requests, so `when` means nothing", action.name());
        problems.at(when.span(), message).help("leave `when` out; `at` and `for` say when the fault is on");
    }
    if let (Some(action), Some(when)) = (&action, wire.when.get()) {
        super::wire_faults::fitting(action, when, problems);
    }
    if let Some(action) = &action {
        super::server_faults::fitting(wire, action, known, problems);
    }
    let times = times(wire, known, problems);
    let (at, lasts) = times?;
    Some(Fault { index, action: action?, when: when?, at, lasts })
}

/// When the fault begins and how long it lasts.
fn times(wire: &wire::Fault, known: &Known, problems: &mut Problems) -> Option<(Duration, Duration)> {
    let at = wire.at.get()?.0;
    let lasts = match &wire.lasts {
        Entry::Wrong => return None,
        Entry::Given(_) => Some(length("for", &wire.lasts, SHORTEST, MAX_TIME, problems)?),
        Entry::Absent | Entry::Default(_) => None,
    };
    let inject = known.phases?.inject;
    if at >= inject {
        let message = format!("the fault begins when the inject phase ends: it lasts {}", say(inject));
        problems.at(super::place(&wire.at), message).help("write a smaller `at`, or a longer phases.inject");
        return None;
    }
    let rest = inject - at;
    let lasts = lasts.unwrap_or(rest);
    if lasts > rest {
        let message = format!("the fault outlasts the inject phase by {}", say(lasts - rest));
        let help = format!("write for = \"{}\", or phases.inject = \"{}\"", say(rest), say(at + lasts));
        problems.at(super::place(&wire.lasts), message).help(help);
        return None;
    }
    Some((at, lasts))
}

/// What the fault does. Every action that is named is checked; only one may be.
fn action(wire: &wire::Fault, span: Range<usize>, known: &Known, problems: &mut Problems) -> Option<FaultAction> {
    let mut found = Found::default();
    if let Some(context) = family(&wire.context, &mut found) {
        found.add(&context.drop, |drop| context_drop(drop, problems));
    }
    if let Some(pool) = family(&wire.pool, &mut found) {
        found.add(&pool.hold, |hold| {
            let connections = connections(hold, known, problems)?;
            Some(FaultAction::PoolHold { connections })
        });
        found.add(&pool.idle_in_transaction, |idle| {
            let connections = connections(idle, known, problems)?;
            Some(FaultAction::PoolIdleInTransaction { connections })
        });
        found.add(&pool.leak, |_| Some(FaultAction::PoolLeak));
        found.add(&pool.storm, |storm| Some(FaultAction::PoolStorm { clients: storm.clients.get()?.0 as u32 }));
    }
    if let Some(pooler) = family(&wire.pooler, &mut found) {
        found.add(&pooler.restart, |restart| {
            let down = length("down", &restart.down, SHORTEST, LONGEST_DOWN, problems)?;
            if known.pooler == Some(Pooler::None) {
                let message = "there is no pooler that could be restarted";
                let help = "write for example stack.pooler = \"pgbouncer-transaction\"";
                problems.at(super::place(&wire.pooler), message).help(help);
                return None;
            }
            Some(FaultAction::PoolerRestart { down })
        });
    }
    if let Some(flood) = family(&wire.flood, &mut found) {
        found.add(&flood.rate, |rate| {
            let times = times_of(rate, problems);
            Some(FaultAction::FloodRate { tenant: tenant(&rate.tenant, known, problems)?, times: times? })
        });
        found.add(&flood.heavy, |heavy| {
            let tenant = tenant(&heavy.tenant, known, problems)?;
            Some(FaultAction::FloodHeavy { tenant, clients: heavy.clients.get()?.0 as u32 })
        });
        found.add(&flood.lock, |lock| {
            let hold = length("hold", &lock.hold, SHORTEST, MAX_TIME, problems);
            Some(FaultAction::FloodLock { tenant: tenant(&lock.tenant, known, problems)?, hold: hold? })
        });
    }
    if let Some(network) = family(&wire.network, &mut found) {
        super::wire_faults::network(network, &mut found, problems);
    }
    if let Some(protocol) = family(&wire.protocol, &mut found) {
        super::wire_faults::protocol(protocol, &mut found, problems);
    }
    if let Some(operator) = family(&wire.operator, &mut found) {
        super::operator_faults::operator(operator, &mut found);
    }
    if let Some(server) = family(&wire.server, &mut found) {
        super::server_faults::server(server, &mut found, problems);
    }
    match found.spans.as_slice() {
        // A mistyped name has been written down as an unknown key, and then this would only repeat it.
        [] if !found.wrong && problems.is_empty() => {
            let help = "name what goes wrong, such as context.drop = { leaves = \"stale\" }";
            problems.at(span, "the fault does nothing").help(help);
        }
        [_, second, ..] => {
            let help = "write one [[fault]] for each; they may overlap in time";
            problems.at(second.clone(), "the fault does two things").help(help);
        }
        _ => {}
    }
    found.action
}

/// The actions that a fault names.
#[derive(Default)]
pub(super) struct Found {
    spans: Vec<Range<usize>>,
    action: Option<FaultAction>,
    wrong: bool,
}

impl Found {
    pub(super) fn add<T>(&mut self, entry: &Entry<T>, check: impl FnOnce(&T) -> Option<FaultAction>) {
        match entry {
            Entry::Given(given) => {
                self.spans.push(given.span());
                self.action = check(given.get_ref());
            }
            Entry::Wrong => self.wrong = true,
            Entry::Absent | Entry::Default(_) => {}
        }
    }
}

fn family<'a, T>(entry: &'a Entry<T>, found: &mut Found) -> Option<&'a T> {
    found.wrong |= matches!(entry, Entry::Wrong);
    entry.get()
}

fn context_drop(wire: &wire::ContextDrop, problems: &mut Problems) -> Option<FaultAction> {
    let (leaves, layer) = (wire.leaves.get()?.0, wire.layer.get()?.0);
    if layer == ContextLayer::Request && leaves != ContextResidue::Unset {
        let message = "a request that arrives without a tenant leaves nothing behind";
        problems.at(super::place(&wire.leaves), message).help("write leaves = \"unset\", or layer = \"connection\"");
        return None;
    }
    Some(FaultAction::ContextDrop { leaves, layer })
}

fn connections(wire: &wire::Connections, known: &Known, problems: &mut Problems) -> Option<u32> {
    let connections = wire.connections.get()?.0 as u32;
    if let Some(size) = known.pool_size.filter(|size| connections > *size) {
        let message = format!("the fault takes {connections} connections from a pool of {size}");
        let help = format!("write connections = {size} or less, or a larger stack.pool.size");
        problems.at(super::place(&wire.connections), message).help(help);
        return None;
    }
    Some(connections)
}

fn times_of(wire: &wire::FloodRate, problems: &mut Problems) -> Option<f64> {
    let times = wire.times.get()?.0;
    if times <= 1.0 || times > f64::from(MAX_TIMES) {
        let message =
            if times <= 1.0 { "this is no flood: the factor is not over 1" } else { "the factor is too large" };
        problems
            .at(super::place(&wire.times), message)
            .help(format!("write a factor over 1 and up to {}", marked(MAX_TIMES.into())));
        return None;
    }
    Some(times)
}

/// A tenant that the fleet has.
fn tenant(entry: &Entry<Slug>, known: &Known, problems: &mut Problems) -> Option<TenantSlug> {
    let slug = entry.get()?.0;
    if let Some(wrong) = known.fleet.and_then(|fleet| super::expect::missing_tenant(slug, &fleet)) {
        problems.at(super::place(entry), wrong.message).maybe_help(wrong.help);
        return None;
    }
    Some(slug)
}

/// Which requests the fault touches; a trigger that can never fire is a mistake.
fn trigger(entry: &Entry<wire::When>, known: &Known, problems: &mut Problems) -> Option<Trigger> {
    let wire = entry.get()?;
    let optional = |entry: &Entry<Whole<1, 1_000_000_000>>| entry.get().map(|number| number.0);
    let share = wire.share.get()?.0;
    if share <= 0.0 {
        problems.at(super::place(&wire.share), "the fault touches no request").help("write a share above 0%");
    }
    let (nth, first) = (optional(&wire.nth), optional(&wire.first));
    if let (Some(nth), Some(first)) = (nth, first)
        && nth > first
    {
        let message = format!("there is no {nth}th request among the first {first}");
        problems.at(super::place(&wire.nth), message).help("write a smaller `nth`, or a larger `first`");
    }
    let slug = match wire.tenant {
        Entry::Given(_) => Some(tenant(&wire.tenant, known, problems)?),
        _ => None,
    };
    let tier = wire.tier.get().map(|tier| tier.0);
    if let Some(tier) = tier {
        if known.fleet.is_some_and(|fleet| fleet.of(tier) == 0) {
            let message = format!("the fleet has no tenants of tier {tier}");
            problems.at(super::place(&wire.tier), message).help(format!("seed some: fleet.{tier} = 2"));
        }
        if let Some(slug) = slug.filter(|slug| slug.tier != tier) {
            let message = format!("{slug} is not of tier {tier}, so no request matches both");
            problems.at(super::place(&wire.tier), message).help("leave `tier` out");
        }
    }
    let operation = wire.operation.get().map(|operation| operation.0);
    if let (Some(operation), Some(mix)) = (operation, known.mix) {
        let weight = match operation {
            Operation::Read => mix.read,
            Operation::Write => mix.write,
            Operation::Report => mix.report,
        };
        if weight == 0 {
            let message = format!("the load never asks for a {}", operation.name());
            problems.at(super::place(&wire.operation), message).help("give it a weight in load.mix");
        }
    }
    Some(Trigger {
        share,
        nth,
        first,
        tenant: slug,
        tier,
        operation,
        statement: wire.statement.get().map(|kind| kind.0),
        after: wire.after.get().map(|kind| kind.0),
        table: wire.table.get().map(|table| table.0.to_ascii_lowercase()),
        context: wire.context.get().map(|context| context.0.clone()),
    })
}
