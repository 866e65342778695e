//! The scenario's clock for a proxy alone: faults come and go at their times, from the first connection on.

use std::time::Duration;

use tokio::time::Instant;

use super::super::stops::Stops;
use crate::faults::proxy::{Proxy, Rule, RuleGuard};
use crate::scenario::{Fault, FaultAction, Scenario};

/// Until the first connection the clock looks for one this often.
const LOOK: Duration = Duration::from_millis(5);

/// How the proxy's work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// All phases have passed.
    Completed,
    /// The user has ended it.
    Interrupted,
    /// Too many foreign rows were seen.
    StopCondition,
}

/// What was played.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) ended: Ended,
    /// Each fault that was on, with what it touched.
    pub(super) faults: Vec<(usize, u64)>,
}

/// Plays the scenario's faults to their end, or until an interrupt. Without a scenario only that ends it.
pub(super) async fn play(scenario: Option<&Scenario>, proxy: &Proxy, mut stops: Stops) -> Played {
    let mut stage = Stage { on: Vec::new(), healed: Vec::new() };
    let ended = tokio::select! {
        () = stops.next() => Ended::Interrupted,
        () = follow(scenario, proxy, &mut stage) => Ended::Completed,
    };
    // Last one first.
    while let Some((index, guard)) = stage.on.pop() {
        stage.healed.push((index, guard.heal().touched));
    }
    Played { ended, faults: stage.healed }
}

struct Stage {
    on: Vec<(usize, RuleGuard)>,
    healed: Vec<(usize, u64)>,
}

async fn follow(scenario: Option<&Scenario>, proxy: &Proxy, stage: &mut Stage) {
    let Some(scenario) = scenario else { return std::future::pending().await };
    while proxy.connections() == 0 {
        tokio::time::sleep(LOOK).await;
    }
    let began = Instant::now();
    eprintln!("{}: the clock runs", scenario.name);
    for (at, fault, comes) in moments(scenario) {
        tokio::time::sleep_until(began + at).await;
        let (index, name) = (fault.index, fault.action.name());
        match (&fault.action, comes) {
            (FaultAction::Wire(wire), true) => {
                let guard = proxy.install(Rule::of(wire, &fault.when));
                stage.on.push((index, guard));
                eprintln!("{:>6.1} s  fault {} {name} takes effect", at.as_secs_f64(), index + 1);
            }
            _ => {
                let Some(place) = stage.on.iter().position(|(on, _)| *on == index) else { continue };
                let touched = stage.on.remove(place).1.heal().touched;
                stage.healed.push((index, touched));
                eprintln!("{:>6.1} s  fault {} {name} is undone: {touched} touched", at.as_secs_f64(), index + 1);
            }
        }
    }
    let phases = &scenario.phases;
    tokio::time::sleep_until(began + phases.baseline + phases.inject + phases.recover).await;
}

/// When faults come (`true`) and go, in order.
fn moments(scenario: &Scenario) -> Vec<(Duration, &Fault, bool)> {
    let from = scenario.phases.baseline;
    let both = |fault: &'_ Fault| [(from + fault.at, true), (from + fault.at + fault.lasts, false)];
    let mut moments: Vec<_> =
        scenario.faults.iter().flat_map(|fault| both(fault).map(|(at, comes)| (at, fault, comes))).collect();
    // One that goes makes room for one that comes.
    moments.sort_by_key(|(at, fault, comes)| (*at, *comes, fault.index));
    moments
}
