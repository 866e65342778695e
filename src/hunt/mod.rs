//! The leak hunt: prove or break tenant isolation in any Postgres schema.
//!
//! A [`Target`] (a user's SQL files or an existing database) is applied to a throw-away database, its catalogue is
//! audited, and what an application's role may reach is reported as findings with the failure mode's id.
//!
//! It never writes to a database that it did not create, and never reads a row of one: an existing database is read
//! in a read-only session, catalogues only.

mod audit;
mod baseline;
mod catalogue;
mod config;
mod context;
mod error;
mod finding;
mod grid;
#[expect(clippy::module_inception, reason = "the room's main function has a file of its own")]
mod hunt;
mod machine;
mod probe;
mod render;
mod report;
mod reproducer;
mod roles;
mod rules;
mod seed;
mod statements;
mod target;
mod tenant_roles;
mod values;

pub use audit::{Audit, audit};
pub use baseline::{Accepted, Baseline};
pub use config::{Config, ContextConfig, TenantConfig, TenantsConfig};
pub use error::HuntError;
pub use finding::{Finding, Severity, Status};
pub use grid::grid;
pub use hunt::hunt;
pub use machine::{junit, sarif};
pub use render::{json, markdown, terminal};
pub use report::{
    Bound, Cell, Coverage, Discovered, HuntReport, HuntVerdict, NotTested, Outcome, config_schema, json_schema,
};
pub use target::{Applied, Target, apply, open_read_only};
