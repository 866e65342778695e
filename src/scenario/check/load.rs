//! `[load]`, `[phases]`, `[stop]` and `[business]`.

use std::time::Duration;

use super::{length, place};
use crate::diagnostics::Problems;
use crate::scenario::model::{Business, Load, LoadShape, Mix, Phases, Stop};
use crate::scenario::quantity::{MAX_TIME, marked, say};
use crate::scenario::wire::{self, Entry};

/// Highest rate of an open loop, per second.
const MAX_RATE: u32 = 100_000;
/// Highest exponent of the Zipf law; beyond it one tenant makes nearly all requests.
const MAX_SKEW: f64 = 5.0;
/// The shortest length that means anything here.
const SHORTEST: Duration = Duration::from_millis(1);
/// Longest deadline and objective of a request.
const MAX_DEADLINE: Duration = Duration::from_secs(60);
/// Shortest inject phase: one slice.
const MIN_INJECT: Duration = Duration::from_millis(100);
/// Longest run of all phases.
const MAX_PHASES: Duration = Duration::from_secs(3_600);
/// Longest stop condition.
const MAX_WALL_CLOCK: Duration = Duration::from_secs(2 * 3_600);
/// What the default stop condition adds to the length of the phases.
const GRACE: Duration = Duration::from_secs(30);

pub(super) fn load(entry: &Entry<wire::Load>, problems: &mut Problems) -> Option<Load> {
    let wire = entry.get()?;
    let shape = shape(entry, wire, problems);
    let mix = mix_of(&wire.mix);
    if mix == Some(Mix { read: 0, write: 0, report: 0 }) {
        problems
            .at(place(&wire.mix), "nothing is asked for: all weights are zero")
            .help("write for example { read = 1 }");
    }
    let skew = wire.skew.get().map(|skew| skew.0);
    if skew.is_some_and(|skew| skew > MAX_SKEW) {
        problems.at(place(&wire.skew), format!("`skew` is over {MAX_SKEW}")).help("1 favours a few tenants strongly");
    }
    let timeout = length("timeout", &wire.timeout, SHORTEST, MAX_DEADLINE, problems);
    Some(Load {
        shape: shape?,
        mix: mix?,
        skew: skew?,
        timeout: timeout?,
        max_in_flight: wire.max_in_flight.get()?.0 as u32,
        retries: wire.retries.get()?.0 as u32,
    })
}

fn shape(entry: &Entry<wire::Load>, wire: &wire::Load, problems: &mut Problems) -> Option<LoadShape> {
    match (&wire.rate, &wire.clients) {
        (Entry::Given(rate), Entry::Absent) => {
            let rate_per_s = rate.get_ref().0;
            if rate_per_s > 0.0 && rate_per_s <= f64::from(MAX_RATE) {
                return Some(LoadShape::Open { rate_per_s });
            }
            let message = if rate_per_s > 0.0 { "the rate is too high" } else { "nobody asks: the rate is zero" };
            problems
                .at(rate.span(), message)
                .help(format!("write a rate above 0/s and up to {}/s", marked(MAX_RATE.into())));
        }
        (Entry::Absent, Entry::Given(clients)) => {
            return Some(LoadShape::Closed { clients: clients.get_ref().0 as u32 });
        }
        (Entry::Given(_), Entry::Given(clients)) => {
            let message = "a load has either a rate (open loop) or clients (closed loop)";
            problems.at(clients.span(), message).help("leave one of the two out");
        }
        (Entry::Absent, Entry::Absent) => {
            let help = "write rate = \"400/s\" (open loop) or clients = 16 (closed loop)";
            problems.at(place(entry), "nobody asks: there is neither `rate` nor `clients`").help(help);
        }
        _ => {}
    }
    None
}

pub(super) fn mix_of(entry: &Entry<wire::Mix>) -> Option<Mix> {
    let wire = entry.get()?;
    let weight = |entry: &Entry<wire::Whole<0, 1_000_000>>| entry.get().map(|weight| weight.0 as u32);
    Some(Mix { read: weight(&wire.read)?, write: weight(&wire.write)?, report: weight(&wire.report)? })
}

pub(super) fn phases(entry: &Entry<wire::Phases>, problems: &mut Problems) -> Option<Phases> {
    let wire = entry.get()?;
    let baseline = length("baseline", &wire.baseline, Duration::ZERO, MAX_PHASES, problems);
    let inject = length("inject", &wire.inject, MIN_INJECT, MAX_PHASES, problems);
    let recover = length("recover", &wire.recover, Duration::ZERO, MAX_PHASES, problems);
    let phases = Phases { baseline: baseline?, inject: inject?, recover: recover? };
    if total(&phases) > MAX_PHASES {
        let message = format!("the phases last {} in all", say(total(&phases)));
        problems.at(place(entry), message).help(format!("{} are allowed", say(MAX_PHASES)));
        return None;
    }
    Some(phases)
}

fn total(phases: &Phases) -> Duration {
    phases.baseline + phases.inject + phases.recover
}

pub(super) fn stop(entry: &Entry<wire::Stop>, phases: Option<Phases>, problems: &mut Problems) -> Option<Stop> {
    let wire = entry.get()?;
    let leaked_rows = wire.leaked_rows.get().map(|rows| rows.0);
    let wall_clock = match &wire.wall_clock {
        Entry::Given(given) => {
            let wall_clock = length("wall_clock", &wire.wall_clock, SHORTEST, MAX_WALL_CLOCK, problems)?;
            if let Some(total) = phases.as_ref().map(total).filter(|total| wall_clock < *total) {
                let message = format!("the run would be stopped before its phases end: they last {}", say(total));
                problems.at(given.span(), message).help(format!("write \"{}\" or more", say(total + GRACE)));
            }
            wall_clock
        }
        Entry::Wrong => return None,
        Entry::Absent | Entry::Default(_) => total(&phases?) + GRACE,
    };
    Some(Stop { leaked_rows: leaked_rows?, wall_clock })
}

pub(super) fn business(entry: &Entry<wire::Business>, problems: &mut Problems) -> Option<Business> {
    let wire = entry.get()?;
    let time_to_repair = length("time_to_repair", &wire.time_to_repair, SHORTEST, MAX_TIME, problems);
    let slo = length("slo", &wire.slo, SHORTEST, MAX_DEADLINE, problems);
    Some(Business {
        tenants: wire.tenants.get()?.0,
        records_per_tenant: wire.records_per_tenant.get()?.0,
        time_to_repair: time_to_repair?,
        slo: slo?,
    })
}
