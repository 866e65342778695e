//! `context.drop`: the statement that sets the tenant context is lost or altered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;

use super::trigger::Trigger;
use super::{Fault, Healed, Target};
use crate::scenario::{ContextLayer, ContextResidue};
use crate::tenancy::{ContextHook, Directory, RequestInfo, Residue, Tenancy, Tenant, Touch};

pub(super) struct ContextDrop {
    hook: Arc<dyn ContextHook>,
    counter: Arc<AtomicU64>,
    tenancy: Arc<Tenancy>,
}

impl ContextDrop {
    pub(super) fn new(
        fault: usize,
        leaves: ContextResidue,
        layer: ContextLayer,
        trigger: Trigger,
        target: &Target,
    ) -> Self {
        let counter = Arc::new(AtomicU64::new(0));
        let directory = target.executor.directory().clone();
        let hook = Arc::new(Hook { fault, leaves, layer, trigger, directory, counter: counter.clone() });
        Self { hook, counter, tenancy: target.executor.tenancy().clone() }
    }
}

impl Fault for ContextDrop {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        self.tenancy.hooks().install(self.hook.clone());
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        self.tenancy.hooks().remove(&self.hook);
        let problem = self.tenancy.hooks().remove(&self.hook).then(|| "the hook is still installed".to_owned());
        let touched = self.counter.load(Ordering::Relaxed);
        Box::pin(std::future::ready(Healed { touched, unit: "transactions", problem }))
    }
}

impl Drop for ContextDrop {
    fn drop(&mut self) {
        self.tenancy.hooks().remove(&self.hook);
    }
}

struct Hook {
    fault: usize,
    leaves: ContextResidue,
    layer: ContextLayer,
    trigger: Trigger,
    directory: Arc<Directory>,
    counter: Arc<AtomicU64>,
}

impl Hook {
    fn residue(&self, asker: &Tenant) -> Residue {
        match self.leaves {
            ContextResidue::Unset => Residue::Unset,
            ContextResidue::Empty => Residue::Empty,
            ContextResidue::Stale => Residue::Stale,
            ContextResidue::Bogus => Residue::Bogus,
            ContextResidue::Forged => Residue::Forged,
            ContextResidue::Session => Residue::Session,
            // The next one in fleet order: always another one, since a fleet has at least two.
            ContextResidue::OtherTenant => {
                let next = (asker.index + 1) % self.directory.len() as u32;
                Residue::OtherTenant(self.directory.tenant(next).clone())
            }
        }
    }
}

impl ContextHook for Hook {
    fn on_request(&self, request: RequestInfo<'_>) -> Option<usize> {
        let touched = self.layer == ContextLayer::Request && self.trigger.fires(request);
        self.counter.fetch_add(u64::from(touched), Ordering::Relaxed);
        touched.then_some(self.fault)
    }

    fn on_begin(&self, request: RequestInfo<'_>, _previous: Option<&Tenant>) -> Option<Touch> {
        let touched = self.layer == ContextLayer::Connection && self.trigger.fires(request);
        self.counter.fetch_add(u64::from(touched), Ordering::Relaxed);
        touched.then(|| Touch { fault: self.fault, residue: self.residue(request.tenant) })
    }
}
