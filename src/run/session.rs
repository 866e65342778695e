//! A session: one server, on which any number of scenarios run, each in a clone of its fleet's template.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::options::{RunError, RunOptions};
use super::progress::ProgressEvent;
use super::scenario_run::run_in_database;
use crate::observe::{UndoRecord, read_journal};
use crate::oracle::Verdict;
use crate::report::{ScenarioReport, judge_journal};
use crate::scenario::{Pooler, PoolerSpec, Scenario};
use crate::stack::{Needs, ProviderChoice, SeedProgress, Server};

/// A running server.
pub struct Session {
    server: Server,
    options: RunOptions,
    /// Holds the journals of a session that nobody wants to keep.
    journals: JournalFolder,
}

enum JournalFolder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl JournalFolder {
    fn path(&self) -> &Path {
        match self {
            JournalFolder::Kept(path) => path,
            JournalFolder::Temporary(folder) => folder.path(),
        }
    }
}

impl Session {
    /// Starts a server. `postgres` is the wanted major version; `None` takes what the provider has.
    ///
    /// # Errors
    /// [`RunError::Stack`] with what was tried and the command that mends it.
    pub async fn start(options: RunOptions, postgres: Option<&str>) -> Result<Self, RunError> {
        options.reporter.event(&ProgressEvent::Starting);
        let journals = match &options.journals {
            Some(folder) => {
                let folder = folder.clone();
                std::fs::create_dir_all(&folder)
                    .map_err(|source| RunError::Io { what: format!("cannot create {}", folder.display()), source })?;
                JournalFolder::Kept(folder)
            }
            None => JournalFolder::Temporary(
                tempfile::tempdir()
                    .map_err(|source| RunError::Io { what: "cannot create a temporary folder".into(), source })?,
            ),
        };
        let server = Server::start(&options.stack, postgres).await?;
        options.reporter.event(&ProgressEvent::Server {
            provider: server.provider().to_owned(),
            version: server.version().to_owned(),
            why: server.why().to_owned(),
        });
        Ok(Self { server, options, journals })
    }

    /// Runs a scenario in a fresh clone, discards the clone, and judges and prices the journal.
    ///
    /// # Errors
    /// Harness trouble. A scenario that fails is a report, not an error.
    pub async fn run(&self, scenario: &Scenario) -> Result<ScenarioReport, RunError> {
        let begun = Instant::now();
        let name = scenario.name.clone();
        self.options.reporter.event(&ProgressEvent::ScenarioStarted { scenario: name.clone() });
        let report = self.run_and_judge(scenario).await;
        let verdict = report.as_ref().ok().map(|report| report.verdict);
        self.options.reporter.event(&ProgressEvent::ScenarioDone { scenario: name, verdict, took: begun.elapsed() });
        report
    }

    async fn run_and_judge(&self, scenario: &Scenario) -> Result<ScenarioReport, RunError> {
        if let Some(why) = scenario.cannot_run_on(self.server.provider()) {
            return Err(RunError::NotHere(why));
        }
        let begun = Instant::now();
        let scenario = &self.options.pooler.map_or(Cow::Borrowed(scenario), |kind| with_pooler(scenario, kind));
        let reporter = self.options.reporter.clone();
        let show = move |SeedProgress { done, total }| reporter.event(&ProgressEvent::Seeding { done, total });
        let database = self.server.clone_of_fleet(&scenario.fleet, &scenario.name, &show).await?;
        let journal = self.journals.path().join(format!("{}.jsonl", scenario.name));
        // An earlier run's journal must not be taken for this one's, however early this one ends.
        remove_if_there(&journal)?;
        let ran = run_in_database(&self.server, &database, scenario, &self.options, &journal).await;
        let discarding = Instant::now();
        let discarded = self.server.drop_database(&database).await;
        let undone = match ran {
            Ok(undone) => undone,
            Err(error) => return self.judge_what_there_is(&journal, error),
        };
        let mut report = judge_journal(&read_journal(&journal)?, &self.options.assumptions)?;
        let problem = discarded.err().map(|error| error.to_string());
        report.clean &= problem.is_none() && undone.iter().all(|record| record.problem.is_none());
        report.undo.extend(undone);
        let took_us = discarding.elapsed().as_micros() as u64;
        report.undo.push(UndoRecord { what: "database".into(), took_us, problem });
        report.took_us = begun.elapsed().as_micros() as u64;
        Ok(report)
    }

    /// A run that broke off may have seen enough to fail; that is not lost. Otherwise the trouble is the result.
    fn judge_what_there_is(&self, journal: &Path, error: RunError) -> Result<ScenarioReport, RunError> {
        let judged =
            read_journal(journal).ok().and_then(|events| judge_journal(&events, &self.options.assumptions).ok());
        match judged {
            Some(mut report) if report.verdict == Verdict::Fail => {
                report.undo.push(UndoRecord { what: "run".into(), took_us: 0, problem: Some(error.to_string()) });
                report.clean = false;
                Ok(report)
            }
            _ => Err(error),
        }
    }

    /// Stops the server and verifies that nothing of it is left. A second call does nothing.
    ///
    /// # Errors
    /// [`RunError::Stack`] naming what is left.
    pub async fn stop(&self) -> Result<(), RunError> {
        Ok(self.server.stop().await?)
    }
}

/// The scenario behind this pooler, unless it names one itself.
fn with_pooler(scenario: &Scenario, kind: Pooler) -> Cow<'_, Scenario> {
    // A pooler leads to one server, and a scenario with a replica has two.
    let none = kind == Pooler::None || scenario.stack.replica.is_some();
    if none || scenario.stack.pooler.kind != Pooler::None {
        return Cow::Borrowed(scenario);
    }
    let mut behind = scenario.clone();
    let size = PoolerSpec::usual_size(kind, behind.stack.pool.size);
    behind.stack.pooler = PoolerSpec { kind, size, ..behind.stack.pooler };
    Cow::Owned(behind)
}

/// Runs one scenario on a server of its own: the few lines that a test needs.
///
/// # Errors
/// Harness trouble, and [`RunError::NotHere`] if the provider cannot do what the scenario is about. A scenario that
/// fails is a report, not an error.
pub async fn run_scenario(scenario: &Scenario, mut options: RunOptions) -> Result<ScenarioReport, RunError> {
    let named = options.stack.provider != ProviderChoice::Auto;
    if let Some(why) = scenario.cannot_run_on(options.stack.provider.name()).filter(|_| named) {
        return Err(RunError::NotHere(why));
    }
    options.stack.needs = Needs::of(&scenario.stack);
    let session = Session::start(options, scenario.stack.postgres.as_deref()).await?;
    let report = session.run(scenario).await;
    let begun = Instant::now();
    let Err(left) = session.stop().await else { return report };
    // What is left behind does not undo what was found.
    report.map(|mut report| {
        let (took_us, problem) = (begun.elapsed().as_micros() as u64, Some(left.to_string()));
        report.undo.push(UndoRecord { what: "server".into(), took_us, problem });
        report.clean = false;
        report
    })
}

fn remove_if_there(file: &Path) -> Result<(), RunError> {
    match std::fs::remove_file(file) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(RunError::Io { what: format!("cannot replace {}", file.display()), source })
        }
        _ => Ok(()),
    }
}
