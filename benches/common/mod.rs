//! What the benchmarks share: where they ran, paired ratios with their interval, and the table in three forms.
//!
//! Speed on a shared machine means nothing by itself, so every row compares two things that took turns within one run.
//! A ratio is that of one round; a row shows the median of the rounds and a distribution-free interval for it.

mod environment;
pub(crate) mod ratio;
mod table;

use std::str::FromStr;

pub(crate) use environment::{Environment, processors};
pub(crate) use ratio::{Ratio, median};
pub(crate) use table::{Goal, Line, Table};

/// Anything that ends a benchmark.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `cargo bench`: for the figures.
    Measure,
    /// `cargo bench -- --test` and `cargo test --benches`: once, tiny, for the checks alone.
    Check,
    /// `--list`: only name the benchmarks.
    List,
}

impl Mode {
    /// Cargo passes `--bench` to a benchmark and nothing to a test of one; whoever says `--test` means it.
    pub(crate) fn of_arguments() -> Self {
        let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
        match (given("--list"), given("--bench") && !given("--test")) {
            (true, _) => Mode::List,
            (false, true) => Mode::Measure,
            (false, false) => Mode::Check,
        }
    }

    /// One of two values.
    pub(crate) fn pick<T>(self, measure: T, check: T) -> T {
        match self {
            Mode::Measure => measure,
            Mode::Check | Mode::List => check,
        }
    }
}

/// The value of an environment variable, or else the default.
pub(crate) fn setting<T: FromStr>(name: &str, default: T) -> Result<T, Failure> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name}: cannot read `{text}`").into()),
        Err(_) => Ok(default),
    }
}

/// Fails with a sentence unless the condition holds: a benchmark that measures the wrong thing measures nothing.
pub(crate) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    match holds {
        true => Ok(()),
        false => Err(otherwise().into()),
    }
}
