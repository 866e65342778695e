//! What Row-Level Security costs: operations of the reference schema under several ways to write a policy, in several
//! ways to travel, side by side with a hand-written condition.
//!
//! Criterion gives the figures. The table gives the ratios, from a paired sampler of its own, because a ratio of two
//! figures that were taken minutes apart on a shared machine says more about the machine than about the policy.
//!
//! `RLS_OVERHEAD_ROWS` (`10000,100000,1000000`), `RLS_OVERHEAD_BREADTH` (`default`, `full`) and `RLS_OVERHEAD_PART`
//! (`figures`, `table`, `all`) steer it, as does criterion's filter; docs/benchmarks.md says how to read it.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses its own part of what they share")]
mod common;
mod design;
mod figures;
mod paired;
mod report;
mod session;
mod stand;

use common::{Environment, Failure, Mode, Table, processors, setting};
use criterion::Criterion;
use design::Breadth;
use stand::Stand;
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};
use tokio::runtime::Runtime;

/// What is done, and on how many rows.
struct Plan {
    rows: Vec<u32>,
    breadth: Breadth,
    figures: bool,
    table: bool,
}

impl Plan {
    fn of(mode: Mode) -> Result<Self, Failure> {
        let rows: String = setting("RLS_OVERHEAD_ROWS", "100000".to_owned())?;
        let rows: Result<Vec<u32>, _> = rows.split(',').map(|rows| rows.trim().replace('_', "").parse()).collect();
        let breadth: String = setting("RLS_OVERHEAD_BREADTH", "default".to_owned())?;
        let part: String = setting("RLS_OVERHEAD_PART", "all".to_owned())?;
        let (figures, table) = match part.as_str() {
            "all" => (true, !has_filter()),
            "figures" => (true, false),
            "table" => (false, true),
            other => return Err(format!("RLS_OVERHEAD_PART: `{other}` is none of figures, table, all").into()),
        };
        Ok(Self {
            rows: mode.pick(rows.map_err(|error| format!("RLS_OVERHEAD_ROWS: {error}"))?, vec![2_000, 3_000]),
            breadth: match breadth.as_str() {
                "default" => Breadth::Default,
                "full" => Breadth::Full,
                other => return Err(format!("RLS_OVERHEAD_BREADTH: `{other}` is neither default nor full").into()),
            },
            figures,
            table,
        })
    }
}

/// Whether criterion was given a filter, or an option with a value: whoever does that wants its figures.
fn has_filter() -> bool {
    std::env::args().skip(1).any(|argument| !argument.starts_with('-'))
}

fn main() -> Result<(), Failure> {
    let mode = Mode::of_arguments();
    let mut criterion = figures::criterion();
    if mode == Mode::List {
        criterion.final_summary();
        return Ok(());
    }
    let plan = Plan::of(mode)?;
    let processors = processors();
    let placement = one_processor();
    // One thread: the task that waits for the server is then woken by nobody else.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let server = runtime.block_on(Server::start(&options, None))?;
    let environment = Environment::note("rls_overhead", "RLS_OVERHEAD_", Some(&server), processors);
    let mut table = Table::new("rls_overhead", environment);
    let measured = measure(&mut criterion, &mut table, &runtime, &server, mode, &plan);
    runtime.block_on(server.stop())?;
    measured?;
    criterion.final_summary();
    match plan.table {
        true => {
            table.note(placement);
            table.note("every call of every variant was checked: the expected number of rows, all of the right tenant");
            table.publish(mode)
        }
        false => Ok(()),
    }
}

/// Stays on one processor, and with it the server that is started from here. With several, the scheduler keeps one
/// backend beside its client and another one apart from it for as long as the benchmark runs, which makes one of two
/// equal variants up to three times as fast as the other (the control shows it). Returns what was done.
fn one_processor() -> &'static str {
    #[cfg(target_os = "linux")]
    {
        use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
        use nix::unistd::Pid;
        let this = Pid::from_raw(0);
        let pinned = sched_getaffinity(this).and_then(|allowed| {
            let mut one = CpuSet::new();
            let last = (0..CpuSet::count()).rev().find(|place| allowed.is_set(*place).unwrap_or(false));
            one.set(last.unwrap_or(0))?;
            sched_setaffinity(this, &one)
        });
        if pinned.is_ok() {
            return "client and server share one processor, so that all variants are placed alike";
        }
    }
    "client and server run on any processor: look at the control before you believe a ratio"
}

fn measure(
    criterion: &mut Criterion,
    table: &mut Table,
    runtime: &Runtime,
    server: &Server,
    mode: Mode,
    plan: &Plan,
) -> Result<(), Failure> {
    for &rows in &plan.rows {
        eprintln!("{rows} rows: seeding, making policies, proving that they hold");
        let stand = runtime.block_on(Stand::build(server, rows))?;
        if plan.table {
            runtime.block_on(report::add_lines(table, &stand, mode, plan.breadth))?;
        }
        if plan.figures {
            figures::run(criterion, runtime, &stand, plan.breadth);
        }
    }
    Ok(())
}
