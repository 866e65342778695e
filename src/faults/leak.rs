//! `pool.leak`: requests never give their connection back until the fault is healed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::trigger::Trigger;
use super::{Fault, Healed, Target};
use crate::tenancy::{ContextHook, PooledConnection, RequestInfo, Tenancy};

pub(super) struct PoolLeak {
    keeper: Arc<Keeper>,
    hook: Arc<dyn ContextHook>,
    tenancy: Arc<Tenancy>,
}

impl PoolLeak {
    pub(super) fn new(trigger: Trigger, target: &Target) -> Self {
        let keeper = Arc::new(Keeper { trigger, kept: Mutex::default(), count: AtomicU64::new(0) });
        Self { hook: keeper.clone(), keeper, tenancy: target.executor.tenancy().clone() }
    }

    fn give_back(&self) -> bool {
        let removed = self.tenancy.hooks().remove(&self.hook);
        self.keeper.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        removed
    }
}

impl Fault for PoolLeak {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        self.tenancy.hooks().install(self.hook.clone());
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        self.give_back();
        // A request that had read the hook before its removal may still have handed one in.
        let problem = self.give_back().then(|| "the hook is still installed".to_owned());
        let touched = self.keeper.count.load(Ordering::Relaxed);
        Box::pin(std::future::ready(Healed { touched, unit: "connections", problem }))
    }
}

impl Drop for PoolLeak {
    fn drop(&mut self) {
        self.give_back();
    }
}

struct Keeper {
    trigger: Trigger,
    kept: Mutex<Vec<PooledConnection>>,
    count: AtomicU64,
}

impl ContextHook for Keeper {
    fn takes_connection(&self, request: RequestInfo<'_>) -> bool {
        self.trigger.fires(request)
    }

    fn keep(&self, connection: PooledConnection) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
