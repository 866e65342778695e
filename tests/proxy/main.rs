//! Proves the fault proxy in front of a real server: clients work through it unchanged, each fault does what it says,
//! heals when its guard is dropped, and counts what it did.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod alone;
mod clients;
mod connections;
mod cuts;
mod rows;
mod stand;
mod statements;
