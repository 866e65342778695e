//! `network.*` and `protocol.*`: rules of the proxy between the application and the server.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::proxy::{Rule, RuleGuard, Rules};
use super::{Fault, Healed};

pub(super) struct OnTheWire {
    rules: Arc<Rules>,
    rule: Rule,
    /// Heals when it is dropped.
    guard: Option<RuleGuard>,
    touched: u64,
}

impl OnTheWire {
    pub(super) fn new(rules: Arc<Rules>, rule: Rule) -> Self {
        Self { rules, rule, guard: None, touched: 0 }
    }
}

impl Fault for OnTheWire {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        self.guard.get_or_insert_with(|| self.rules.install(self.rule.clone()));
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
        Box::pin(std::future::ready(Healed { touched: self.touched, unit: self.rule.unit(), problem }))
    }
}
