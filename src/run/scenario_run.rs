//! One scenario from its clone to its closed journal. Undo runs on every way out.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::catalogue_check::CatalogueCheck;
use super::live::{Live, micros};
use super::options::{RunError, RunOptions};
use super::progress::ProgressEvent;
use super::provision::{Provisioned, provision};
use super::verify::compare_ledger;
use crate::faults::{Conductor, Target};
use crate::load::{Classes, Executor, Load, LoadPlan, Recorder, RecorderOptions, SliceClock};
use crate::observe::{
    EndReason, Event, Footer, Header, JOURNAL_SCHEMA_VERSION, JournalWriter, PoolerInfo, Roster, UndoRecord,
};
use crate::scenario::{Layer, Phase, Scenario};
use crate::stack::{Pooler, Server};
use crate::tenancy::Directory;

/// Beyond its own deadline a request gets this long to be recorded.
const GRACE: Duration = Duration::from_secs(1);
/// The end of the load is awaited this long beyond the deadline of a request.
const WIND_DOWN_LIMIT: Duration = Duration::from_secs(15);
/// The ledger must be compared within this; a server that was left paused or gone answers never.
const VERIFY_LIMIT: Duration = Duration::from_secs(120);

/// Runs a scenario in its own database and writes its journal. The database is the caller's to discard.
pub(super) async fn run_in_database(
    server: &Server,
    database: &str,
    scenario: &Scenario,
    options: &RunOptions,
    journal: &Path,
) -> Result<Vec<UndoRecord>, RunError> {
    let provisioned = provision(server, database, scenario, options.seed).await?;
    let (tenancy, pooler) = (provisioned.tenancy.clone(), provisioned.pooler.clone());
    let run = std::panic::AssertUnwindSafe(run_provisioned(server, database, provisioned, scenario, options, journal));
    let outcome = run.catch_unwind().await;
    tenancy.shut_down();
    let mut undone = Vec::new();
    if let Some(pooler) = pooler {
        let begun = Instant::now();
        let problem = pooler.stop().await.err().map(|error| error.to_string());
        undone.push(UndoRecord { what: "pooler".into(), took_us: begun.elapsed().as_micros() as u64, problem });
    }
    let ran = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Err(RunError::Panic(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()))
    });
    ran.map(|()| undone)
}

async fn run_provisioned(
    server: &Server,
    database: &str,
    provisioned: Provisioned,
    scenario: &Scenario,
    options: &RunOptions,
    journal: &Path,
) -> Result<(), RunError> {
    // The proxy ends with this function, whichever way that goes.
    let Provisioned { tenancy, connect, admin, proxy, pooler } = provisioned;
    let wire = proxy.as_ref().map(|proxy| proxy.rules().clone());
    let seed = options.seed.unwrap_or(scenario.seed);
    let roster = Roster::of(&scenario.fleet);
    let plan = Arc::new(LoadPlan::of(scenario, seed, &roster));
    let classes = Classes::of(scenario, &roster);
    let mut journal = JournalWriter::create(journal)?;
    journal.append(&Event::Header(Box::new(header(
        server,
        scenario,
        &plan,
        &classes,
        roster.len() as u32,
        pooler.as_deref(),
    ))))?;
    journal.flush()?;

    let recorder = Arc::new(Recorder::new(RecorderOptions {
        clock: SliceClock::new(&scenario.phases),
        classes,
        tenants: roster.len(),
        slo: scenario.business.slo,
        horizon: scenario.load.timeout + GRACE,
    }));
    let directory = Arc::new(Directory::of(roster));
    let rows = scenario.fleet.rows_per_tenant;
    // Before the clock starts: what it takes would make the first arrivals late.
    let check = match tenancy_watches(scenario) {
        true => {
            let check = CatalogueCheck::start(admin.clone(), connect.get_username()).await;
            Some(check.map_err(|error| RunError::Prepare(error.into()))?)
        }
        false => None,
    };
    let executor = Executor::new(tenancy, directory, recorder, Instant::now(), scenario.load.timeout, rows);
    let executor = Arc::new(executor.retrying(scenario.load.retries));
    let inject_from = scenario.phases.baseline;
    let (send_alert, catalogue_alerts) = mpsc::unbounded_channel();
    let check = check.map(|check| AbortOnDropHandle::new(tokio::spawn(check.watch(executor.clone(), send_alert))));
    let target = Target {
        executor: executor.clone(),
        plan: plan.clone(),
        connect,
        admin: admin.clone(),
        inject_from,
        wire,
        pooler,
        control: server.control(),
    };

    let stop = options.cancel.child_token();
    // Whatever ends this function early, a panic too, ends load and faults.
    let _stopped = stop.clone().drop_guard();
    let (send_fault, faults) = mpsc::unbounded_channel();
    let conductor = Conductor::new(scenario, seed, target, send_fault).map_err(RunError::Fault)?;
    let undone_within = conductor.winds_down_within();
    let conductor = tokio::spawn(conduct(conductor, stop.clone()));
    let load = Load::start(&plan, &executor, &stop);

    let mut live = Live {
        scenario,
        executor: executor.clone(),
        journal: &mut journal,
        faults,
        catalogue_alerts,
        reporter: &*options.reporter,
        interrupt: options.cancel.clone(),
        stop: stop.clone(),
    };
    let followed = live.follow().await;
    if followed.is_err() {
        stop.cancel();
    }
    let (undo, conducted) = wind_down_faults(conductor, undone_within).await;
    let loaded = wind_down_load(load, scenario.load.timeout + WIND_DOWN_LIMIT).await;
    let mut end = followed?;
    drop(check);
    live.write_fault_events()?;
    live.last_look_at_the_monitor()?;
    if let Err(problem) = conducted.and(loaded) {
        end = EndReason::Trouble(problem);
    }
    let (name, phase, lasts) = (scenario.name.clone(), Phase::Verify, Duration::ZERO);
    options.reporter.event(&ProgressEvent::PhaseStarted { scenario: name, phase, lasts });
    // A failover has led the administrator elsewhere.
    let admin = server.admin(database);
    close(scenario, &executor, &admin, journal, end, undo).await
}

/// The catalogue check belongs to the monitoring layer.
fn tenancy_watches(scenario: &Scenario) -> bool {
    scenario.stack.defence.contains(&Layer::Monitor)
}

/// What was undone, and what went wrong with the faults.
type Conducted = (Vec<UndoRecord>, Result<(), String>);

async fn conduct(conductor: Conductor, stop: CancellationToken) -> Conducted {
    conductor.run(&stop).await
}

async fn wind_down_faults(conductor: tokio::task::JoinHandle<Conducted>, limit: Duration) -> Conducted {
    let problem = match tokio::time::timeout(limit, conductor).await {
        Ok(Ok(conducted)) => return conducted,
        Ok(Err(error)) => format!("the faults' task failed: {error}"),
        Err(_) => format!("the faults were not undone within {limit:?}"),
    };
    let undo = UndoRecord { what: "faults".into(), took_us: 0, problem: Some(problem.clone()) };
    (vec![undo], Err(problem))
}

/// Requests that vanish are counted nowhere, so a run that lost some has not shown what it was to show.
async fn wind_down_load(load: Load, limit: Duration) -> Result<(), String> {
    match tokio::time::timeout(limit, load.finish()).await {
        Ok(finished) => finished,
        Err(_) => Err(format!("requests were still under way {limit:?} after the load had ended; they were cut off")),
    }
}

/// Writes what is left: the last slices, per-tenant counts, the ledger and the footer. Whatever is wrong with the ledger,
/// what was seen before stays: the journal gets its last line, and the run counts as one that did not complete.
async fn close(
    scenario: &Scenario,
    executor: &Executor,
    admin: &sqlx::postgres::PgConnectOptions,
    mut journal: JournalWriter,
    mut end: EndReason,
    undo: Vec<UndoRecord>,
) -> Result<(), RunError> {
    let recorder = executor.recorder();
    for event in recorder.finish_all() {
        journal.append(&event)?;
    }
    for phase in [Phase::Baseline, Phase::Inject, Phase::Recover] {
        for counts in recorder.tenant_counts(phase) {
            journal.append(&counts)?;
        }
    }
    let from = executor.now();
    journal.append(&Event::PhaseStarted { at_us: micros(from), phase: Phase::Verify })?;
    let acknowledged = executor.ledger().take();
    let not_kept = executor.ledger().not_kept();
    let compared = compare_ledger(admin, &acknowledged, not_kept, executor.directory());
    let problem = match tokio::time::timeout(VERIFY_LIMIT, compared).await {
        Ok(Ok(ledger)) => {
            journal.append(&Event::Ledger(ledger))?;
            None
        }
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {VERIFY_LIMIT:?}")),
    };
    if let Some(problem) = problem {
        end = EndReason::Trouble(format!("acknowledged writes cannot be compared with the database: {problem}"));
    }
    journal.append(&Event::PhaseEnded { at_us: micros(executor.now()), phase: Phase::Verify })?;
    let (leaks_seen, leaked_tenants, receiving_tenants) = recorder.leak_totals();
    let at_us = micros(executor.now());
    journal.append(&Event::Footer(Footer { at_us, end, undo, leaks_seen, leaked_tenants, receiving_tenants }))?;
    journal.flush()?;
    tracing::debug!(scenario = scenario.name, "journal closed");
    Ok(())
}

fn header(
    server: &Server,
    scenario: &Scenario,
    plan: &LoadPlan,
    classes: &Classes,
    tenants: u32,
    pooler: Option<&Pooler>,
) -> Header {
    let kind = scenario.stack.pooler.kind;
    Header {
        schema_version: JOURNAL_SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        family: scenario.family.clone(),
        path: scenario.source.path.display().to_string(),
        toml: scenario.source.text.clone(),
        seed: plan.seed(),
        schedule_hash: plan.schedule_hash(scenario),
        provider: server.provider().to_owned(),
        provider_why: server.why().to_owned(),
        server_version: server.version().to_owned(),
        pooler: pooler.map(|pooler| PoolerInfo { kind, version: pooler.version().to_owned() }),
        started_at: now_in_seconds(),
        classes: classes.list().to_vec(),
        tenants,
        cpus: std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32),
    }
}

/// The wall clock, RFC 3339, without a fraction.
fn now_in_seconds() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}
