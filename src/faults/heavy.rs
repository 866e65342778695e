//! `flood.heavy`: one tenant runs heavy queries back to back, through the application's pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use super::{Fault, Healed, Target};
use crate::load::{Executor, Request, Step};
use crate::scenario::ErrorKind;
use crate::tenancy::Tenant;

/// A heavy client pauses this long between queries, so that one that is refused at once does not spin.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) struct FloodHeavy {
    tenant: Arc<Tenant>,
    clients: u32,
    executor: Arc<Executor>,
    running: JoinSet<()>,
    ran: Arc<AtomicU64>,
}

impl FloodHeavy {
    pub(super) fn new(tenant: Arc<Tenant>, clients: u32, target: &Target) -> Self {
        let executor = target.executor.clone();
        Self { tenant, clients, executor, running: JoinSet::new(), ran: Arc::default() }
    }
}

impl Fault for FloodHeavy {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        for _ in 0..self.clients {
            self.running.spawn(ask_again_and_again(self.tenant.index, self.executor.clone(), self.ran.clone()));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            self.running.shutdown().await;
            Healed { touched: self.ran.load(Ordering::Relaxed), unit: "heavy queries", problem: None }
        })
    }
}

async fn ask_again_and_again(tenant: u32, executor: Arc<Executor>, ran: Arc<AtomicU64>) {
    loop {
        let at = executor.now();
        executor.recorder().intend(at, tenant);
        let failed = executor.execute(Request { at, tenant, step: Step::HeavyQuery }).await;
        // What never got a connection burdened nobody.
        let refused = matches!(
            failed,
            Some(ErrorKind::MissingTenant | ErrorKind::PoolTimeout | ErrorKind::BulkheadFull | ErrorKind::Connection)
        );
        ran.fetch_add(u64::from(!refused), Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}
