//! The contender: our tenant runtime in a closed loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::postgres::PgConnectOptions;
use tenant_chaos::load::{Row, Step};
use tenant_chaos::observe::Roster;
use tenant_chaos::scenario::{Fleet, Layer, Operation, PoolSpec};
use tenant_chaos::tenancy::{Directory, Tenancy, TenancyError, TenancyOptions, with_tenant};
use tokio::task::JoinSet;

use crate::Turn;
use crate::common::{Failure, check};

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
        let wait = Duration::from_secs(5);
        let pool = PoolSpec { size: clients, acquire_timeout: wait, bulkheads: BTreeMap::new() };
        let defence = BTreeSet::from([Layer::Guard, Layer::Rls, Layer::Monitor]);
        let options = TenancyOptions {
            connect,
            pool,
            defence,
            defects: BTreeSet::new(),
            statement_timeout: Duration::from_secs(30),
        };
        Self { options, fleet, directory: Arc::new(Directory::of(Roster::of(&fleet))), clients }
    }

    /// Runs for some time, connecting not counted; every row is checked. Statements are
    /// prepared within the measured time, as pgbench does it.
    pub(crate) async fn measure(&self, length: Duration) -> Result<Turn, Failure> {
        let tenancy = Tenancy::new(self.options.clone())?;
        tenancy.pool().warm_up().await?;
        let started = Instant::now();
        let mut clients = JoinSet::new();
        for client in 0..self.clients {
            let draw = Draw::of(client, &self.fleet);
            let (tenancy, directory) = (tenancy.clone(), self.directory.clone());
            clients.spawn(async move { transact(&tenancy, &directory, draw, started + length).await });
        }
        let mut done = 0;
        while let Some(joined) = clients.join_next().await {
            done += joined??;
        }
        let took = started.elapsed();
        check(tenancy.monitor().look().is_none(), || "the monitor saw transactions without a context".to_owned())?;
        tenancy.shut_down();
        Ok(Turn { done, rate: done as f64 / took.as_secs_f64() })
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
            let ran = step.run(transaction.pg(), tenant.id, seen).await;
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
