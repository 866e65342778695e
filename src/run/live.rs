//! While the load runs: phase marks, slices, alerts and stop conditions, all written by one task.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::options::RunError;
use super::progress::{ProgressEvent, Reporter};
use crate::faults::FaultEvent;
use crate::load::{Executor, Totals};
use crate::observe::{EndReason, Event, JournalWriter, SLICE_MS};
use crate::scenario::{Layer, Phase, Phases, Scenario};

/// The monitor raises one alert a second at most.
const ALERT_EVERY: Duration = Duration::from_secs(1);

/// Writes the journal of a running scenario.
pub(super) struct Live<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) executor: Arc<Executor>,
    pub(super) journal: &'a mut JournalWriter,
    pub(super) faults: UnboundedReceiver<FaultEvent>,
    pub(super) catalogue_alerts: UnboundedReceiver<Event>,
    pub(super) reporter: &'a dyn Reporter,
    /// Fired by the user.
    pub(super) interrupt: CancellationToken,
    /// Fired here: ends load and faults.
    pub(super) stop: CancellationToken,
}

impl Live<'_> {
    /// Follows the load until its schedule ends or something ends it early; says why it ended.
    pub(super) async fn follow(&mut self) -> Result<EndReason, RunError> {
        let mut ticks = tokio::time::interval(Duration::from_millis(SLICE_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut marks = planned_marks(&self.scenario.phases);
        let mut phase = None;
        let mut last = (self.executor.now(), Totals::default());
        let mut last_alert: Option<Duration> = None;
        let end = loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.interrupt.cancelled() => break EndReason::Interrupted,
            }
            let now = self.executor.now();
            let over = now >= self.executor.recorder().clock().end();
            phase = self.mark_phases(&mut marks, now)?.or(phase);
            self.look_at_the_monitor(now, &mut last_alert)?;
            self.write_what_is_settled(now)?;
            if over {
                break EndReason::Completed;
            }
            let totals = self.executor.recorder().totals();
            self.show(phase.unwrap_or(Phase::Baseline), now, last, totals);
            last = (now, totals);
            if let Some(condition) = self.stop_condition(now, totals) {
                break EndReason::StopCondition(condition);
            }
        };
        if end != EndReason::Completed {
            self.stop.cancel();
            if let Some(phase) = phase {
                self.journal.append(&Event::PhaseEnded { at_us: micros(self.executor.now()), phase })?;
            }
        }
        Ok(end)
    }

    /// Writes the marks that are due, at their planned times.
    fn mark_phases(&mut self, marks: &mut VecDeque<Mark>, now: Duration) -> Result<Option<Phase>, RunError> {
        while let Some(mark) = marks.pop_front_if(|mark| mark.at <= now) {
            let at_us = micros(mark.at);
            self.journal.append(&match mark.starts {
                Some(_) => Event::PhaseStarted { at_us, phase: mark.phase },
                None => Event::PhaseEnded { at_us, phase: mark.phase },
            })?;
            if let Some(lasts) = mark.starts {
                let scenario = self.scenario.name.clone();
                self.reporter.event(&ProgressEvent::PhaseStarted { scenario, phase: mark.phase, lasts });
            }
        }
        Ok(marks.front().filter(|next| next.starts.is_none()).map(|next| next.phase))
    }

    fn look_at_the_monitor(&mut self, now: Duration, last: &mut Option<Duration>) -> Result<(), RunError> {
        let tenancy = self.executor.tenancy();
        if !tenancy.has(Layer::Monitor) {
            return Ok(());
        }
        let alert = tenancy.monitor().look();
        let may = last.is_none_or(|last| now >= last + ALERT_EVERY);
        if let (Some(alert), true) = (alert, may) {
            *last = Some(now);
            let (bypass_share, threshold) = (alert.bypass_share, alert.threshold);
            self.journal.append(&Event::Alert { at_us: micros(now), bypass_share, threshold })?;
        }
        Ok(())
    }

    /// What the last requests did is worth an alert like anything before.
    pub(super) fn last_look_at_the_monitor(&mut self) -> Result<(), RunError> {
        let now = self.executor.now();
        self.look_at_the_monitor(now, &mut None)
    }

    fn write_what_is_settled(&mut self, now: Duration) -> Result<(), RunError> {
        self.write_fault_events()?;
        for event in self.executor.recorder().drain(now) {
            self.journal.append(&event)?;
        }
        self.journal.flush()?;
        Ok(())
    }

    /// Writes what the conductor and the catalogue check reported.
    pub(super) fn write_fault_events(&mut self) -> Result<(), RunError> {
        while let Ok(event) = self.faults.try_recv() {
            self.journal.append(&in_journal(event))?;
        }
        while let Ok(alert) = self.catalogue_alerts.try_recv() {
            self.journal.append(&alert)?;
        }
        Ok(())
    }

    fn show(&self, phase: Phase, now: Duration, last: (Duration, Totals), totals: Totals) {
        let seconds = (now - last.0).as_secs_f64().max(1e-3);
        let done = (totals.ok + totals.errors).saturating_sub(last.1.ok + last.1.errors);
        self.reporter.event(&ProgressEvent::Tick {
            scenario: self.scenario.name.clone(),
            phase,
            rate_per_s: done as f64 / seconds,
            errors: totals.errors,
            leaks: totals.leaked,
            left: self.executor.recorder().clock().end().saturating_sub(now),
        });
    }

    fn stop_condition(&self, now: Duration, totals: Totals) -> Option<String> {
        let stop = &self.scenario.stop;
        if totals.leaked >= stop.leaked_rows {
            return Some(format!("leaked_rows: {} of {}", totals.leaked, stop.leaked_rows));
        }
        (now >= stop.wall_clock).then(|| format!("wall_clock: {:?}", stop.wall_clock))
    }
}

/// A planned start (with the phase's length) or end of a phase.
struct Mark {
    at: Duration,
    phase: Phase,
    starts: Option<Duration>,
}

/// The marks of all phases that have a length, in order.
fn planned_marks(phases: &Phases) -> VecDeque<Mark> {
    let lengths =
        [(Phase::Baseline, phases.baseline), (Phase::Inject, phases.inject), (Phase::Recover, phases.recover)];
    let mut start = Duration::ZERO;
    let mut marks = VecDeque::new();
    for (phase, lasts) in lengths.into_iter().filter(|(_, lasts)| !lasts.is_zero()) {
        marks.push_back(Mark { at: start, phase, starts: Some(lasts) });
        start += lasts;
        marks.push_back(Mark { at: start, phase, starts: None });
    }
    marks
}

fn in_journal(event: FaultEvent) -> Event {
    match event {
        FaultEvent::Injected { at, fault, name } => {
            Event::FaultInjected { at_us: micros(at), fault, name: name.to_owned() }
        }
        FaultEvent::Healed { at, fault, healed } => Event::FaultHealed {
            at_us: micros(at),
            fault,
            touched: healed.touched,
            unit: healed.unit.to_owned(),
            verified: healed.problem.is_none(),
            problem: healed.problem,
        },
    }
}

/// A time as the journal writes it.
pub(super) fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}
