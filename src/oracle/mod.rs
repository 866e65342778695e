//! What it means: observations become findings, findings and expectations become a verdict. Pure.

mod finding;
mod judgement;

pub use finding::*;
pub use judgement::*;
