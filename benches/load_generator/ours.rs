//! The contender: our tenant runtime in a closed loop, alone and under the load's executor and recorder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::postgres::PgConnectOptions;
use tenant_chaos::load::{Classes, Executor, Recorder, RecorderOptions, Request, Row, SliceClock, Step};
use tenant_chaos::observe::Roster;
use tenant_chaos::scenario::{self, Fleet, Layer, Operation, PoolSpec};
use tenant_chaos::tenancy::{Behind, Directory, Statements, Tenancy, TenancyError, TenancyOptions, with_tenant};
use tokio::task::JoinSet;

use crate::Turn;
use crate::common::{Failure, check};

/// A request must be answered within this.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The recorder's finished slices are taken away this often, as a run does it.
const DRAIN_EVERY: Duration = Duration::from_millis(100);

/// How much of us is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The tenant runtime, with every row looked at.
    Runtime,
    /// The same as scenarios use it: with deadlines, canaries, histograms and counts per tenant class.
    Executor,
}

/// The runtime over one database.
pub(crate) struct Ours {
    options: TenancyOptions,
    fleet: Fleet,
    directory: Arc<Directory>,
    clients: u32,
}

impl Ours {
    /// A runtime with all its layers of defence on and as many connections as clients.
    pub(crate) fn new(connect: PgConnectOptions, fleet: Fleet, clients: u32) -> Self {
        let pool = PoolSpec { size: clients, acquire_timeout: TIMEOUT, bulkheads: BTreeMap::new() };
        let defence = BTreeSet::from([Layer::Guard, Layer::Rls, Layer::Monitor]);
        let options = TenancyOptions {
            connect,
            replica: None,
            behind: Behind::Server,
            pool,
            defence,
            defects: BTreeSet::new(),
            statement_timeout: Duration::from_secs(30),
        };
        Self { options, fleet, directory: Arc::new(Directory::of(Roster::of(&fleet))), clients }
    }

    /// Runs for some time, connecting not counted; every row is checked. Statements are
    /// prepared within the measured time, as pgbench does it.
    pub(crate) async fn measure(&self, depth: Depth, length: Duration) -> Result<Turn, Failure> {
        let tenancy = Tenancy::new(self.options.clone())?;
        tenancy.pool().warm_up().await?;
        let started = Instant::now();
        let executor = Arc::new(self.executor(tenancy.clone(), started, length)?);
        let mut clients = JoinSet::new();
        for client in 0..self.clients {
            let draw = Draw::of(client, &self.fleet);
            let (tenancy, directory, executor) = (tenancy.clone(), self.directory.clone(), executor.clone());
            let until = started + length;
            clients.spawn(async move {
                match depth {
                    Depth::Runtime => transact(&tenancy, &directory, draw, until).await,
                    Depth::Executor => execute(&executor, draw, until).await,
                }
            });
        }
        let drain = tokio::spawn(drain(executor.clone()));
        let mut done = 0;
        while let Some(joined) = clients.join_next().await {
            done += joined??;
        }
        let took = started.elapsed();
        drain.abort();
        check(tenancy.monitor().look().is_none(), || "the monitor saw transactions without a context".to_owned())?;
        let totals = executor.recorder().totals();
        let recorded = if depth == Depth::Executor { done } else { 0 };
        check((totals.ok, totals.errors, totals.leaked) == (recorded, 0, 0), || {
            format!("{done} requests, and the recorder has {totals:?}")
        })?;
        tenancy.shut_down();
        Ok(Turn { done, rate: done as f64 / took.as_secs_f64() })
    }

    fn executor(&self, tenancy: Arc<Tenancy>, started: Instant, length: Duration) -> Result<Executor, Failure> {
        let text = format!(
            "name = \"load-generator\"\nwhy = \"The benchmark's classes and clock.\"\n\
             load = {{ rate = \"100/s\" }}\nphases = {{ inject = \"{}s\" }}\n\
             expect = {{ always = [\"leaked_rows == 0\"] }}\n",
            length.as_secs() + 5
        );
        let scenario = scenario::parse("bench/load-generator.toml".as_ref(), &text).map_err(|e| e.to_string())?;
        let roster = Roster::of(&self.fleet);
        let recorder = Recorder::new(RecorderOptions {
            clock: SliceClock::new(&scenario.phases),
            classes: Classes::of(&scenario, &roster),
            tenants: roster.len(),
            slo: Duration::from_millis(100),
            horizon: TIMEOUT,
        });
        let (directory, rows) = (self.directory.clone(), self.fleet.rows_per_tenant);
        Ok(Executor::new(tenancy, directory, Arc::new(recorder), started, TIMEOUT, rows))
    }
}

/// The requests of one client.
struct Draw {
    rng: ChaCha8Rng,
    tenants: u32,
    rows: u32,
}

impl Draw {
    fn of(client: u32, fleet: &Fleet) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(client.into()), tenants: fleet.tenants(), rows: fleet.rows_per_tenant }
    }

    fn next(&mut self) -> (u32, Step) {
        let tenant = self.rng.random_range(0..self.tenants);
        (tenant, Step::PointRead(self.rng.random_range(1..=i64::from(self.rows))))
    }
}

async fn transact(tenancy: &Arc<Tenancy>, fleet: &Directory, mut draw: Draw, until: Instant) -> Result<u64, Failure> {
    let mut done = 0;
    while Instant::now() < until {
        let (index, step) = draw.next();
        let tenant = fleet.tenant(index);
        let (mut own, mut foreign) = (0, 0);
        let transaction = async {
            let mut transaction = tenancy.begin(Operation::Read).await?;
            let seen = |row: Row| match row.tenant == tenant.id {
                true => own += 1,
                false => foreign += 1,
            };
            let ran = step.run(transaction.pg(), Statements::Kept, tenant.id, seen).await;
            ran.map_err(|error| transaction.failed(error))?;
            transaction.commit().await
        };
        let outcome: Result<(), TenancyError> = with_tenant(tenant.clone(), transaction).await;
        outcome?;
        check((own, foreign) == (1, 0), || format!("{own} own and {foreign} foreign rows for {}", tenant.slug))?;
        done += 1;
    }
    Ok(done)
}

async fn execute(executor: &Executor, mut draw: Draw, until: Instant) -> Result<u64, Failure> {
    let mut done = 0;
    while Instant::now() < until {
        let (tenant, step) = draw.next();
        let at = executor.now();
        executor.recorder().intend(at, tenant);
        let failed = executor.execute(Request { at, tenant, step }).await;
        check(failed.is_none(), || format!("a request failed: {failed:?}"))?;
        done += 1;
    }
    Ok(done)
}

async fn drain(executor: Arc<Executor>) {
    loop {
        tokio::time::sleep(DRAIN_EVERY).await;
        executor.recorder().drain(executor.now());
    }
}
