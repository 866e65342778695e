//! What it means: observations become findings, findings and expectations become a verdict.
//!
//! [`judge`] is a function of (events, scenario). It does no I/O, never asks the system under test and never repairs
//! what was seen: a leak latches, whatever else happened. What could not be decided is inconclusive with its reason.
//!
//! `seen` indexes the journal, `tally` adds slices up, `measure` gives a metric in a window, `check` compares it with
//! an expectation, `recovery` and `soundness` check what no condition says, `detect` finds what went wrong, `judge`
//! draws the verdict. Costs are not judged here; that is [`crate::pricing`].

mod check;
mod detect;
mod finding;
mod judge;
mod judgement;
mod measure;
mod recovery;
mod seen;
mod soundness;
mod tally;
mod timeline;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;

pub use finding::*;
pub use judge::{OracleError, judge};
pub use judgement::*;
