//! One client of one policy: it performs a call in any of the three ways and looks at what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};
use tenant_chaos::scenario::{self, Layer, PoolSpec};
use tenant_chaos::tenancy::{Behind, Tenancy, TenancyOptions, Tenant, with_tenant};
use uuid::Uuid;

use super::design::{Operation, Policy, Travel};
use crate::common::{Failure, check};

/// A request, the same for every variant that it is compared in, but for the id that an insert takes.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) tenant: Arc<Tenant>,
    /// The document; for a range or an aggregate where it begins; for an insert a free id.
    pub(crate) id: i64,
}

/// The connections of one policy's role, one per way to travel.
pub(crate) struct Session {
    policy: Policy,
    autocommit: PgConnection,
    four_trips: PgConnection,
    tenancy: Arc<Tenancy>,
}

impl Session {
    pub(crate) async fn open(policy: Policy, connect: PgConnectOptions) -> Result<Self, Failure> {
        let wait = Duration::from_secs(10);
        let tenancy = Tenancy::new(TenancyOptions {
            connect: connect.clone(),
            replica: None,
            behind: Behind::Server,
            pool: PoolSpec { size: 1, acquire_timeout: wait, bulkheads: BTreeMap::new() },
            defence: BTreeSet::from([Layer::Guard, Layer::Rls, Layer::Monitor]),
            defects: BTreeSet::new(),
            statement_timeout: Duration::from_secs(60),
        })?;
        tenancy.pool().warm_up().await?;
        let autocommit = PgConnection::connect_with(&connect).await?;
        let four_trips = PgConnection::connect_with(&connect).await?;
        Ok(Self { policy, autocommit, four_trips, tenancy })
    }

    /// The connection that has no context of its own.
    pub(crate) fn bare(&mut self) -> &mut PgConnection {
        &mut self.four_trips
    }

    /// Performs a call and returns how long it took. Fails unless exactly the expected rows of the right tenant came.
    pub(crate) async fn time(&mut self, travel: Travel, call: &Call) -> Result<Duration, Failure> {
        self.approach(travel, call).await?;
        let begun = Instant::now();
        let seen = match travel {
            Travel::Autocommit => statement(&mut self.autocommit, self.policy, call).await?,
            Travel::FourTrips => self.four_trips(call).await?,
            Travel::Runtime => self.through_runtime(call).await?,
        };
        let took = begun.elapsed();
        let expected = Seen { own: call.operation.rows(), foreign: 0 };
        check(seen == expected, || {
            let (name, policy) = (call.operation.name(), self.policy.name());
            format!("{name} under {policy}, {}: {seen:?}, not {expected:?}", travel.name())
        })?;
        Ok(took)
    }

    /// One round trip on the connection that is about to serve, outside of the measured time: it puts the context on an
    /// autocommit session, and lets every variant start with equally warm caches.
    async fn approach(&mut self, travel: Travel, call: &Call) -> Result<(), Failure> {
        let name = if travel == Travel::Autocommit { "app.tenant_id" } else { "app.approach" };
        let query = sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(call.tenant.id.to_string());
        match travel {
            Travel::Autocommit => query.execute(&mut self.autocommit).await?,
            Travel::FourTrips => query.execute(&mut self.four_trips).await?,
            Travel::Runtime => query.execute(&mut self.tenancy.pool().acquire().await?.pg).await?,
        };
        Ok(())
    }

    async fn four_trips(&mut self, call: &Call) -> Result<Seen, Failure> {
        let connection = &mut self.four_trips;
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await?;
        sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
            .bind(call.tenant.id.to_string())
            .execute(&mut *connection)
            .await?;
        let seen = statement(connection, self.policy, call).await?;
        sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
        Ok(seen)
    }

    async fn through_runtime(&mut self, call: &Call) -> Result<Seen, Failure> {
        let kind = match call.operation {
            Operation::PointRead | Operation::RangeRead => scenario::Operation::Read,
            Operation::Aggregate => scenario::Operation::Report,
            Operation::Update | Operation::Insert => scenario::Operation::Write,
        };
        let request = async {
            let mut transaction = self.tenancy.begin(kind).await?;
            let ran = statement(transaction.pg(), self.policy, call).await;
            let seen = ran.map_err(|error| transaction.failed(error))?;
            transaction.commit().await?;
            Ok(seen)
        };
        with_tenant(call.tenant.clone(), request).await
    }
}

/// Rows that came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    own: u32,
    foreign: u32,
}

async fn statement(connection: &mut PgConnection, policy: Policy, call: &Call) -> Result<Seen, sqlx::Error> {
    let Call { operation, tenant, id } = call;
    let query = sqlx::query(operation.statement(policy));
    let query = if operation.names_tenant(policy) { query.bind(tenant.id.0) } else { query };
    let mut rows = query.bind(*id).fetch(connection);
    let mut seen = Seen::default();
    while let Some(row) = rows.try_next().await? {
        match row.try_get::<Uuid, _>(0)? == tenant.id.0 {
            true => seen.own += 1,
            false => seen.foreign += 1,
        }
    }
    Ok(seen)
}
