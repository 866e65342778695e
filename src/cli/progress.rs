//! Progress on standard error: bars in a terminal, a plain line per phase without one.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::oracle::Verdict;
use crate::run::{ProgressEvent, Reporter};
use crate::scenario::Phase;

/// The reporter that fits standard error.
pub(super) fn reporter() -> Arc<dyn Reporter> {
    match std::io::stderr().is_terminal() {
        true => Arc::new(Bars::default()),
        false => Arc::new(Lines::default()),
    }
}

/// One spinner per running scenario.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    open: Mutex<BTreeMap<String, ProgressBar>>,
}

const SERVER: &str = "server";

impl Bars {
    fn with(&self, name: &str, change: impl FnOnce(&ProgressBar)) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = open.entry(name.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {prefix:34!} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        change(bar);
    }

    fn clear(&self, name: &str) {
        if let Some(bar) = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(name) {
            bar.finish_and_clear();
        }
    }

    fn close(&self, name: &str, last_words: &str) {
        self.clear(name);
        // The terminal may be gone; progress is not worth failing for.
        let _ = self.all.println(last_words);
    }
}

impl Reporter for Bars {
    fn event(&self, event: &ProgressEvent) {
        match event {
            ProgressEvent::Starting => self.with(SERVER, |bar| bar.set_message("starting PostgreSQL")),
            ProgressEvent::Seeding { done, total } if done < total => {
                self.with(SERVER, |bar| bar.set_message(format!("seeding {done} of {total} rows")));
            }
            ProgressEvent::Seeding { .. } => self.clear(SERVER),
            ProgressEvent::ScenarioStarted { scenario } => self.with(scenario, |bar| bar.set_message("provisioning")),
            ProgressEvent::PhaseStarted { scenario, phase: Phase::Verify, .. } => {
                self.with(scenario, |bar| bar.set_message("verify: comparing the ledger with the database"));
            }
            ProgressEvent::PhaseStarted { .. } => {}
            ProgressEvent::Tick { scenario, phase, rate_per_s, errors, leaks, left } => {
                let left = left.as_secs_f64();
                let text = format!(
                    "{:<8} {rate_per_s:>6.0}/s  {errors} errors  {leaks} leaks  {left:.0} s left",
                    phase.name()
                );
                self.with(scenario, |bar| bar.set_message(text));
            }
            ProgressEvent::Server { .. } => self.close(SERVER, &line(event).unwrap_or_default()),
            ProgressEvent::ScenarioDone { scenario, .. } => self.close(scenario, &line(event).unwrap_or_default()),
        }
    }
}

/// One line per phase.
#[derive(Default)]
struct Lines {
    seeding: Mutex<Option<u64>>,
    ticks: Mutex<BTreeMap<String, (f64, u64, u64)>>,
}

impl Reporter for Lines {
    fn event(&self, event: &ProgressEvent) {
        if let ProgressEvent::Tick { scenario, rate_per_s, errors, leaks, .. } = event {
            let mut ticks = self.ticks.lock().unwrap_or_else(PoisonError::into_inner);
            ticks.insert(scenario.clone(), (*rate_per_s, *errors, *leaks));
            return;
        }
        if let ProgressEvent::Seeding { done, total } = event {
            // A line per tenth.
            let tenth = done * 10 / (*total).max(1);
            let mut last = self.seeding.lock().unwrap_or_else(PoisonError::into_inner);
            if last.replace(tenth) == Some(tenth) {
                return;
            }
        }
        let state = match event {
            ProgressEvent::PhaseStarted { scenario, .. } => {
                self.ticks.lock().unwrap_or_else(PoisonError::into_inner).get(scenario).copied()
            }
            _ => None,
        };
        let so_far = state
            .map(|(rate, errors, leaks)| format!(" (so far {rate:.0}/s, {errors} errors, {leaks} leaks)"))
            .unwrap_or_default();
        if let Some(line) = line(event) {
            // Standard error may be closed; progress is not worth failing for.
            let _ = writeln!(std::io::stderr(), "{line}{so_far}");
        }
    }
}

fn line(event: &ProgressEvent) -> Option<String> {
    Some(match event {
        ProgressEvent::Starting => "starting PostgreSQL".to_owned(),
        ProgressEvent::Server { provider, version, why } => {
            format!("PostgreSQL {version} by provider {provider}: {why}")
        }
        ProgressEvent::Seeding { done, total } => format!("seeding {done} of {total} rows"),
        ProgressEvent::ScenarioStarted { scenario } => format!("{scenario}: provisioning"),
        ProgressEvent::PhaseStarted { scenario, phase, lasts } if lasts.is_zero() => {
            format!("{scenario}: {}", phase.name())
        }
        ProgressEvent::PhaseStarted { scenario, phase, lasts } => {
            format!("{scenario}: {} for {lasts:?}", phase.name())
        }
        ProgressEvent::Tick { .. } => return None,
        ProgressEvent::ScenarioDone { scenario, verdict, took } => {
            let verdict = match verdict {
                Some(Verdict::Pass) => "pass",
                Some(Verdict::Inconclusive) => "inconclusive",
                Some(Verdict::Fail) => "FAIL",
                None => "not run",
            };
            format!("{scenario}: {verdict} in {:.1} s", took.as_secs_f64())
        }
    })
}
