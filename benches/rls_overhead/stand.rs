//! One database of one size: the reference schema, a role per policy, a client per role, and the proof that each
//! policy does what it should before anyone measures how fast it does it.

use std::sync::atomic::{AtomicI64, Ordering};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenant_chaos::observe::Roster;
use tenant_chaos::scenario::Fleet;
use tenant_chaos::stack::Server;
use tenant_chaos::tenancy::Directory;
use tokio::sync::Mutex;

use super::design::{Operation, Policy, RANGE, Travel};
use super::session::{Call, Session};
use crate::common::{Failure, check};

/// Tenants at most; the rest of the size is rows per tenant.
const TENANTS: u32 = 100;
/// Rows per tenant at least, so that a range read finds enough of them.
const FEWEST_ROWS: u32 = 100;
/// Inserted documents are numbered from here, beyond all that are seeded.
const FIRST_INSERTED: i64 = 1_000_000_000;

/// A database that is ready to be measured.
pub(crate) struct Stand {
    /// Rows of `documents`.
    pub(crate) rows: u32,
    /// How each policy's point read is planned.
    pub(crate) plans: Vec<(Policy, String)>,
    fleet: Fleet,
    directory: Directory,
    clients: Vec<(Policy, Mutex<Session>)>,
    admin: Mutex<PgConnection>,
    next_inserted: AtomicI64,
}

impl Stand {
    /// Seeds a database with about `rows` documents, makes the policies, analyses and proves.
    pub(crate) async fn build(server: &Server, rows: u32) -> Result<Self, Failure> {
        let tenants = (rows / FEWEST_ROWS).clamp(1, TENANTS);
        let (growth, enterprise) = (tenants / 4, tenants / 10);
        let rows_per_tenant = (rows / tenants).max(FEWEST_ROWS);
        let fleet = Fleet { starter: tenants - growth - enterprise, growth, enterprise, rows_per_tenant };
        let database = server.clone_of_fleet(&fleet, "rls-overhead", &|_| ()).await?;
        let mut admin = PgConnection::connect_with(&server.admin(&database)).await?;
        for policy in Policy::ALL {
            for statement in policy.statements() {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await?;
            }
        }
        sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut admin).await?;
        let mut clients = Vec::new();
        for policy in Policy::ALL {
            let connect = server.admin(&database).username(policy.role()).application_name("rls_overhead");
            clients.push((policy, Mutex::new(Session::open(policy, connect).await?)));
        }
        let mut stand = Self {
            rows: tenants * rows_per_tenant,
            plans: Vec::new(),
            fleet,
            directory: Directory::of(Roster::of(&fleet)),
            clients,
            admin: Mutex::new(admin),
            next_inserted: AtomicI64::new(FIRST_INSERTED),
        };
        stand.prove().await?;
        for policy in Policy::ALL {
            stand.plans.push((policy, stand.plan(policy).await?));
        }
        Ok(stand)
    }

    /// The client of a policy.
    pub(crate) fn client(&self, policy: Policy) -> &Mutex<Session> {
        let place = self.clients.iter().position(|(of, _)| *of == policy);
        &self.clients[place.expect("there is a client for every policy")].1
    }

    /// A random call.
    pub(crate) fn draw(&self, operation: Operation, rng: &mut ChaCha8Rng) -> Call {
        let tenant = self.directory.tenant(rng.random_range(0..self.fleet.tenants())).clone();
        let id = match operation {
            Operation::PointRead | Operation::Update => rng.random_range(1..=self.fleet.rows_per_tenant).into(),
            Operation::RangeRead => rng.random_range(1..=self.fleet.rows_per_tenant - RANGE + 1).into(),
            Operation::Aggregate => 0,
            Operation::Insert => self.fresh_id(),
        };
        Call { operation, tenant, id }
    }

    /// The call, repeatable: an insert takes another id.
    pub(crate) fn again(&self, call: &Call) -> Call {
        let id = if call.operation == Operation::Insert { self.fresh_id() } else { call.id };
        Call { id, ..call.clone() }
    }

    fn fresh_id(&self) -> i64 {
        self.next_inserted.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes away what was inserted and what updates have left dead, so that the next operation finds the table as the
    /// last one did.
    pub(crate) async fn tidy(&self) -> Result<(), Failure> {
        let mut admin = self.admin.lock().await;
        sqlx::query("DELETE FROM documents WHERE id >= $1").bind(FIRST_INSERTED).execute(&mut *admin).await?;
        sqlx::raw_sql("VACUUM (ANALYZE) documents").execute(&mut *admin).await?;
        Ok(())
    }

    /// Every operation finds the right rows under every policy in every way to travel; a policy shows a tenant its own
    /// documents, all of them and no others, and nothing to nobody; without a policy everything is seen.
    async fn prove(&self) -> Result<(), Failure> {
        for policy in Policy::ALL {
            let mut client = self.client(policy).lock().await;
            for travel in Travel::ALL {
                for operation in Operation::ALL {
                    let tenant = self.directory.tenant(self.fleet.tenants() - 1).clone();
                    let id = match operation {
                        Operation::Insert => self.fresh_id(),
                        Operation::Aggregate => 0,
                        _ => 1,
                    };
                    client.time(travel, &Call { operation, tenant, id }).await?;
                }
            }
            let own = i64::from(self.fleet.rows_per_tenant);
            let expected = match policy.is_policy() {
                false => [i64::from(self.rows); 2],
                true => [0, own],
            };
            let seen = visible(client.bare(), &self.directory.tenant(0).id.to_string()).await?;
            check(seen == expected, || {
                format!("{}: {seen:?} documents without and with a context, not {expected:?}", policy.name())
            })?;
        }
        self.tidy().await
    }

    /// The node that reads `documents` in a policy's point read.
    async fn plan(&self, policy: Policy) -> Result<String, Failure> {
        let tenant = self.directory.tenant(0).id;
        let statement = Operation::PointRead.statement(policy);
        let statement = match Operation::PointRead.names_tenant(policy) {
            true => statement.replace("$1", &format!("'{tenant}'")).replace("$2", "1"),
            false => statement.replace("$1", "1"),
        };
        let mut client = self.client(policy).lock().await;
        let mut transaction = client.bare().begin().await?;
        set_context(&mut transaction, &tenant.to_string()).await?;
        let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) {statement}"));
        let lines: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut *transaction).await?;
        let reads = lines.iter().find(|line| line.contains("Scan") && line.contains("documents"));
        Ok(reads.map_or("unknown", |line| line.trim().trim_start_matches("->").trim()).to_owned())
    }
}

/// How many seeded documents a client sees: without a context, and with a tenant's.
async fn visible(connection: &mut PgConnection, tenant: &str) -> Result<[i64; 2], Failure> {
    let count = "SELECT count(*) FROM documents WHERE id < $1";
    let mut transaction = connection.begin().await?;
    set_context(&mut transaction, "").await?;
    let without = sqlx::query_scalar(count).bind(FIRST_INSERTED).fetch_one(&mut *transaction).await?;
    set_context(&mut transaction, tenant).await?;
    let with = sqlx::query_scalar(count).bind(FIRST_INSERTED).fetch_one(&mut *transaction).await?;
    transaction.rollback().await?;
    Ok([without, with])
}

async fn set_context(connection: &mut PgConnection, tenant: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::query("SELECT set_config('app.tenant_id', $1, true)").bind(tenant);
    query.execute(connection).await.map(|_| ())
}
