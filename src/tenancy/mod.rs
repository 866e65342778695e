//! The reference multi-tenant runtime: what a good team would write, with each bad habit as a switch.
//!
//! A request carries its tenant in a task-local ([`with_tenant`]). [`Tenancy::begin`] refuses a request without one
//! (the guard), takes a connection through the tier's bulkhead, and opens a transaction whose tenant context rides on
//! the round trip of `BEGIN`; the scrub of the connection rides on that of `COMMIT`. A transaction that is dropped at
//! any `.await` is rolled back and scrubbed before its connection serves anyone else.
//!
//! It never sets a context with session scope and never acknowledges before COMMIT, unless a [`Defect`] asks for
//! exactly that. Faults reach it only through [`ContextHook`].
//!
//! [`Defect`]: crate::scenario::Defect

mod backends;
mod bulkhead;
mod connection;
mod context;
mod error;
mod hook;
mod monitor;
mod protections;
mod runtime;
mod statement;
mod transaction;

pub use bulkhead::{BulkheadPermit, Bulkheads};
pub use connection::{Behind, Connector, PooledConnection, Statements, TenantConnection, TenantPool, client_name};
pub use context::{Directory, Tenant, current_tenant, with_tenant, without_tenant};
pub use error::TenancyError;
pub use hook::{ContextHook, Hooks, RequestInfo, Touch};
pub use monitor::{Monitor, MonitorAlert, THRESHOLD as MONITOR_THRESHOLD};
pub use protections::{Changes, Protections};
pub use runtime::{Tenancy, TenancyOptions};
pub use statement::Residue;
pub use transaction::{Opening, TenantTransaction};
