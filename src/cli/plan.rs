//! `plan`: what a run would do, when, and what it could cost at worst. Starts nothing.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::options::{MoneyArgs, Selection};
use super::output::{CliError, print, print_json};
use crate::business_metrics::{Assumptions, MicroDollars};
use crate::faults;
use crate::load::LoadPlan;
use crate::observe::Roster;
use crate::pricing;
use crate::scenario::{Fault, LoadShape, Pooler, PoolerSpec, Scenario};

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    money: MoneyArgs,
    /// Overrides every scenario's seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Planned<'a> {
    scenario: &'a str,
    path: String,
    seed: u64,
    schedule_hash: String,
    stack: String,
    fleet: String,
    load: String,
    arrivals: Option<usize>,
    seconds: f64,
    timeline: Vec<Moment>,
    undo: Vec<String>,
    expectations: Vec<String>,
    stop: String,
    worst_case_usd: MicroDollars,
    worst_case: String,
}

/// Something that happens at a time.
#[derive(Serialize)]
struct Moment {
    at_s: f64,
    what: String,
}

impl Plan {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let scenarios = self.selection.load()?;
        let assumptions = self.money.assumptions()?;
        let planned: Vec<Planned<'_>> =
            scenarios.iter().map(|scenario| Planned::of(scenario, self.seed, &assumptions)).collect();
        match self.json {
            true => print_json(&planned)?,
            false => print(&planned.iter().map(Planned::text).collect::<Vec<_>>().join("\n"))?,
        }
        Ok(Exit::Pass)
    }
}

impl<'a> Planned<'a> {
    fn of(scenario: &'a Scenario, seed: Option<u64>, assumptions: &Assumptions) -> Self {
        let seed = seed.unwrap_or(scenario.seed);
        let plan = LoadPlan::of(scenario, seed, &Roster::of(&scenario.fleet));
        let open = matches!(scenario.load.shape, LoadShape::Open { .. });
        let worst = pricing::worst_case(scenario, assumptions);
        Self {
            scenario: &scenario.name,
            path: scenario.source.path.display().to_string(),
            seed,
            schedule_hash: plan.schedule_hash(scenario),
            stack: stack(scenario),
            fleet: fleet(scenario),
            load: load(scenario),
            arrivals: open.then(|| plan.arrivals().count()),
            seconds: plan.until().as_secs_f64(),
            timeline: timeline(scenario),
            // Undone in the opposite order.
            undo: scenario.faults.iter().rev().map(|fault| undo(number(fault), &fault.action)).collect(),
            expectations: expectations(scenario),
            stop: format!("{} foreign rows, or after {:?}", scenario.stop.leaked_rows, scenario.stop.wall_clock),
            worst_case_usd: worst.cost_usd,
            worst_case: worst.basis,
        }
    }

    fn text(&self) -> String {
        let mut text =
            format!("{}  ({}, seed {}, schedule {})\n", self.scenario, self.path, self.seed, self.schedule_hash);
        let mut line = |name: &str, value: &str| {
            writeln!(text, "  {name:<12}{value}").expect("writing to a string cannot fail");
        };
        line("stack", &self.stack);
        line("fleet", &self.fleet);
        let arrivals = self.arrivals.map_or(String::new(), |arrivals| format!(", {arrivals} arrivals"));
        line("load", &format!("{}{arrivals}, {} s", self.load, self.seconds));
        for Moment { at_s, what } in &self.timeline {
            line("", &format!("{at_s:>7.2} s  {what}"));
        }
        for undo in &self.undo {
            line("undo", undo);
        }
        for expectation in &self.expectations {
            line("expect", expectation);
        }
        line("stop at", &self.stop);
        line("worst case", &format!("{}: {}", self.worst_case_usd, self.worst_case));
        text
    }
}

/// As journals, reports and the proxy count faults: from 1.
fn number(fault: &Fault) -> usize {
    fault.index + 1
}

fn undo(number: usize, action: &crate::scenario::FaultAction) -> String {
    format!("fault {number} {}: {}", action.name(), faults::undo_of(action))
}

fn stack(scenario: &Scenario) -> String {
    let stack = &scenario.stack;
    let version = stack.postgres.as_ref().map_or("any PostgreSQL".to_owned(), |major| format!("PostgreSQL {major}"));
    let names = |set: String| if set.is_empty() { "none".to_owned() } else { set };
    let layers =
        names(stack.defence.iter().map(|layer| format!("{layer:?}").to_lowercase()).collect::<Vec<_>>().join(", "));
    let defects = names(stack.defects.iter().map(|defect| format!("{defect:?}")).collect::<Vec<_>>().join(", "));
    let pool = &stack.pool;
    let pooler = match stack.pooler {
        PoolerSpec { kind: Pooler::None, .. } => String::new(),
        PoolerSpec { kind, size, .. } => format!(", {} with {size} server connections", kind.name()),
    };
    format!(
        "{version}, server {:?}, pool of {} ({:?}){pooler}, defence: {layers}, planted: {defects}",
        stack.server, pool.size, pool.acquire_timeout
    )
}

fn fleet(scenario: &Scenario) -> String {
    let fleet = &scenario.fleet;
    format!(
        "{} tenants ({} starter, {} growth, {} enterprise), {} documents each",
        fleet.tenants(),
        fleet.starter,
        fleet.growth,
        fleet.enterprise,
        fleet.rows_per_tenant
    )
}

fn load(scenario: &Scenario) -> String {
    match scenario.load.shape {
        LoadShape::Open { rate_per_s } => format!("open loop, {rate_per_s}/s"),
        LoadShape::Closed { clients } => format!("closed loop, {clients} clients"),
    }
}

/// Phases and faults by time, from the start of the run.
fn timeline(scenario: &Scenario) -> Vec<Moment> {
    let phases = &scenario.phases;
    let (inject, recover) = (phases.baseline, phases.baseline + phases.inject);
    let mut moments: Vec<(Duration, String)> = Vec::new();
    for (at, name, lasts) in [
        (Duration::ZERO, "baseline", phases.baseline),
        (inject, "inject", phases.inject),
        (recover, "recover", phases.recover),
    ] {
        if !lasts.is_zero() {
            moments.push((at, format!("{name} begins")));
        }
    }
    for fault in &scenario.faults {
        let at = inject + fault.at;
        moments.push((at, format!("fault {} {} takes effect", number(fault), fault.action.name())));
        moments.push((at + fault.lasts, format!("fault {} {} is undone", number(fault), fault.action.name())));
    }
    moments.push((recover + phases.recover, "load ends; verify: the ledger against the database".to_owned()));
    moments.sort_by_key(|(at, _)| *at);
    moments.into_iter().map(|(at, what)| Moment { at_s: at.as_secs_f64(), what }).collect()
}

fn expectations(scenario: &Scenario) -> Vec<String> {
    let expect = &scenario.expect;
    let lists = [
        ("always", &expect.always),
        ("baseline", &expect.baseline),
        ("inject", &expect.inject),
        ("cost", &expect.cost),
    ];
    let mut all: Vec<String> = lists
        .into_iter()
        .flat_map(|(list, conditions)| conditions.iter().map(move |condition| format!("{list}: {}", condition.text)))
        .collect();
    if let Some(recover) = &expect.recover {
        let that = recover.that.iter().map(|condition| condition.text.as_str()).collect::<Vec<_>>().join(", ");
        all.push(format!("recover within {:?}: {that}", recover.within));
    }
    all.extend(expect.must_find.iter().map(|code| format!("must find {code}")));
    all
}
