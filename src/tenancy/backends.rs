//! Which tenant each server process served last, where a pooler gives one process to many connections.
//!
//! Behind a pooler a connection of the application says nothing about the process that answers, so what is left there
//! is known by the process and not by the connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::Tenant;

/// Server processes that are remembered; the system gives process ids again, and a pooler has some dozens at a time.
const MAX_BACKENDS: usize = 10_000;

/// What is known of a server process.
#[derive(Debug, Clone, Default)]
pub(super) struct Last {
    /// Whom it served last; `None` for nobody, or for a request without a tenant.
    pub(super) tenant: Option<Arc<Tenant>>,
    /// The fault that left a context with session scope there, until a scrub takes it away.
    pub(super) tainted: Option<usize>,
}

/// Server processes by their id.
#[derive(Debug, Default)]
pub(super) struct Backends(Mutex<HashMap<i32, Last>>);

impl Backends {
    /// A transaction of this tenant has reached a process; returns what was known of it before.
    pub(super) fn meet(&self, pid: i32, tenant: Option<Arc<Tenant>>) -> Last {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_BACKENDS && !known.contains_key(&pid) {
            known.clear();
        }
        let last = known.entry(pid).or_default();
        let before = last.clone();
        last.tenant = tenant;
        before
    }

    /// A fault left, or with `None` a scrub took away, a context with session scope.
    pub(super) fn taint(&self, pid: i32, fault: Option<usize>) {
        if let Some(last) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&pid) {
            last.tainted = fault;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Roster;
    use crate::scenario::Fleet;
    use crate::tenancy::Directory;

    /// A process remembers its last tenant and its taint, whoever meets it; the table does not grow without end.
    #[test]
    fn a_process_remembers_its_last_tenant() {
        let fleet = Fleet { starter: 2, growth: 0, enterprise: 0, rows_per_tenant: 1 };
        let directory = Directory::of(Roster::of(&fleet));
        let tenant = |index| Some(directory.tenant(index).clone());
        let backends = Backends::default();
        assert!(backends.meet(7, tenant(0)).tenant.is_none());
        backends.taint(7, Some(3));
        let last = backends.meet(7, tenant(1));
        assert_eq!((last.tenant.map(|tenant| tenant.index), last.tainted), (Some(0), Some(3)));
        backends.taint(7, None);
        assert_eq!(backends.meet(7, None).tainted, None);
        for pid in 0..2 * MAX_BACKENDS as i32 {
            backends.meet(pid, None);
        }
        assert!(backends.0.lock().unwrap().len() <= MAX_BACKENDS);
    }
}
