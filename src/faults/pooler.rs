//! `pooler.restart`: the pooler is killed with every connection that it has, and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

use super::{Fault, Healed};
use crate::stack::Pooler;

pub(super) struct PoolerRestart {
    pooler: Arc<Pooler>,
    down: Duration,
    running: Option<JoinHandle<()>>,
    restarted: Arc<AtomicU64>,
}

impl PoolerRestart {
    pub(super) fn new(pooler: Arc<Pooler>, down: Duration) -> Self {
        Self { pooler, down, running: None, restarted: Arc::default() }
    }
}

impl Fault for PoolerRestart {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            self.pooler.kill().await.map_err(|error| error.to_string())?;
            let (pooler, down, restarted) = (self.pooler.clone(), self.down, self.restarted.clone());
            self.running = Some(tokio::spawn(async move {
                // This is what the fault does: the pooler is gone.
                tokio::time::sleep(down).await;
                match pooler.start_again().await {
                    Ok(()) => drop(restarted.fetch_add(1, Ordering::Relaxed)),
                    // The undo tries again, and reports.
                    Err(error) => tracing::warn!(%error, "the pooler does not come back"),
                }
            }));
            Ok(())
        })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            if let Some(running) = self.running.take() {
                running.abort();
                // Aborted or finished: either way it starts nothing any more.
                let _ = running.await;
            }
            let problem = self.pooler.start_again().await.err().map(|error| error.to_string());
            let early = u64::from(self.restarted.load(Ordering::Relaxed) == 0 && problem.is_none());
            Healed { touched: self.restarted.load(Ordering::Relaxed) + early, unit: "restarts", problem }
        })
    }
}

impl Drop for PoolerRestart {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}
