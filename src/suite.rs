//! Scenario files as tests under `cargo test` and `cargo nextest`, one test a file.
//!
//! In a test target with `harness = false`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     tenant_chaos::suite::main("scenarios")
//! }
//! ```
//!
//! One server is started for all tests of the process, when the first one runs, and stopped at the end. Tests that
//! may share it run side by side; those with `server = "alone"` wait for it to be theirs, those with `server = "own"` get
//! one each. A scenario that the provider cannot do is listed as ignored. The provider is `local` unless
//! `TENANT_CHAOS_PROVIDER` says otherwise. An inconclusive scenario is run once more, then its test fails.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use crate::oracle::Verdict;
use crate::report::{Colour, ScenarioReport, assemble, terminal};
use crate::run::{RunOptions, Session};
use crate::scenario::{Scenario, ServerUse};
use crate::stack::ProviderChoice;

/// Columns of a failed test's message.
const WIDTH: u16 = 120;

/// Runs every scenario below a folder as a test, with the arguments that `cargo test` and `cargo nextest` pass.
pub fn main(folder: impl AsRef<Path>) -> ExitCode {
    let options = match options_from_environment() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    main_with(folder, options)
}

/// Like [`main`], with options of one's own.
pub fn main_with(folder: impl AsRef<Path>, options: RunOptions) -> ExitCode {
    let arguments = Arguments::from_args();
    let scenarios = match crate::scenario::load(&[folder.as_ref().to_path_buf()], None) {
        Ok(scenarios) => scenarios,
        Err(diagnostics) => {
            eprintln!("{diagnostics}");
            return ExitCode::from(2);
        }
    };
    let shared = match Shared::new(options) {
        Ok(shared) => Arc::new(shared),
        Err(problem) => {
            eprintln!("cannot start the async runtime: {problem}");
            return ExitCode::from(4);
        }
    };
    let provider = shared.options.stack.provider.name();
    let trials = scenarios
        .into_iter()
        .map(|scenario| {
            let shared = shared.clone();
            let elsewhere = scenario.cannot_run_on(provider).is_some();
            let kind = if elsewhere { format!("not on {provider}") } else { String::new() };
            Trial::test(format!("{}::{}", scenario.family, scenario.name), move || shared.run(&scenario))
                .with_ignored_flag(elsewhere)
                .with_kind(kind)
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let stopped = shared.stop();
    match (conclusion.has_failed(), stopped) {
        (_, Err(problem)) => {
            eprintln!("clean-up: {problem}");
            ExitCode::from(4)
        }
        (true, Ok(())) => ExitCode::from(101),
        (false, Ok(())) => ExitCode::SUCCESS,
    }
}

/// Options as the environment wants them: `TENANT_CHAOS_PROVIDER`, `TENANT_CHAOS_IMAGE`, `TENANT_CHAOS_DATABASE_URL`
/// and `TENANT_CHAOS_JOURNALS` (a folder that keeps the journals).
pub fn options_from_environment() -> Result<RunOptions, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut options = RunOptions::default();
    options.stack.provider = match variable("TENANT_CHAOS_PROVIDER").as_deref() {
        None | Some("local") => ProviderChoice::Local,
        Some("auto") => ProviderChoice::Auto,
        Some("docker") => ProviderChoice::Docker,
        Some("external") => ProviderChoice::External,
        Some(other) => return Err(format!("TENANT_CHAOS_PROVIDER={other}: use auto, docker, local or external")),
    };
    options.stack.image = variable("TENANT_CHAOS_IMAGE");
    options.stack.pgbouncer = variable("TENANT_CHAOS_PGBOUNCER").map(PathBuf::from);
    options.stack.database_url = variable("TENANT_CHAOS_DATABASE_URL");
    options.journals = variable("TENANT_CHAOS_JOURNALS").map(PathBuf::from);
    Ok(options)
}

/// The server that all tests of the process share.
struct Shared {
    runtime: Runtime,
    options: RunOptions,
    session: tokio::sync::OnceCell<Session>,
    /// Held for reading by tests that may share the server, for writing by those that may not.
    server: RwLock<()>,
    started_for: Mutex<Option<String>>,
}

impl Shared {
    fn new(options: RunOptions) -> std::io::Result<Self> {
        Ok(Self {
            runtime: Runtime::new()?,
            options,
            session: tokio::sync::OnceCell::new(),
            server: RwLock::new(()),
            started_for: Mutex::new(None),
        })
    }

    fn run(&self, scenario: &Scenario) -> Result<(), Failed> {
        let report = self.runtime.block_on(async {
            let (_reading, _writing);
            match scenario.stack.server {
                ServerUse::Shared => _reading = self.server.read().await,
                ServerUse::Alone => _writing = self.server.write().await,
                ServerUse::Own => _reading = self.server.read().await,
            }
            self.decide(scenario).await
        })?;
        match report.verdict {
            Verdict::Pass if report.clean => Ok(()),
            _ => Err(terminal(&assemble(vec![report], Vec::new()), Colour::Off, WIDTH).into()),
        }
    }

    /// Runs the scenario, and once more if nothing could be decided: a machine that was busy for a moment is no reason to
    /// stop a build, and a scenario that can never be decided stays inconclusive.
    async fn decide(&self, scenario: &Scenario) -> Result<ScenarioReport, Failed> {
        let report = self.run_on_the_server(scenario).await?;
        if report.verdict != Verdict::Inconclusive {
            return Ok(report);
        }
        eprintln!("{}: inconclusive, so it is run once more", scenario.name);
        self.run_on_the_server(scenario).await
    }

    async fn run_on_the_server(&self, scenario: &Scenario) -> Result<ScenarioReport, Failed> {
        if scenario.stack.server == ServerUse::Own {
            return Ok(crate::run::run_scenario(scenario, self.options.clone()).await?);
        }
        let wanted = scenario.stack.postgres.clone();
        let session = self
            .session
            .get_or_try_init(|| async {
                *self.started_for.lock().unwrap_or_else(PoisonError::into_inner) = wanted.clone();
                Session::start(self.options.clone(), wanted.as_deref()).await
            })
            .await?;
        let has = self.started_for.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if wanted.is_some() && wanted != has {
            // Another version than the shared server's: a server of its own.
            return Ok(crate::run::run_scenario(scenario, self.options.clone()).await?);
        }
        Ok(session.run(scenario).await?)
    }

    fn stop(&self) -> Result<(), String> {
        // Taken out by reference only: the tests hold no session any more when they have all ended.
        self.runtime.block_on(async {
            match self.session.get() {
                Some(session) => session.stop().await.map_err(|error| error.to_string()),
                None => Ok(()),
            }
        })
    }
}
