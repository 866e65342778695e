//! What a run costs beside its scenarios: the clone of a template, the way to the first verdict, the harness's memory.
//!
//! `PROVISIONING_ROUNDS` steers it; docs/benchmarks.md says how to read it.

#[path = "common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses its own part of what they share")]
mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Environment, Failure, Goal, Line, Mode, Ratio, Table, check, median, processors, setting};
use tenant_chaos::oracle::Verdict;
use tenant_chaos::run::{RunOptions, Session};
use tenant_chaos::scenario::{self, Fleet, Scenario};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// A clone may take this long, in milliseconds.
const CLONE_MS: f64 = 150.0;
/// The first verdict may come this long after the scenario's own time, in seconds, by provider.
const FIRST_VERDICT: [(ProviderChoice, f64); 2] = [(ProviderChoice::Local, 3.0), (ProviderChoice::Docker, 6.0)];
/// The harness may keep this much resident, in megabytes.
const RESIDENT_MB: f64 = 200.0;
/// The scenario with ten thousand tenants.
const LARGE: &str = "scenarios/flood/ten-thousand-tenants.toml";
/// Pause between two looks at the harness's memory; the kernel keeps the maximum in between.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> Result<(), Failure> {
    let mode = Mode::of_arguments();
    if mode == Mode::List {
        println!("provisioning: benchmark");
        return Ok(());
    }
    let rounds = mode.pick(setting("PROVISIONING_ROUNDS", 10)?, 1);
    let runtime = tokio::runtime::Runtime::new()?;
    let mut table = runtime.block_on(async {
        let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
        let server = Server::start(&options, None).await?;
        let made = clones(&server, rounds).await;
        server.stop().await?;
        let mut table = made?;
        for (provider, limit) in FIRST_VERDICT {
            match first_verdicts(provider, rounds).await {
                Ok(seconds) => table.push(line(format!("first verdict, {provider} provider"), &seconds, "s", limit)),
                // Without an engine there is nothing to measure; without a local server there is no benchmark.
                Err(problem) if provider == ProviderChoice::Docker => {
                    table.note(format!("docker provider not measured: {}", first_line(&problem.to_string())));
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok::<_, Failure>(table)
    })?;
    let megabytes = resident(mode)?;
    table.push(line("resident memory, 10,000 tenants".to_owned(), &[megabytes], "MB", RESIDENT_MB));
    table.note(
        "first verdict: from nothing (no server, no template) to the judged and priced report, less the phases; the \
         server is initialised, migrated, seeded and cloned on the way",
    );
    table.note(format!("resident memory: the most that `tenant-chaos run {LARGE}` ever had, server not counted"));
    table.publish(mode)
}

/// Clones of a warm template, each beside the same fleet made anew.
async fn clones(server: &Server, rounds: usize) -> Result<Table, Failure> {
    let environment = Environment::note("provisioning", "PROVISIONING_", Some(server), processors());
    let fleet = short_scenario()?.fleet;
    drop_clone(server, &fleet).await?;
    let (mut warm, mut anew) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        warm.push(drop_clone(server, &fleet).await?);
        // Another number of rows makes it a fleet that the server has no template of.
        let other = Fleet { rows_per_tenant: fleet.rows_per_tenant + 1 + round as u32, ..fleet };
        anew.push(drop_clone(server, &other).await?);
    }
    let mut table = Table::new("provisioning", environment);
    table.push(Line {
        against: Some("migrated and seeded anew".to_owned()),
        ratio: Some(Ratio::of_rounds(&warm, &anew)),
        ..line("clone of a warm template".to_owned(), &warm, "ms", CLONE_MS)
    });
    Ok(table)
}

/// Milliseconds that a clone took; the clone is dropped again.
async fn drop_clone(server: &Server, fleet: &Fleet) -> Result<f64, Failure> {
    let begun = Instant::now();
    let name = server.clone_of_fleet(fleet, "provisioning", &|_| ()).await?;
    let took = begun.elapsed();
    server.drop_database(&name).await?;
    Ok(took.as_secs_f64() * 1e3)
}

/// Seconds from nothing to a verdict, less the scenario's own time.
async fn first_verdicts(provider: ProviderChoice, rounds: usize) -> Result<Vec<f64>, Failure> {
    let scenario = short_scenario()?;
    let phases = &scenario.phases;
    let own = phases.baseline + phases.inject + phases.recover;
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        let stack = StackOptions { provider, ..StackOptions::default() };
        let begun = Instant::now();
        let session = Session::start(RunOptions { stack, ..RunOptions::default() }, None).await?;
        let ran = session.run(&scenario).await;
        let took = begun.elapsed();
        session.stop().await?;
        let verdict = ran?.verdict;
        check(verdict == Verdict::Pass, || format!("the scenario's verdict is {verdict:?}"))?;
        seconds.push(took.saturating_sub(own).as_secs_f64());
    }
    Ok(seconds)
}

fn short_scenario() -> Result<Scenario, Failure> {
    let text = "name = \"provisioning\"\nwhy = \"The way to a verdict, with next to nothing on it.\"\n\
                load = { rate = \"50/s\" }\nphases = { inject = \"500ms\" }\n\
                expect = { always = [\"leaked_rows == 0\"] }\n";
    Ok(scenario::parse(Path::new("bench/provisioning.toml"), text).map_err(|problem| problem.to_string())?)
}

/// The most that the harness had resident while it seeded and flooded ten thousand tenants, in megabytes.
fn resident(mode: Mode) -> Result<f64, Failure> {
    let out = mode.pick("target/chaos/bench/memory", "target/chaos/bench/check/memory");
    let mut harness = Command::new(env!("CARGO_BIN_EXE_tenant-chaos"))
        .args(["run", LARGE, "--provider", "local", "--out", out])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = format!("/proc/{}/status", harness.id());
    let mut most = 0.0;
    let ended = loop {
        most = high_water_mark(&status).unwrap_or(most);
        match harness.try_wait()? {
            Some(ended) => break ended,
            None => std::thread::sleep(LOOK),
        }
    };
    check(ended.success(), || format!("`tenant-chaos run {LARGE}` ended with {ended}; its report is in {out}"))?;
    check(most > 0.0, || "this system does not say how much memory a process has".to_owned())?;
    Ok(most)
}

/// `VmHWM` of a process; `None` where there is none, or once the process is gone.
fn high_water_mark(status: &str) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let kilobytes: f64 =
        text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok())?;
    Some(kilobytes * 1024.0 / 1e6)
}

fn line(what: String, values: &[f64], unit: &'static str, below: f64) -> Line {
    Line { what, value: median(values), unit, against: None, ratio: None, goal: Some(Goal::ValueBelow(below)) }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
