//! `flood.lock`: one tenant holds a table lock that every other tenant's writes wait for.
//!
//! `LOCK TABLE … IN SHARE ROW EXCLUSIVE MODE` needs no more than the UPDATE privilege that an application role has, and
//! Row-Level Security does not stop it: a bulk job that "protects itself" this way stops everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

use super::{Fault, Healed, Target};
use crate::scenario::Operation;
use crate::tenancy::{Tenancy, TenancyError, Tenant, with_tenant};

/// Pause between two locks, so that those who wait get a turn.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) struct FloodLock {
    tenant: Arc<Tenant>,
    hold: Duration,
    tenancy: Arc<Tenancy>,
    running: Option<JoinHandle<()>>,
    taken: Arc<AtomicU64>,
}

impl FloodLock {
    pub(super) fn new(tenant: Arc<Tenant>, hold: Duration, target: &Target) -> Self {
        let tenancy = target.executor.tenancy().clone();
        Self { tenant, hold, tenancy, running: None, taken: Arc::default() }
    }
}

impl Fault for FloodLock {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        let (tenancy, taken, hold) = (self.tenancy.clone(), self.taken.clone(), self.hold);
        self.running = Some(tokio::spawn(with_tenant(self.tenant.clone(), async move {
            loop {
                if let Err(error) = lock_once(&tenancy, hold, &taken).await {
                    tracing::debug!(%error, "the lock hog did not get its lock");
                }
                tokio::time::sleep(PAUSE).await;
            }
        })));
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            if let Some(running) = self.running.take() {
                running.abort();
                // Its transaction is rolled back by its drop, which frees the lock.
                let _ = running.await;
            }
            Healed { touched: self.taken.load(Ordering::Relaxed), unit: "table locks", problem: None }
        })
    }
}

impl Drop for FloodLock {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn lock_once(tenancy: &Arc<Tenancy>, hold: Duration, taken: &AtomicU64) -> Result<(), TenancyError> {
    let mut transaction = tenancy.begin(Operation::Write).await?;
    let locked = sqlx::raw_sql("LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE").execute(transaction.pg()).await;
    locked.map_err(|error| transaction.failed(error))?;
    taken.fetch_add(1, Ordering::Relaxed);
    // This is what the fault does: it holds the lock.
    tokio::time::sleep(hold).await;
    transaction.commit().await
}
