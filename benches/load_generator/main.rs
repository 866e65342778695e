//! Tenant transactions per second, side by side with `pgbench -M prepared` on the same statements.
//!
//! Same server, same role, same number of connections and threads; the contenders take turns in rounds, and each round
//! gives one ratio. `LOAD_GENERATOR_{CLIENTS,THREADS,ROUNDS,SECONDS,PROVIDER}` steer it; docs/benchmarks.md says how to
//! read it.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses its own part of what they share")]
mod common;
mod ours;
mod pgbench;
mod processor;

use std::time::{Duration, Instant};

use common::{Environment, Failure, Goal, Line, Mode, Ratio, Table, check, median, processors, setting};
use ours::{Depth, Ours};
use pgbench::{Pgbench, Travel};
use processor::Meter;
use sqlx::{Connection, PgConnection};
use tenant_chaos::observe::Roster;
use tenant_chaos::scenario::Fleet;
use tenant_chaos::stack::{LoginRole, ProviderChoice, Server, StackOptions};

/// Sixteen tenants, one script of pgbench each.
const FLEET: Fleet = Fleet { starter: 10, growth: 4, enterprise: 2, rows_per_tenant: 1_000 };

/// The server may take this long to publish what a closed connection has done.
const STATISTICS_LIMIT: Duration = Duration::from_secs(5);

/// What a turn came to.
struct Turn {
    /// Transactions.
    done: u64,
    /// Transactions per second.
    rate: f64,
}

/// What a contender's turns came to.
#[derive(Default)]
struct Measured {
    /// Transactions per second, by round.
    rates: Vec<f64>,
    /// Processor time per transaction in microseconds, by round; empty where it cannot be read.
    costs: Vec<f64>,
}

/// Who takes turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    Ours(Depth),
    Pgbench(Travel),
}

const CONTENDERS: [Contender; 5] = [
    Contender::Ours(Depth::Runtime),
    Contender::Pgbench(Travel::OneByOne),
    Contender::Ours(Depth::Executor),
    Contender::Pgbench(Travel::Grouped),
    Contender::Pgbench(Travel::Pipelined),
];

impl Contender {
    fn title(self) -> &'static str {
        match self {
            Contender::Ours(Depth::Runtime) => "tenant runtime",
            Contender::Ours(Depth::Executor) => "tenant runtime, executor and recorder",
            Contender::Pgbench(Travel::OneByOne) => "pgbench, four round trips",
            Contender::Pgbench(Travel::Grouped) => "pgbench, three round trips and a scrub, as we do",
            Contender::Pgbench(Travel::Pipelined) => "pgbench, one round trip (pipelined)",
        }
    }
}

/// How much is done.
struct Plan {
    clients: u32,
    threads: usize,
    rounds: usize,
    seconds: u32,
}

impl Plan {
    fn of(mode: Mode) -> Result<Self, Failure> {
        let threads = processors().min(8);
        Ok(Self {
            clients: setting("LOAD_GENERATOR_CLIENTS", 8)?,
            threads: setting("LOAD_GENERATOR_THREADS", threads)?,
            rounds: mode.pick(setting("LOAD_GENERATOR_ROUNDS", 20)?, 1),
            seconds: mode.pick(setting("LOAD_GENERATOR_SECONDS", 1)?, 1),
        })
    }
}

fn main() -> Result<(), Failure> {
    let mode = Mode::of_arguments();
    if mode == Mode::List {
        println!("load_generator: benchmark");
        return Ok(());
    }
    let plan = Plan::of(mode)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(plan.threads).enable_all().build()?;
    runtime.block_on(async {
        let provider = setting("LOAD_GENERATOR_PROVIDER", ProviderChoice::Local)?;
        let options = StackOptions { provider, ..StackOptions::default() };
        let server = Server::start(&options, None).await?;
        let measured = run(&server, mode, &plan).await;
        server.stop().await?;
        measured
    })
}

async fn run(server: &Server, mode: Mode, plan: &Plan) -> Result<(), Failure> {
    let environment = Environment::note("load_generator", "LOAD_GENERATOR_", Some(server), processors());
    let database = server.clone_of_fleet(&FLEET, "load-generator", &|_| ()).await?;
    let connect = server.connect_as(LoginRole::App, &database);
    let ours = Ours::new(connect.clone(), FLEET, plan.clients);
    let peer = match Pgbench::find(&server.admin(&database)).await? {
        Some(program) => {
            let tenants: Vec<_> = Roster::of(&FLEET).iter().map(|(_, id)| id).collect();
            let rows = FLEET.rows_per_tenant;
            let peer = Pgbench::new(program, connect, &tenants, rows, plan.clients, plan.threads)?;
            peer.check()?;
            Some(peer)
        }
        None => {
            println!("pgbench is neither beside the server's programs nor on the PATH: no comparison with it");
            None
        }
    };
    let mut admin = PgConnection::connect_with(&server.admin(&database)).await?;
    let rates = take_turns(&ours, peer.as_ref(), plan, &mut admin).await?;
    admin.close().await?;
    table(environment, plan, &rates).publish(mode)
}

/// Rates of every contender that there is, by round. Every other round runs backwards, so that a drift of the machine
/// does not favour whoever comes first.
async fn take_turns(
    ours: &Ours,
    peer: Option<&Pgbench>,
    plan: &Plan,
    admin: &mut PgConnection,
) -> Result<Vec<(Contender, Measured)>, Failure> {
    let present = CONTENDERS.into_iter().filter(|who| peer.is_some() || matches!(who, Contender::Ours(_)));
    let mut rates: Vec<(Contender, Measured)> = present.map(|who| (who, Measured::default())).collect();
    let meter = Meter::new(admin).await?;
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        let forwards = round % 2 == 0;
        for turn in 0..rates.len() {
            let place = if forwards { turn } else { rates.len() - 1 - turn };
            let (who, measured) = &mut rates[place];
            let used = meter.as_ref().map(Meter::seconds);
            let before = rows_fetched(admin).await?;
            let turn = match (*who, peer) {
                (Contender::Ours(depth), _) => ours.measure(depth, Duration::from_secs(plan.seconds.into())).await?,
                (Contender::Pgbench(travel), Some(peer)) => {
                    tokio::task::block_in_place(|| peer.measure(travel, plan.seconds))?
                }
                (Contender::Pgbench(_), None) => continue,
            };
            check(turn.done > 0, || format!("{} did nothing", who.title()))?;
            wait_for_rows(admin, *who, before, turn.done).await?;
            measured.rates.push(turn.rate);
            if let (Some(meter), Some(used)) = (&meter, used) {
                measured.costs.push((meter.seconds() - used) * 1e6 / turn.done as f64);
            }
        }
    }
    Ok(rates)
}

/// Waits until the server itself has counted a row for each transaction of a turn: who reports transactions that did
/// not read, or that read without the index, is found out.
async fn wait_for_rows(admin: &mut PgConnection, who: Contender, before: i64, done: u64) -> Result<(), Failure> {
    let deadline = Instant::now() + STATISTICS_LIMIT;
    loop {
        let fetched = rows_fetched(admin).await? - before;
        if fetched as u64 >= done {
            return Ok(());
        }
        let complaint = || format!("{} reports {done} transactions, the server {fetched} rows", who.title());
        check(Instant::now() < deadline, complaint)?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Rows of `documents` that were found through an index, so far.
async fn rows_fetched(admin: &mut PgConnection) -> Result<i64, Failure> {
    let ask = "SELECT COALESCE(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'documents'";
    Ok(sqlx::query_scalar(ask).fetch_one(admin).await?)
}

/// Lines of one quantity: ours by each of pgbench's, or by itself where there is none. The goal is against pgbench's
/// four round trips.
fn add_lines(
    table: &mut Table,
    rates: &[(Contender, Measured)],
    unit: &'static str,
    goal: Option<Goal>,
    of: fn(&Measured) -> &[f64],
) {
    for (who, own) in rates.iter().filter(|(_, measured)| !of(measured).is_empty()) {
        let (what, value) = (who.title().to_owned(), median(of(own)));
        let line = Line { what, value, unit, against: None, ratio: None, goal: None };
        let peers: Vec<_> = rates.iter().filter(|(peer, _)| matches!(peer, Contender::Pgbench(_))).collect();
        if matches!(who, Contender::Pgbench(_)) || peers.is_empty() {
            table.push(line);
            continue;
        }
        for (peer, theirs) in peers {
            let goal = goal.filter(|_| *peer == Contender::Pgbench(Travel::OneByOne));
            let ratio = Some(Ratio::of_rounds(of(own), of(theirs)));
            table.push(Line { against: Some(peer.title().to_owned()), ratio, goal, ..line.clone() });
        }
    }
}

fn table(environment: Environment, plan: &Plan, rates: &[(Contender, Measured)]) -> Table {
    let mut table = Table::new("load_generator", environment);
    add_lines(&mut table, rates, "tx/s", Some(Goal::AtLeast(1.0)), |measured| &measured.rates);
    add_lines(&mut table, rates, "us processor time per tx", None, |measured| &measured.costs);
    table.note(format!(
        "{} connections and clients, {} threads each for pgbench and for us; {} rounds of {} s, taking turns",
        plan.clients, plan.threads, plan.rounds, plan.seconds
    ));
    table.note(
        "we scrub the connection (RESET ALL), compare every row's tenant and the context that the server confirms; \
         pgbench compares nothing and scrubs only where it says so",
    );
    table
}
