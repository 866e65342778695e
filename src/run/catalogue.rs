//! Many scenarios on one server: those that measure no latency side by side, then the others one by one.

use std::collections::BTreeMap;

use futures_util::StreamExt;

use super::options::{RunError, RunOptions};
use super::session::Session;
use crate::report::{RunReport, ScenarioReport, Trouble, assemble};
use crate::scenario::{Scenario, ServerUse};

/// Runs every scenario and assembles the report. A scenario that the harness cannot run becomes a trouble of the
/// report; the others still run. After an interruption the scenarios that have not begun are left out.
pub async fn run_catalogue(scenarios: &[Scenario], options: &RunOptions) -> RunReport {
    let mut by_version: BTreeMap<Option<&str>, Vec<&Scenario>> = BTreeMap::new();
    for scenario in scenarios {
        by_version.entry(scenario.stack.postgres.as_deref()).or_default().push(scenario);
    }
    let mut reports: Vec<ScenarioReport> = Vec::new();
    let mut troubles = Vec::new();
    for (version, scenarios) in by_version {
        let (ran, more) = run_on_one_server(version, &scenarios, options).await;
        reports.extend(ran);
        troubles.extend(more);
    }
    let place = |name: &str| scenarios.iter().position(|scenario| scenario.name == name);
    reports.sort_by_key(|report| place(&report.header.scenario));
    assemble(reports, troubles)
}

async fn run_on_one_server(
    version: Option<&str>,
    scenarios: &[&Scenario],
    options: &RunOptions,
) -> (Vec<ScenarioReport>, Vec<Trouble>) {
    let trouble = |scenario: &str, error: &RunError| Trouble { scenario: scenario.to_owned(), message: with_causes(error) };
    let started = tokio::select! {
        started = Session::start(options.clone(), version) => started,
        () = options.cancel.cancelled() => return Default::default(),
    };
    let session = match started {
        Ok(session) => session,
        Err(error) => {
            let scenario = scenarios.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>().join(", ");
            return (Vec::new(), vec![trouble(&scenario, &error)]);
        }
    };
    let (shared, alone): (Vec<&Scenario>, Vec<&Scenario>) =
        scenarios.iter().copied().partition(|scenario| scenario.stack.server == ServerUse::Shared);
    let (mut reports, mut troubles) = (Vec::new(), Vec::new());
    for (group, jobs) in [(shared, options.jobs.max(1)), (alone, 1)] {
        let mut runs = futures_util::stream::iter(group)
            .map(|scenario| {
                let session = &session;
                async move {
                    match options.cancel.is_cancelled() {
                        true => None,
                        false => Some((scenario, session.run(scenario).await)),
                    }
                }
            })
            .buffer_unordered(jobs);
        while let Some(run) = runs.next().await {
            match run {
                Some((_, Ok(report))) => reports.push(report),
                Some((scenario, Err(error))) => troubles.push(trouble(&scenario.name, &error)),
                None => {}
            }
        }
    }
    if let Err(error) = session.stop().await {
        troubles.push(trouble("clean-up", &error));
    }
    (reports, troubles)
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
