//! tenant-chaos: a chaos-engineering harness for multi-tenant Postgres with Row-Level Security.
//!
//! A scenario (a TOML file) says what should go wrong. A stack is a running Postgres with the reference schema and a
//! fleet of tenants. Load asks on behalf of those tenants while faults break the tenant context, the pool or the
//! neighbourhood. Everything that was seen goes to an append-only journal; the oracle turns the journal into findings
//! and a verdict; pricing turns findings into dollars; reports show both.
//!
//! The modules below are listed in the direction in which data flows: a module imports only from modules above it.
//! The library's two entry points are `run::run_scenario` (one scenario, its report) and `suite::main` (a folder
//! of scenarios as `cargo test`).

// What is wrong with a file that a user wrote, and how people read numbers.
pub mod diagnostics;
#[cfg(test)]
mod generated;
mod wording;

// What things mean: pure, no I/O.
pub mod stats;

pub mod business_metrics;
pub mod scenario;

// What was seen: typed events and the journal they are kept in.
pub mod observe;

// The running system: a server, the tenant runtime over it, who asks, what goes wrong.
pub mod faults;
pub mod load;
pub mod stack;
pub mod tenancy;

// What it means, what it costs, who reads it: pure, over the journal.
pub mod oracle;
pub mod pricing;
pub mod report;

// What ties it together.
pub mod cli;
pub mod hunt;
pub mod run;
pub mod suite;
