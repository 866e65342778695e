//! How to run, and why a run can fail.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::progress::{Reporter, Silent};
use crate::business_metrics::Assumptions;
use crate::report::ReportError;
use crate::scenario::Pooler;
use crate::stack::{StackError, StackOptions};

/// How to run.
#[derive(Clone)]
pub struct RunOptions {
    /// Where the server comes from.
    pub stack: StackOptions,
    /// Overrides every scenario's own seed.
    pub seed: Option<u64>,
    /// The pooler of scenarios that name none.
    pub pooler: Option<Pooler>,
    /// Folder of the journals; `None` keeps them in a temporary folder for as long as they are needed.
    pub journals: Option<PathBuf>,
    /// Scenarios that may run side by side, if they measure no latency.
    pub jobs: usize,
    /// What prices are computed with.
    pub assumptions: Arc<Assumptions>,
    /// Who shows progress.
    pub reporter: Arc<dyn Reporter>,
    /// Ends the run early: load stops, faults are undone, journals are closed, everything is cleaned up.
    pub cancel: CancellationToken,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            stack: StackOptions::default(),
            seed: None,
            pooler: None,
            journals: None,
            jobs: 4,
            assumptions: Arc::new(Assumptions::default()),
            reporter: Arc::new(Silent),
            cancel: CancellationToken::new(),
        }
    }
}

/// The harness or its stack failed. Not a finding.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The provider cannot do what the scenario is about. It was not run, which is never a pass.
    #[error("{0}")]
    NotHere(String),
    /// The scenario's database could not be prepared.
    #[error("cannot prepare the database: {0}")]
    Prepare(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The application could not connect before the run began.
    #[error("the application cannot connect: {0}")]
    Connect(#[from] crate::tenancy::TenancyError),
    /// A fault could not be built or injected.
    #[error("{0}")]
    Fault(String),
    /// The journal could not be written or read.
    #[error("journal: {0}")]
    Journal(#[from] crate::observe::JournalError),
    /// The journal could not be judged.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A file or folder.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// A bug in the harness.
    #[error("the harness panicked: {0}; please report this")]
    Panic(String),
}
