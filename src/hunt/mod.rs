//! The leak hunt: prove or break tenant isolation in any Postgres schema.
//!
//! A [`Target`] (a user's SQL files or an existing database) is applied to a throw-away database, its catalogue is
//! audited, and what an application's role may reach is reported as findings with the failure mode's id.
//!
//! It never writes to a database that it did not create, and never reads a row of one: an existing database is read
//! in a read-only session, catalogues only.

mod audit;
mod catalogue;
mod error;
mod finding;
#[expect(clippy::module_inception, reason = "the room's main function has a file of its own")]
mod hunt;
mod hunter;
mod input;
mod pooler;
mod probe;
mod prove;
mod report;
mod rules;
mod search;
mod seeding;
mod shown;

pub use audit::{Audit, audit, audit_applied};
pub use error::HuntError;
pub use finding::{Finding, FixStatus, Severity, Status};
pub use hunt::{Options, Trials, hunt, hunt_with};
pub use input::{
    Accepted, Applied, Baseline, BusinessConfig, Config, ContextConfig, Target, TenantConfig, TenantsConfig, apply,
    open_read_only,
};
pub use report::{
    Bound, Cell, Coverage, Discovered, HuntPrice, HuntReport, HuntVerdict, NotTested, Outcome, config_schema, grid,
    json, json_schema, junit, markdown, sarif, terminal,
};
pub use search::{Search, Sequence};
