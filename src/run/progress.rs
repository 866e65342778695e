//! What a run says while it works: one event type between the run and whoever shows it.

use std::time::Duration;

use crate::oracle::Verdict;
use crate::scenario::Phase;

/// Something worth showing.
#[derive(Debug, Clone, PartialEq)]
pub enum ProgressEvent {
    /// A server is being started.
    Starting,
    /// The server answers.
    Server {
        /// `docker`, `local` or `external`.
        provider: String,
        /// Its version.
        version: String,
        /// Why this provider.
        why: String,
    },
    /// A template is being filled.
    Seeding {
        /// Rows written so far.
        done: u64,
        /// Rows in all.
        total: u64,
    },
    /// A scenario begins.
    ScenarioStarted {
        /// Its name.
        scenario: String,
    },
    /// A phase begins.
    PhaseStarted {
        /// The scenario.
        scenario: String,
        /// The phase.
        phase: Phase,
        /// How long it lasts; zero for the verify phase, which takes as long as it takes.
        lasts: Duration,
    },
    /// The state of a running scenario, about every 100 ms.
    Tick {
        /// The scenario.
        scenario: String,
        /// The phase.
        phase: Phase,
        /// Requests per second since the last tick.
        rate_per_s: f64,
        /// Failed requests so far.
        errors: u64,
        /// Foreign rows so far.
        leaks: u64,
        /// Until the load ends.
        left: Duration,
    },
    /// A scenario is judged.
    ScenarioDone {
        /// The scenario.
        scenario: String,
        /// Its verdict; `None` if the harness could not run it.
        verdict: Option<Verdict>,
        /// How long it took, with provisioning and clean-up.
        took: Duration,
    },
}

/// Shows progress. Called from the run's tasks: must not block.
pub trait Reporter: Send + Sync {
    /// Shows an event.
    fn event(&self, event: &ProgressEvent);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &ProgressEvent) {}
}
