//! The application's connections: sqlx connections in a deadpool.
//!
//! sqlx's own pool pings each connection when it comes back, a round trip that no switch turns off; a tenant
//! transaction has three in all, so that ping would cost a third of the throughput (`benches/load_generator/`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};

use super::context::Tenant;
use super::error::TenancyError;

/// A server connection and what the runtime knows of it.
#[derive(Debug)]
pub struct TenantConnection {
    /// The connection.
    pub pg: PgConnection,
    /// Its number, unique within the runtime.
    pub number: u64,
    /// The server process behind it; behind a pooler the one that answered last.
    pub backend_pid: i32,
    /// The tenant that it served last.
    pub previous: Option<Arc<Tenant>>,
    /// The fault that left a context with session scope here, until a scrub takes it away.
    pub(super) tainted: Option<usize>,
    /// Whether it must not serve again.
    pub(super) broken: bool,
}

/// What the application's pool connects to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behind {
    /// The server: a connection has a process of its own, and its settings from the start.
    #[default]
    Server,
    /// A pooler: it takes no settings, and which process answers is known only inside a transaction.
    Pooler(Statements),
}

impl Behind {
    /// How statements are to be sent.
    pub fn statements(self) -> Statements {
        match self {
            Behind::Server => Statements::Kept,
            Behind::Pooler(statements) => statements,
        }
    }
}

/// How the driver sends statements with parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statements {
    /// Prepared once per connection under a name, and used again.
    Kept,
    /// Prepared afresh each time, without a name. `statement_cache_capacity(0)` alone is not enough: sqlx 0.9 then gives
    /// each statement a new name, and names of different clients meet on one server process.
    Afresh,
}

/// Opens connections for the pool.
#[derive(Debug)]
pub struct Connector {
    options: ArcSwap<PgConnectOptions>,
    statement_timeout: Duration,
    behind: Behind,
    opened: AtomicU64,
}

/// The `application_name` of a connection, by which the server and whatever stands before it know it.
pub fn client_name(number: u64) -> String {
    format!("tenant-chaos application {number}")
}

impl Connector {
    /// A connector. Statements are cancelled by the server after `statement_timeout`, which survives `RESET ALL`; a
    /// pooler refuses such a setting, so behind one it must be the role's.
    pub fn new(options: PgConnectOptions, statement_timeout: Duration, behind: Behind) -> Self {
        let options = ArcSwap::from_pointee(as_application(options, statement_timeout, behind));
        Self { options, statement_timeout, behind, opened: AtomicU64::new(0) }
    }

    /// Numbers its connections from here on, so that two pools of a runtime share no number.
    pub(super) fn numbered_from(mut self, first: u64) -> Self {
        self.opened = AtomicU64::new(first);
        self
    }

    /// Opens connections elsewhere from now on. Those that are open stay where they are.
    fn redirect(&self, options: PgConnectOptions) {
        self.options.store(Arc::new(as_application(options, self.statement_timeout, self.behind)));
    }

    /// Opens one connection.
    pub async fn connect(&self) -> Result<TenantConnection, sqlx::Error> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let options = PgConnectOptions::clone(&self.options.load()).application_name(&client_name(number));
        let mut pg = PgConnection::connect_with(&options).await?;
        // In one message, so that behind a pooler one server process answers all of it.
        let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(&mut pg).await?;
        let backend_pid = row.try_get_unchecked::<&str, _>(0)?.parse().unwrap_or_default();
        Ok(TenantConnection { pg, number, backend_pid, previous: None, tainted: None, broken: false })
    }
}

fn as_application(options: PgConnectOptions, statement_timeout: Duration, behind: Behind) -> PgConnectOptions {
    let options = options.application_name("tenant-chaos application");
    let millis = statement_timeout.as_millis().max(1).to_string();
    match behind {
        Behind::Server => options.options([("statement_timeout", millis)]),
        Behind::Pooler(Statements::Kept) => options,
        Behind::Pooler(Statements::Afresh) => options.statement_cache_capacity(0),
    }
}

impl Manager for Connector {
    type Type = TenantConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<TenantConnection, sqlx::Error> {
        self.connect().await
    }

    async fn recycle(&self, connection: &mut TenantConnection, _: &Metrics) -> RecycleResult<sqlx::Error> {
        match connection.broken {
            true => Err(RecycleError::message("broken")),
            false => Ok(()),
        }
    }
}

/// A connection on loan; it goes back on drop, as it is.
pub type PooledConnection = Object<Connector>;

/// The application's pool.
#[derive(Debug, Clone)]
pub struct TenantPool {
    pool: Pool<Connector>,
    acquire_timeout: Duration,
}

impl TenantPool {
    /// A pool that opens its connections as they are needed.
    ///
    /// # Errors
    /// [`TenancyError::Setup`] if the pool cannot be built.
    pub fn new(connector: Connector, size: u32, acquire_timeout: Duration) -> Result<Self, TenancyError> {
        let pool = Pool::builder(connector)
            .max_size(size as usize)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| TenancyError::Setup(error.to_string()))?;
        Ok(Self { pool, acquire_timeout })
    }

    /// Waits for a connection.
    pub async fn acquire(&self) -> Result<PooledConnection, TenancyError> {
        self.acquire_within(self.acquire_timeout).await
    }

    /// Waits for a connection, but not longer than `wait`. The time that it takes to open one counts.
    pub async fn acquire_within(&self, wait: Duration) -> Result<PooledConnection, TenancyError> {
        // The pool's own limits are one for each of its steps, and waiting and opening are to have one together.
        let timeouts = Timeouts { wait: Some(wait), create: Some(wait), recycle: None };
        let Ok(got) = tokio::time::timeout(wait, self.pool.timeout_get(&timeouts)).await else {
            return Err(TenancyError::PoolTimeout { waited: wait });
        };
        got.map_err(|error| match error {
            PoolError::Timeout(_) => TenancyError::PoolTimeout { waited: wait },
            PoolError::Backend(error) => TenancyError::Database(error),
            PoolError::Closed => TenancyError::Setup("the pool is closed".into()),
            other => TenancyError::Setup(other.to_string()),
        })
    }

    /// Opens connections elsewhere from now on. Those that are open stay where they are until they fail.
    pub(super) fn redirect(&self, options: PgConnectOptions) {
        self.pool.manager().redirect(options);
    }

    /// Opens a connection beside the pool.
    pub(super) async fn connect_fresh(&self) -> Result<TenantConnection, sqlx::Error> {
        self.pool.manager().connect().await
    }

    /// Opens every connection of the pool, so that the first requests do not pay for it.
    pub async fn warm_up(&self) -> Result<(), TenancyError> {
        let mut held = Vec::with_capacity(self.max_size());
        while held.len() < self.max_size() {
            held.push(self.acquire_within(Duration::from_secs(10)).await?);
        }
        Ok(())
    }

    /// Connections at most.
    pub fn max_size(&self) -> usize {
        self.pool.status().max_size
    }

    /// Connections that could be had at once: idle ones and those not yet opened.
    pub fn free(&self) -> usize {
        let status = self.pool.status();
        status.available + status.max_size.saturating_sub(status.size)
    }

    /// How long a request waits for a connection.
    pub fn acquire_timeout(&self) -> Duration {
        self.acquire_timeout
    }

    /// Refuses every further request and closes the idle connections.
    pub fn close(&self) {
        self.pool.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Waiting for a place in the pool and opening the connection have one limit together, not one each.
    #[tokio::test]
    async fn waiting_and_opening_have_one_limit() {
        // Takes connections and never answers.
        let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = deaf.local_addr().unwrap().port();
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).username("nobody");
        let wait = Duration::from_secs(2);
        let pool = TenantPool::new(Connector::new(options, wait, Behind::Server), 1, wait).unwrap();
        let first = tokio::spawn({
            let pool = pool.clone();
            async move { pool.acquire().await.map(drop) }
        });
        // Half of its time it waits for the place that the first one has.
        tokio::time::sleep(wait / 2).await;
        let begun = Instant::now();
        let second = pool.acquire().await.map(drop);
        assert!(begun.elapsed() < wait + wait / 4, "{:?}", begun.elapsed());
        for refused in [first.await.unwrap(), second] {
            assert!(matches!(refused, Err(TenancyError::PoolTimeout { waited }) if waited == wait), "{refused:?}");
        }
    }
}
