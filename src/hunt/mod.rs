//! The leak hunt: prove or break tenant isolation in any Postgres schema.
//!
//! A [`Target`] (a user's SQL files or an existing database) is applied to a throw-away database, its catalogue is
//! audited, and what an application's role may reach is reported as findings with the failure mode's id.
//!
//! It never writes to a database that it did not create, and never reads a row of one: an existing database is read
//! in a read-only session, catalogues only.

mod audit;
mod error;
mod finding;
mod roles;
mod rules;
mod statements;
mod target;

pub use audit::{Audit, audit};
pub use error::HuntError;
pub use finding::{Finding, Severity, Status};
pub use target::{Applied, Target, apply, open_read_only};
