//! Who a request is for: a task-local, so that no function between the edge and the database has to pass it on.

use std::future::Future;
use std::sync::Arc;

use crate::observe::{Roster, TenantId};
use crate::scenario::TenantSlug;

use super::statement::begin_statement;

/// A tenant as the runtime knows it, with its statement ready to send.
#[derive(Debug)]
pub struct Tenant {
    /// Place in fleet order.
    pub index: u32,
    /// Name.
    pub slug: TenantSlug,
    /// Value of the tenant context.
    pub id: TenantId,
    /// `BEGIN` with the transaction-local context, built once so that a request formats nothing.
    pub(super) begin: Arc<str>,
}

/// All tenants of the fleet.
#[derive(Debug)]
pub struct Directory {
    tenants: Vec<Arc<Tenant>>,
    roster: Roster,
}

impl Directory {
    /// The directory of a fleet.
    pub fn of(roster: Roster) -> Self {
        let tenants = roster
            .iter()
            .zip(0..)
            .map(|((slug, id), index)| Arc::new(Tenant { index, slug, id, begin: begin_statement(&id.to_string()) }))
            .collect();
        Self { tenants, roster }
    }

    /// The tenant at a place in fleet order.
    ///
    /// # Panics
    /// If `index` is not below [`Self::len`].
    pub fn tenant(&self, index: u32) -> &Arc<Tenant> {
        &self.tenants[index as usize]
    }

    /// The tenant of a slug.
    pub fn find(&self, slug: TenantSlug) -> Option<&Arc<Tenant>> {
        self.roster.index_of_slug(slug).map(|index| self.tenant(index))
    }

    /// The tenant with this id; `None` if it is no tenant of the fleet.
    pub fn by_id(&self, id: TenantId) -> Option<&Arc<Tenant>> {
        self.roster.index_of(id).map(|index| self.tenant(index))
    }

    /// How many tenants there are.
    pub fn len(&self) -> usize {
        self.tenants.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }
}

tokio::task_local! {
    static CURRENT: Option<Arc<Tenant>>;
}

/// Runs a future on behalf of a tenant.
///
/// ```
/// # use tenant_chaos::{observe::Roster, scenario::Fleet, tenancy::*};
/// # let fleet = Fleet { starter: 1, growth: 1, enterprise: 0, rows_per_tenant: 1 };
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let directory = Directory::of(Roster::of(&fleet));
/// let seen = with_tenant(directory.tenant(1).clone(), async { current_tenant().map(|t| t.slug.to_string()) }).await;
/// assert_eq!(seen.as_deref(), Some("growth-1"));
/// assert!(current_tenant().is_none());
/// # });
/// ```
pub fn with_tenant<F: Future>(tenant: Arc<Tenant>, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(Some(tenant), future)
}

/// Runs a future on behalf of nobody, whatever the caller's tenant is.
pub fn without_tenant<F: Future>(future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(None, future)
}

/// The tenant of the running task, if it has one.
pub fn current_tenant() -> Option<Arc<Tenant>> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}
