//! The conductor: injects each fault when it is due and undoes each on every way out.

use std::cmp::Reverse;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::{Fault, Healed, Target, build};
use crate::observe::UndoRecord;
use crate::scenario::Scenario;

/// Something that happened to a fault; times count from the start of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultEvent {
    /// It took effect.
    Injected {
        /// When.
        at: Duration,
        /// Index in the scenario.
        fault: usize,
        /// Such as `context.drop`.
        name: &'static str,
    },
    /// It was undone.
    Healed {
        /// When.
        at: Duration,
        /// Index in the scenario.
        fault: usize,
        /// What it did and whether the undo held.
        healed: Healed,
    },
}

/// A fault with its times.
struct Scheduled {
    index: usize,
    name: &'static str,
    from: Duration,
    until: Duration,
    state: State,
    /// Its injection, and its undo, may take this long.
    limit: Duration,
    fault: Box<dyn Fault>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// Set before the injection starts: from then on the fault must be undone, however far the injection came.
    Registered,
    Done,
}

/// What comes first of what is due at the same time: undos, last fault first, and then injections, first fault first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Heal(Reverse<usize>),
    Inject(usize),
}

/// Drives the faults of one scenario.
pub struct Conductor {
    faults: Vec<Scheduled>,
    target: Target,
    events: UnboundedSender<FaultEvent>,
    undone: Vec<UndoRecord>,
}

impl Conductor {
    /// The conductor of a scenario, nothing injected yet.
    ///
    /// # Errors
    /// A fault that cannot be built, as text.
    pub fn new(
        scenario: &Scenario,
        seed: u64,
        target: Target,
        events: UnboundedSender<FaultEvent>,
    ) -> Result<Self, String> {
        let faults = scenario.faults.iter().map(|spec| {
            let from = target.inject_from + spec.at;
            let fault = build(spec, seed, &scenario.name, &target)?;
            Ok(Scheduled {
                index: spec.index,
                name: spec.action.name(),
                from,
                until: from + spec.lasts,
                state: State::Waiting,
                limit: fault.limit() + scenario.load.timeout,
                fault,
            })
        });
        Ok(Self { faults: faults.collect::<Result<_, String>>()?, target, events, undone: Vec::new() })
    }

    /// Once it is told to end, it ends within this: an injection under way, and every undo.
    pub fn winds_down_within(&self) -> Duration {
        let longest = self.faults.iter().map(|fault| fault.limit).max().unwrap_or_default();
        self.faults.iter().map(|fault| fault.limit).sum::<Duration>() + longest
    }

    /// Injects and heals on schedule until all faults are done or `cancel` fires, then heals what is left, last first.
    /// Returns every undo in the order in which they ran, and what went wrong with an injection.
    pub async fn run(mut self, cancel: &CancellationToken) -> (Vec<UndoRecord>, Result<(), String>) {
        let schedule = std::panic::AssertUnwindSafe(self.follow_schedule(cancel)).catch_unwind().await;
        while let Some(place) = self.last_registered() {
            self.heal(place).await;
        }
        let outcome =
            schedule.unwrap_or_else(|panic| Err(format!("a fault panicked: {}", panic_message(panic.as_ref()))));
        (self.undone, outcome)
    }

    fn last_registered(&self) -> Option<usize> {
        self.faults.iter().rposition(|fault| fault.state == State::Registered)
    }

    async fn follow_schedule(&mut self, cancel: &CancellationToken) -> Result<(), String> {
        let started = tokio::time::Instant::from_std(self.target.executor.started());
        loop {
            let next = self.faults.iter().enumerate().filter_map(|(place, fault)| match fault.state {
                State::Waiting => Some((fault.from, Rank::Inject(place))),
                State::Registered => Some((fault.until, Rank::Heal(Reverse(place)))),
                State::Done => None,
            });
            let Some((due, rank)) = next.min() else { return Ok(()) };
            let (Rank::Inject(place) | Rank::Heal(Reverse(place))) = rank;
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep_until(started + due) => {}
            }
            match self.faults[place].state {
                State::Waiting => self.inject(place).await?,
                _ => self.heal(place).await,
            }
        }
    }

    async fn inject(&mut self, place: usize) -> Result<(), String> {
        let Scheduled { index, name, state, fault, limit, .. } = &mut self.faults[place];
        *state = State::Registered;
        let injected = tokio::time::timeout(*limit, fault.inject()).await;
        injected
            .unwrap_or_else(|_| Err(format!("was not injected within {limit:?}")))
            .map_err(|problem| format!("fault {} ({name}): {problem}", *index + 1))?;
        panic_if_told(name);
        let event = FaultEvent::Injected { at: self.target.executor.now(), fault: *index, name };
        // Nobody listens any more only when the run is being torn down.
        let _ = self.events.send(event);
        Ok(())
    }

    async fn heal(&mut self, place: usize) {
        let Scheduled { index, name, state, fault, limit, .. } = &mut self.faults[place];
        *state = State::Done;
        let begun = tokio::time::Instant::now();
        let work = std::panic::AssertUnwindSafe(fault.heal()).catch_unwind();
        let healed = match tokio::time::timeout(*limit, work).await {
            Ok(Ok(healed)) => healed,
            Ok(Err(panic)) => failed(format!("the undo panicked: {}", panic_message(panic.as_ref()))),
            Err(_) => failed(format!("the undo did not end within {limit:?}")),
        };
        let took_us = begun.elapsed().as_micros() as u64;
        self.undone.push(UndoRecord {
            what: format!("{name} #{}", *index + 1),
            took_us,
            problem: healed.problem.clone(),
        });
        let _ = self.events.send(FaultEvent::Healed { at: self.target.executor.now(), fault: *index, healed });
    }
}

/// A test may have a fault panic, to see that all others are undone: `TENANT_CHAOS_TEST_PANIC` names it. Not in releases.
fn panic_if_told(name: &str) {
    if cfg!(debug_assertions) {
        let told = std::env::var("TENANT_CHAOS_TEST_PANIC").is_ok_and(|told| told == name);
        assert!(!told, "told to panic in {name}");
    }
}

fn failed(problem: String) -> Healed {
    Healed { touched: 0, unit: "unknown", problem: Some(problem) }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
