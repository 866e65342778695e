//! Many scenarios: those that measure no latency side by side on one server, then the others one by one, then those that
//! need a server of their own, one by one and each with one.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;

use super::options::{RunError, RunOptions};
use super::session::{Session, run_scenario};
use crate::report::{RunReport, ScenarioReport, Trouble, Unjudged, assemble_all};
use crate::scenario::{Scenario, ServerUse};

/// After an interruption a server that is starting is awaited this long, to be stopped.
const START_LIMIT: Duration = Duration::from_secs(90);

/// Runs every scenario and assembles the report. A scenario that the harness cannot run becomes a trouble of the report,
/// one that asks for what the provider does not have is named as one for another provider; the others still run. After
/// an interruption the scenarios that have not begun are named as not run.
pub async fn run_catalogue(scenarios: &[Scenario], options: &RunOptions) -> RunReport {
    let mut by_version: BTreeMap<Option<&str>, Vec<&Scenario>> = BTreeMap::new();
    for scenario in scenarios {
        by_version.entry(scenario.stack.postgres.as_deref()).or_default().push(scenario);
    }
    let mut all = Ran::default();
    for (version, scenarios) in by_version {
        let ran = run_on_one_server(version, &scenarios, options).await;
        all.reports.extend(ran.reports);
        all.unjudged.troubles.extend(ran.unjudged.troubles);
        all.unjudged.not_run.extend(ran.unjudged.not_run);
        all.unjudged.elsewhere.extend(ran.unjudged.elsewhere);
    }
    assemble_all(all.reports, all.unjudged)
}

/// What became of scenarios.
#[derive(Default)]
struct Ran {
    reports: Vec<ScenarioReport>,
    unjudged: Unjudged,
}

async fn run_on_one_server(version: Option<&str>, scenarios: &[&Scenario], options: &RunOptions) -> Ran {
    let of = |server: ServerUse| -> Vec<&Scenario> {
        scenarios.iter().copied().filter(|scenario| scenario.stack.server == server).collect()
    };
    let (shared, alone, own) = (of(ServerUse::Shared), of(ServerUse::Alone), of(ServerUse::Own));
    let mut ran = match shared.is_empty() && alone.is_empty() {
        true => Ran::default(),
        false => run_in_one_session(version, shared, alone, options).await,
    };
    // One by one: how long a server takes to come back depends on who else is starting one.
    ran.take_all(own, options, 1, |scenario| run_scenario(scenario, options.clone())).await;
    ran
}

/// Those that share a server side by side, then those that have it to themselves one by one.
async fn run_in_one_session(
    version: Option<&str>,
    shared: Vec<&Scenario>,
    alone: Vec<&Scenario>,
    options: &RunOptions,
) -> Ran {
    let names = || shared.iter().chain(&alone).map(|scenario| scenario.name.clone()).collect::<Vec<_>>();
    let mut starting = std::pin::pin!(Session::start(options.clone(), version));
    let started = tokio::select! {
        started = &mut starting => started,
        () = options.cancel.cancelled() => {
            let troubles = stop_what_was_starting(starting).await.err().into_iter().collect();
            return Ran::without(Unjudged { not_run: names(), troubles, ..Unjudged::default() });
        }
    };
    let session = match started {
        Ok(session) => session,
        Err(error) => {
            let troubles = vec![trouble(&names().join(", "), &error)];
            return Ran::without(Unjudged { troubles, ..Unjudged::default() });
        }
    };
    let mut ran = Ran::default();
    for (group, jobs) in [(shared, options.jobs), (alone, 1)] {
        ran.take_all(group, options, jobs, |scenario| session.run(scenario)).await;
    }
    if let Err(error) = session.stop().await {
        ran.unjudged.troubles.push(trouble("clean-up", &error));
    }
    ran
}

/// Nobody knows yet of a server that is half started; so it is started to its end, and stopped.
async fn stop_what_was_starting(starting: impl Future<Output = Result<Session, RunError>>) -> Result<(), Trouble> {
    let stopped = match tokio::time::timeout(START_LIMIT, starting).await {
        Ok(Ok(session)) => session.stop().await,
        // It has cleaned up after itself.
        Ok(Err(_)) => Ok(()),
        Err(_) => {
            let message = format!("the server was still starting after {START_LIMIT:?}; run `tenant-chaos clean`");
            return Err(Trouble { scenario: "clean-up".to_owned(), message });
        }
    };
    stopped.map_err(|error| trouble("clean-up", &error))
}

impl Ran {
    /// Nothing was judged.
    fn without(unjudged: Unjudged) -> Self {
        Self { unjudged, ..Self::default() }
    }

    /// Runs scenarios side by side and keeps what became of them. After an interruption no further one begins.
    async fn take_all<'a, F: Future<Output = Result<ScenarioReport, RunError>>>(
        &mut self,
        scenarios: Vec<&'a Scenario>,
        options: &RunOptions,
        jobs: usize,
        run: impl Fn(&'a Scenario) -> F,
    ) {
        let run = &run;
        let mut runs = futures_util::stream::iter(scenarios)
            .map(|scenario| async move {
                match options.cancel.is_cancelled() {
                    true => (scenario, None),
                    false => (scenario, Some(run(scenario).await)),
                }
            })
            .buffer_unordered(jobs.max(1));
        while let Some(ran) = runs.next().await {
            match ran {
                (_, Some(Ok(report))) => self.reports.push(report),
                (scenario, Some(Err(RunError::NotHere(message)))) => {
                    self.unjudged.elsewhere.push(Trouble { scenario: scenario.name.clone(), message })
                }
                (scenario, Some(Err(error))) => self.unjudged.troubles.push(trouble(&scenario.name, &error)),
                (scenario, None) => self.unjudged.not_run.push(scenario.name.clone()),
            }
        }
    }
}

fn trouble(scenario: &str, error: &RunError) -> Trouble {
    Trouble { scenario: scenario.to_owned(), message: with_causes(error) }
}

/// An error and everything that caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
