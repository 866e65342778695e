//! The seam through which faults reach the runtime.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::connection::PooledConnection;
use super::context::Tenant;
use super::statement::Residue;
use crate::scenario::Operation;

/// The request that a hook is asked about.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo<'a> {
    /// Who asks.
    pub tenant: &'a Tenant,
    /// For what.
    pub operation: Operation,
}

/// A hook's answer: this request is touched.
#[derive(Debug, Clone)]
pub struct Touch {
    /// Index of the fault in its scenario.
    pub fault: usize,
    /// What becomes of the context.
    pub residue: Residue,
}

/// Something that alters what the runtime does. Called on the request path: it must not block and should not allocate.
pub trait ContextHook: Send + Sync {
    /// Whether the request loses its tenant before the application guard; the index of the fault that takes it.
    fn on_request(&self, _request: RequestInfo<'_>) -> Option<usize> {
        None
    }

    /// Whether the context statement is altered on its way to the server. `previous` is the tenant that the connection
    /// served before.
    fn on_begin(&self, _request: RequestInfo<'_>, _previous: Option<&Tenant>) -> Option<Touch> {
        None
    }

    /// The fault that has touched a statement of this connection on its way to the server, since the last call.
    fn touched_on_the_way(&self, _connection: u64) -> Option<usize> {
        None
    }

    /// Whether the connection is not to come back to its pool; the hook then keeps it in [`Self::keep`].
    fn takes_connection(&self, _request: RequestInfo<'_>) -> bool {
        false
    }

    /// Takes a connection that [`Self::takes_connection`] asked for.
    fn keep(&self, _connection: PooledConnection) {}
}

/// The hooks in force. Reading them costs no lock.
#[derive(Default)]
pub struct Hooks {
    list: ArcSwap<Vec<Arc<dyn ContextHook>>>,
}

impl Hooks {
    /// Puts a hook in force.
    pub fn install(&self, hook: Arc<dyn ContextHook>) {
        self.list.rcu(|list| {
            let mut list = Vec::clone(list);
            list.push(hook.clone());
            list
        });
    }

    /// Takes a hook out of force. Returns whether it was in force.
    pub fn remove(&self, hook: &Arc<dyn ContextHook>) -> bool {
        let before = self.list.rcu(|list| {
            let mut list = Vec::clone(list);
            list.retain(|other| !Arc::ptr_eq(other, hook));
            list
        });
        before.iter().any(|other| Arc::ptr_eq(other, hook))
    }

    /// The first answer that a hook gives.
    pub(super) fn first<T>(&self, ask: impl FnMut(&Arc<dyn ContextHook>) -> Option<T>) -> Option<T> {
        self.list.load().iter().find_map(ask)
    }

    /// The fault that has touched a statement of this connection on its way, since the last call.
    pub fn touched_on_the_way(&self, connection: u64) -> Option<usize> {
        self.first(|hook| hook.touched_on_the_way(connection))
    }

    /// Whether the request loses its tenant before the guard.
    pub fn on_request(&self, request: RequestInfo<'_>) -> Option<usize> {
        self.first(|hook| hook.on_request(request))
    }
}
