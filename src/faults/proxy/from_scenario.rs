//! Rules from scenario files.

use super::rule::{Kind, OnLink, OnStatement, Rule, Verdict, When};
use crate::observe::TenantId;
use crate::scenario::{Trigger, WireFault};

impl Rule {
    /// The rule that does a scenario's fault, in force for as long as its guard lives.
    pub fn of(fault: &WireFault, trigger: &Trigger) -> Self {
        let on_statements = trigger.statement.is_some()
            || trigger.after.is_some()
            || trigger.table.is_some()
            || trigger.context.is_some()
            || trigger.tenant.is_some();
        let verdict: Verdict = match fault.clone() {
            WireFault::Link(OnLink::Latency { add, jitter }) if on_statements => {
                OnStatement::Delay { by: add, jitter }.into()
            }
            WireFault::Link(verb) => verb.into(),
            WireFault::Statement(verb) => verb.into(),
            WireFault::DropContext => OnStatement::Swallow.into(),
        };
        let kind = match fault {
            WireFault::DropContext => Some(Kind::Context),
            _ => trigger.statement,
        };
        let tenant = trigger.tenant.map(|slug| TenantId::of(slug).to_string());
        let when = When {
            kind,
            table: trigger.table.clone(),
            tenant: tenant.or_else(|| trigger.context.clone()),
            after: trigger.after,
            nth: trigger.nth,
            first: trigger.first,
            share: trigger.share,
            ..When::default()
        };
        Self { when, verdict, label: None }
    }

    /// What it counts.
    pub fn unit(&self) -> &'static str {
        match &self.verdict {
            Verdict::Statement(_) => "statements",
            Verdict::Link(OnLink::Latency { .. }) => "replies",
            Verdict::Link(OnLink::Bandwidth { .. } | OnLink::Slice { .. } | OnLink::Drain { .. }) => "portions of data",
            Verdict::Link(_) => "connections",
        }
    }
}
