//! `network.*` and `protocol.*`: rules of the proxy between the application and the server.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::proxy::{Rule, RuleGuard, Rules};
use super::{Fault, Healed, Target};
use crate::tenancy::{ContextHook, Tenancy, client_name};

pub(super) struct OnTheWire {
    rules: Arc<Rules>,
    rule: Rule,
    /// Heals when it is dropped.
    guard: Option<RuleGuard>,
    touched: u64,
    tenancy: Arc<Tenancy>,
    hook: Arc<dyn ContextHook>,
}

impl OnTheWire {
    pub(super) fn new(fault: usize, rules: Arc<Rules>, rule: Rule, target: &Target) -> Self {
        let hook = Arc::new(Hook { rules: rules.clone() });
        let tenancy = target.executor.tenancy().clone();
        Self { rules, rule: rule.label(fault), guard: None, touched: 0, tenancy, hook }
    }
}

impl Fault for OnTheWire {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        if self.guard.is_none() {
            self.tenancy.hooks().install(self.hook.clone());
            self.guard = Some(self.rules.install(self.rule.clone()));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        let before = self.rules.len();
        let mut problem = None;
        if let Some(guard) = self.guard.take() {
            let effect = guard.heal();
            self.touched += effect.touched;
            problem = (self.rules.len() >= before).then(|| "the rule is still in force".to_owned());
        }
        // The hook changes nothing. It stays until the fault is dropped, for requests that are still under way.
        Box::pin(std::future::ready(Healed { touched: self.touched, unit: self.rule.unit(), problem }))
    }
}

impl Drop for OnTheWire {
    fn drop(&mut self) {
        self.tenancy.hooks().remove(&self.hook);
    }
}

/// Tells the runtime whose statements were touched.
struct Hook {
    rules: Arc<Rules>,
}

impl ContextHook for Hook {
    fn touched_on_the_way(&self, connection: u64) -> Option<usize> {
        self.rules.touches().take(&client_name(connection))
    }
}
