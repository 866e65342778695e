//! Suites under `cargo test`.
