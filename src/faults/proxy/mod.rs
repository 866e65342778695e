//! A proxy that speaks the Postgres protocol, and breaks it on purpose.

mod sql;
pub mod wire;
