//! The tenant transaction: context on BEGIN's round trip, scrub on COMMIT's, cleaned up wherever it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Column, PgConnection, Row};

use super::bulkhead::BulkheadPermit;
use super::connection::{Behind, PooledConnection, Statements};
use super::context::{Tenant, current_tenant};
use super::error::TenancyError;
use super::hook::{RequestInfo, Touch};
use super::runtime::Tenancy;
use super::statement::{self, Residue};
use crate::observe::TenantId;
use crate::scenario::{Defect, Layer, Operation};

/// How long the clean-up of a dropped transaction may take before its connection is thrown away.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(5);

/// What is known of a request's transaction even if it could not be opened, or was given up on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opening {
    /// How long the request waited for its connection, in vain or not.
    pub queued: Option<Duration>,
    /// The fault that touched its context.
    pub touched: Option<usize>,
    /// The number of its connection.
    pub connection: Option<u64>,
}

/// An open transaction of one tenant. Dropped without [`Self::commit`], it is rolled back and its connection scrubbed
/// before anyone else gets it.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct TenantTransaction {
    runtime: Arc<Tenancy>,
    connection: Option<PooledConnection>,
    permit: Option<BulkheadPermit>,
    tenant: Option<Arc<Tenant>>,
    operation: Operation,
    touched: Option<usize>,
    tainted: Option<usize>,
    confirmed: Option<TenantId>,
    previous: Option<Arc<Tenant>>,
}

impl TenantTransaction {
    /// Opens a transaction for the task's tenant.
    pub(super) async fn begin(
        runtime: Arc<Tenancy>,
        operation: Operation,
        opening: &mut Opening,
    ) -> Result<Self, TenancyError> {
        let tenant = current_tenant();
        if tenant.is_none() && runtime.has(Layer::Guard) {
            return Err(TenancyError::MissingTenant);
        }
        let asked = Instant::now();
        let connected = connect(&runtime, tenant.as_deref(), operation).await;
        opening.queued = Some(asked.elapsed());
        let (permit, connection) = connected?;
        let previous = connection.previous.clone();
        // What was touched under the connection's last user is none of this one's.
        let _ = runtime.hooks().touched_on_the_way(connection.number);
        opening.connection = Some(connection.number);
        // From here on the connection is owned by the value whose drop cleans it up.
        let mut transaction = Self {
            runtime,
            connection: Some(connection),
            permit,
            tenant,
            operation,
            touched: None,
            tainted: None,
            confirmed: None,
            previous,
        };
        transaction.open(opening).await?;
        Ok(transaction)
    }

    async fn open(&mut self, opening: &mut Opening) -> Result<(), TenancyError> {
        let touch = self.tenant.as_deref().and_then(|tenant| {
            let request = RequestInfo { tenant, operation: self.operation };
            self.runtime.hooks().first(|hook| hook.on_begin(request, self.previous.as_deref()))
        });
        self.touched = touch.as_ref().map(|touch| touch.fault);
        self.tainted = self.connection_mut().tainted;
        opening.touched = self.touched;
        let confirmed = match &touch {
            Some(touch) => self.open_touched(touch).await,
            None => self.open_plainly().await,
        };
        let confirmed = match confirmed {
            Ok(confirmed) => confirmed,
            Err(error) => return Err(self.wrap(error)),
        };
        self.confirmed = confirmed;
        opening.connection = Some(self.connection_mut().number);
        let tenant = self.tenant.clone();
        self.runtime.monitor().count(confirmed.is_some() && confirmed == tenant.as_ref().map(|tenant| tenant.id));
        self.connection_mut().previous = tenant;
        Ok(())
    }

    async fn open_plainly(&mut self) -> Result<Option<TenantId>, sqlx::Error> {
        let Some(tenant) = self.tenant.clone() else {
            return self.open_with(statement::BEGIN_BARE.into()).await;
        };
        if self.runtime.planted(Defect::SetOutsideTransaction) {
            self.open_with(statement::set_alone(&tenant.id.to_string())).await?;
            return self.open_with(statement::BEGIN_BARE.into()).await;
        }
        if self.runtime.planted(Defect::SetOnCheckout) {
            let confirmed = self.open_with(statement::set_for_session(&tenant.id.to_string())).await?;
            self.open_with(statement::BEGIN_BARE.into()).await?;
            return Ok(confirmed);
        }
        if self.runtime.planted(Defect::SessionSet) {
            return self.open_with(statement::begin_with_session_scope(&tenant.id.to_string())).await;
        }
        self.open_with(tenant.begin.clone()).await
    }

    async fn open_touched(&mut self, touch: &Touch) -> Result<Option<TenantId>, sqlx::Error> {
        if matches!(touch.residue, Residue::Unset) {
            let fresh = self.runtime.pool_for(self.operation).connect_fresh().await?;
            let worn = std::mem::replace(&mut **self.connection_mut(), fresh);
            self.previous = None;
            drop(worn);
        }
        let begin = touch.residue.begin(self.tenant.as_deref()).unwrap_or_else(|| statement::BEGIN_BARE.into());
        let session_scope = matches!(touch.residue, Residue::Session);
        if session_scope {
            self.connection_mut().tainted = Some(touch.fault);
        }
        let opened = self.open_with(begin).await;
        if session_scope && self.is_pooled() {
            self.runtime.backends().taint(self.backend_pid(), Some(touch.fault));
        }
        opened
    }

    /// Sends an opening statement and returns the context that the server confirms, if it is a tenant's id.
    async fn open_with(&mut self, statement: Arc<str>) -> Result<Option<TenantId>, sqlx::Error> {
        let pooled = self.is_pooled();
        let statement = if pooled { statement::and_backend(&statement) } else { statement };
        let (mut confirmed, mut backend) = (None, None);
        let mut rows = sqlx::raw_sql(AssertSqlSafe(statement)).fetch(self.pg());
        while let Some(row) = rows.try_next().await? {
            let value = row.try_get_unchecked::<&str, _>(0)?;
            match pooled && row.columns().first().is_some_and(|column| column.name() == statement::BACKEND) {
                true => backend = value.parse::<i32>().ok(),
                false => confirmed = value.parse().ok().map(TenantId),
            }
        }
        drop(rows);
        if let Some(pid) = backend {
            self.meet(pid);
        }
        Ok(confirmed)
    }

    fn is_pooled(&self) -> bool {
        self.runtime.behind() != Behind::Server
    }

    /// A process of the pooler's serves this transaction: what is left there is that process's.
    fn meet(&mut self, pid: i32) {
        let last = self.runtime.backends().meet(pid, self.tenant.clone());
        self.connection_mut().backend_pid = pid;
        (self.previous, self.tainted) = (last.tenant, last.tainted);
    }

    async fn send(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(self.pg()).await.map(|_| ())
    }

    fn connection_mut(&mut self) -> &mut PooledConnection {
        self.connection.as_mut().expect("a transaction has its connection until it ends")
    }

    /// The connection, inside the transaction.
    pub fn pg(&mut self) -> &mut PgConnection {
        &mut self.connection_mut().pg
    }

    /// Wraps a database error; a connection that failed will not serve again.
    pub fn failed(&mut self, error: sqlx::Error) -> TenancyError {
        let error = self.wrap(error);
        error.trace();
        error
    }

    fn wrap(&mut self, error: sqlx::Error) -> TenancyError {
        let error = TenancyError::Database(error);
        if error.is_connection_lost() {
            self.connection_mut().broken = true;
        }
        error
    }

    /// How to send statements with parameters.
    pub fn statements(&self) -> Statements {
        self.runtime.behind().statements()
    }

    /// The server process that answers.
    pub fn backend_pid(&self) -> i32 {
        self.connection.as_ref().map_or(0, |connection| connection.backend_pid)
    }

    /// The fault that touched the context of this transaction.
    pub fn touched(&self) -> Option<usize> {
        self.touched
    }

    /// The tenant context that the server confirmed.
    pub fn confirmed(&self) -> Option<TenantId> {
        self.confirmed
    }

    /// The tenant that this connection served before.
    pub fn previous(&self) -> Option<&Tenant> {
        self.previous.as_deref()
    }

    /// The fault that left a context with session scope on this connection, in an earlier transaction.
    pub fn tainted(&self) -> Option<usize> {
        self.tainted
    }

    /// Commits, scrubs the connection in the same round trip and gives it back.
    ///
    /// # Errors
    /// The database's. The write must then not be acknowledged: it may or may not be stored.
    pub async fn commit(mut self) -> Result<(), TenancyError> {
        let statement = match self.runtime.planted(Defect::SwallowedReset) {
            true => statement::COMMIT_ONLY,
            false => statement::COMMIT_AND_SCRUB,
        };
        if let Err(error) = self.send(statement).await {
            return Err(self.failed(error));
        }
        let mut connection = self.connection.take().expect("a transaction has its connection until it ends");
        if statement == statement::COMMIT_AND_SCRUB {
            connection.tainted = None;
            if self.is_pooled() {
                self.runtime.backends().taint(connection.backend_pid, None);
            }
        }
        self.release(connection);
        Ok(())
    }

    fn release(&self, connection: PooledConnection) {
        let Some(tenant) = self.tenant.as_deref() else { return };
        let request = RequestInfo { tenant, operation: self.operation };
        let taker = self.runtime.hooks().first(|hook| hook.takes_connection(request).then(|| hook.clone()));
        if let Some(taker) = taker {
            taker.keep(connection);
        }
    }
}

impl Drop for TenantTransaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.runtime.planted(Defect::LeakOnError) {
            return self.runtime.bury(connection);
        }
        let permit = self.permit.take();
        let statement = match self.runtime.planted(Defect::SwallowedReset) {
            true => statement::ROLLBACK_ONLY,
            false => statement::ROLLBACK_AND_SCRUB,
        };
        // Without a runtime nobody can clean up: the connection is closed instead.
        let Ok(handle) = tokio::runtime::Handle::try_current() else {
            drop(PooledConnection::take(connection));
            return;
        };
        let runtime = self.runtime.clone();
        handle.spawn(async move {
            clean_up(&runtime, connection, statement).await;
            drop(permit);
        });
    }
}

/// A place in the tier's bulkhead and a connection, both together within the time that a request may wait.
async fn connect(
    runtime: &Tenancy,
    tenant: Option<&Tenant>,
    operation: Operation,
) -> Result<(Option<BulkheadPermit>, PooledConnection), TenancyError> {
    let asked = Instant::now();
    let permit = match tenant {
        Some(tenant) => Some(runtime.enter_bulkhead(tenant.slug.tier).await?),
        None => None,
    };
    let pool = runtime.pool_for(operation);
    let limit = pool.acquire_timeout();
    let connection = pool.acquire_within(limit.saturating_sub(asked.elapsed())).await.map_err(|error| match error {
        TenancyError::PoolTimeout { .. } => TenancyError::PoolTimeout { waited: limit },
        other => other,
    })?;
    Ok((permit, connection))
}

/// Rolls back and scrubs; a connection that cannot be cleaned in time is thrown away.
async fn clean_up(runtime: &Tenancy, mut connection: PooledConnection, statement: &'static str) {
    let work = sqlx::raw_sql(statement).execute(&mut connection.pg);
    if connection_is_lost(tokio::time::timeout(CLEAN_UP_LIMIT, work).await) {
        drop(PooledConnection::take(connection));
    } else if statement == statement::ROLLBACK_AND_SCRUB {
        connection.tainted = None;
        if runtime.behind() != Behind::Server {
            runtime.backends().taint(connection.backend_pid, None);
        }
    }
}

fn connection_is_lost<T>(result: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>) -> bool {
    !matches!(result, Ok(Ok(_)))
}
