//! A TOML file, checked: what should happen. Never touches a server; only [`load`] touches a file.
//!
//! The way of a file: `wire` says what may be written and keeps where it stands, `check` turns it into the checked
//! [`Scenario`] and finds what cannot be meant. All mistakes of all files are reported at once.

mod check;
mod condition;
mod condition_syntax;
mod files;
mod model;
mod operator_fault;
mod places;
mod quantity;
mod reference;
mod schema;
mod server_fault;
mod vocabulary;
mod wire;
mod wire_fault;

pub use check::parse;
pub use condition::*;
pub use files::load;
pub use model::*;
pub use operator_fault::OperatorFault;
pub use places::PROVIDERS;
pub(crate) use quantity::length;
pub use reference::{fault_names, reference};
pub use schema::json_schema;
pub use server_fault::ServerFault;
pub use vocabulary::*;
pub use wire_fault::{OnLink, OnStatement, WireFault};

pub use crate::diagnostics::Diagnostics;
