//! Many scenarios on one server: those that measure no latency side by side, then the others one by one.

use std::collections::BTreeMap;

use futures_util::StreamExt;

use super::options::{RunError, RunOptions};
use super::session::Session;
use crate::report::{RunReport, ScenarioReport, Trouble, assemble_interrupted};
use crate::scenario::{Scenario, ServerUse};

/// Runs every scenario and assembles the report. A scenario that the harness cannot run becomes a trouble of the
/// report; the others still run. After an interruption the scenarios that have not begun are named as not run.
pub async fn run_catalogue(scenarios: &[Scenario], options: &RunOptions) -> RunReport {
    let mut by_version: BTreeMap<Option<&str>, Vec<&Scenario>> = BTreeMap::new();
    for scenario in scenarios {
        by_version.entry(scenario.stack.postgres.as_deref()).or_default().push(scenario);
    }
    let mut all = Ran::default();
    for (version, scenarios) in by_version {
        let ran = run_on_one_server(version, &scenarios, options).await;
        all.reports.extend(ran.reports);
        all.troubles.extend(ran.troubles);
        all.not_run.extend(ran.not_run);
    }
    assemble_interrupted(all.reports, all.troubles, all.not_run)
}

/// What became of scenarios.
#[derive(Default)]
struct Ran {
    reports: Vec<ScenarioReport>,
    troubles: Vec<Trouble>,
    not_run: Vec<String>,
}

async fn run_on_one_server(version: Option<&str>, scenarios: &[&Scenario], options: &RunOptions) -> Ran {
    let trouble =
        |scenario: &str, error: &RunError| Trouble { scenario: scenario.to_owned(), message: with_causes(error) };
    let started = tokio::select! {
        started = Session::start(options.clone(), version) => started,
        () = options.cancel.cancelled() => {
            let not_run = scenarios.iter().map(|scenario| scenario.name.clone()).collect();
            return Ran { not_run, ..Ran::default() };
        }
    };
    let session = match started {
        Ok(session) => session,
        Err(error) => {
            let scenario = scenarios.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>().join(", ");
            return Ran { troubles: vec![trouble(&scenario, &error)], ..Ran::default() };
        }
    };
    let (shared, alone): (Vec<&Scenario>, Vec<&Scenario>) =
        scenarios.iter().copied().partition(|scenario| scenario.stack.server == ServerUse::Shared);
    let mut ran = Ran::default();
    for (group, jobs) in [(shared, options.jobs.max(1)), (alone, 1)] {
        let mut runs = futures_util::stream::iter(group)
            .map(|scenario| {
                let session = &session;
                async move {
                    match options.cancel.is_cancelled() {
                        true => (scenario, None),
                        false => (scenario, Some(session.run(scenario).await)),
                    }
                }
            })
            .buffer_unordered(jobs);
        while let Some(run) = runs.next().await {
            match run {
                (_, Some(Ok(report))) => ran.reports.push(report),
                (scenario, Some(Err(error))) => ran.troubles.push(trouble(&scenario.name, &error)),
                (scenario, None) => ran.not_run.push(scenario.name.clone()),
            }
        }
    }
    if let Err(error) = session.stop().await {
        ran.troubles.push(trouble("clean-up", &error));
    }
    ran
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
