//! The runtime as one value: pool, bulkheads, guard, monitor, hooks and the defects that are planted in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::backends::Backends;
use super::bulkhead::{BulkheadPermit, Bulkheads};
use super::connection::{Behind, Connector, PooledConnection, TenantPool};
use super::error::TenancyError;
use super::hook::Hooks;
use super::monitor::Monitor;
use super::transaction::{Opening, TenantTransaction};
use crate::scenario::{Defect, Layer, Operation, PoolSpec, Tier};

/// Connections to the replica are numbered from here on.
const READS_FROM: u64 = 1 << 32;

/// What a runtime is made of.
#[derive(Debug, Clone)]
pub struct TenancyOptions {
    /// Where to connect, as which role.
    pub connect: PgConnectOptions,
    /// Where reads and reports go instead, if there is a replica.
    pub replica: Option<PgConnectOptions>,
    /// What is there.
    pub behind: Behind,
    /// The pool.
    pub pool: PoolSpec,
    /// Layers of defence that are on.
    pub defence: BTreeSet<Layer>,
    /// Bugs that are planted.
    pub defects: BTreeSet<Defect>,
    /// After this long the server cancels a statement.
    pub statement_timeout: Duration,
}

/// The reference multi-tenant runtime.
pub struct Tenancy {
    pool: TenantPool,
    reads: Option<TenantPool>,
    behind: Behind,
    backends: Backends,
    bulkheads: Bulkheads,
    hooks: Hooks,
    monitor: Monitor,
    defence: BTreeSet<Layer>,
    defects: BTreeSet<Defect>,
    graveyard: Mutex<Vec<PooledConnection>>,
}

impl Tenancy {
    /// A runtime with a cold pool.
    ///
    /// # Errors
    /// [`TenancyError::Setup`] if the pool cannot be built.
    pub fn new(options: TenancyOptions) -> Result<Arc<Self>, TenancyError> {
        let TenancyOptions { connect, replica, behind, pool: spec, defence, defects, statement_timeout } = options;
        let connector = Connector::new(connect, statement_timeout, behind);
        let pool = TenantPool::new(connector, spec.size, spec.acquire_timeout)?;
        let reads = replica.map(|replica| {
            let connector = Connector::new(replica, statement_timeout, Behind::Server).numbered_from(READS_FROM);
            TenantPool::new(connector, spec.size, spec.acquire_timeout)
        });
        let reads = reads.transpose()?;
        let bulkheads = match defects.contains(&Defect::NoBulkhead) {
            true => Bulkheads::default(),
            false => Bulkheads::of(&spec.bulkheads, spec.size),
        };
        let (backends, hooks, monitor, graveyard) = Default::default();
        Ok(Arc::new(Self { pool, reads, behind, backends, bulkheads, hooks, monitor, defence, defects, graveyard }))
    }

    /// Opens a transaction for the task's tenant (see [`super::with_tenant`]).
    ///
    /// # Errors
    /// [`TenancyError::MissingTenant`] from the guard, [`TenancyError::BulkheadFull`] or [`TenancyError::PoolTimeout`]
    /// for want of a connection, [`TenancyError::Database`] from the server.
    pub async fn begin(self: &Arc<Self>, operation: Operation) -> Result<TenantTransaction, TenancyError> {
        self.begin_observed(operation, &mut Opening::default()).await
    }

    /// Like [`Self::begin`]; `opening` says what became known on the way, even if this fails or is dropped.
    ///
    /// # Errors
    /// Those of [`Self::begin`].
    pub async fn begin_observed(
        self: &Arc<Self>,
        operation: Operation,
        opening: &mut Opening,
    ) -> Result<TenantTransaction, TenancyError> {
        TenantTransaction::begin(self.clone(), operation, opening).await.inspect_err(TenancyError::trace)
    }

    pub(super) async fn enter_bulkhead(&self, tier: Tier) -> Result<BulkheadPermit, TenancyError> {
        let waited = self.pool.acquire_timeout();
        self.bulkheads.enter(tier, waited).await.ok_or(TenancyError::BulkheadFull { tier, waited })
    }

    /// Whether a layer of defence is on.
    pub fn has(&self, layer: Layer) -> bool {
        self.defence.contains(&layer)
    }

    /// Whether a bug is planted.
    pub fn planted(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }

    /// The pool.
    pub fn pool(&self) -> &TenantPool {
        &self.pool
    }

    /// The pool for an operation: the replica's for what only reads, if there is a replica.
    pub(super) fn pool_for(&self, operation: Operation) -> &TenantPool {
        match (operation, &self.reads) {
            (Operation::Read | Operation::Report, Some(reads)) => reads,
            _ => &self.pool,
        }
    }

    /// Opens every connection, so that the first requests do not pay for it.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub async fn warm_up(&self) -> Result<(), TenancyError> {
        self.pool.warm_up().await?;
        match &self.reads {
            Some(reads) => reads.warm_up().await,
            None => Ok(()),
        }
    }

    /// Leads writes to another server from now on, as after a failover. Connections that are open stay until they fail.
    pub fn redirect(&self, connect: PgConnectOptions) {
        self.pool.redirect(connect);
    }

    /// What the pool connects to.
    pub fn behind(&self) -> Behind {
        self.behind
    }

    pub(super) fn backends(&self) -> &Backends {
        &self.backends
    }

    /// Where faults hook in.
    pub fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// The monitor; ask it only if [`Layer::Monitor`] is on.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Never gives a connection back (defect `leak-on-error`); it is closed with the runtime.
    pub(super) fn bury(&self, connection: PooledConnection) {
        self.graveyard.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Connections that were never given back.
    pub fn buried(&self) -> usize {
        self.graveyard.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Closes the pool and every connection that it kept.
    pub fn shut_down(&self) {
        self.graveyard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.pool.close();
        if let Some(reads) = &self.reads {
            reads.close();
        }
    }
}
