//! Who reads it: one model, several renderers. Pure.
//!
//! [`assemble`] puts the scenarios of a run together; each renderer is a function from [`RunReport`] to text. A
//! scenario and a database may say anything, so every renderer escapes whatever it did not write itself. A rate of
//! which nothing was seen is never printed as a bare 0 but with the upper bound that the run proves.

mod assemble;
mod context_matrix;
mod html;
mod json;
mod judge_journal;
mod junit;
mod markdown;
mod model;
mod money_chart;
mod on_call;
mod terminal;
mod text;
mod words;

#[cfg(test)]
mod hostile;
#[cfg(test)]
pub(crate) mod sample;

pub use assemble::{Unjudged, assemble, assemble_all};
pub use context_matrix::{ContextCell, StackKey};
pub use html::html;
pub use json::{json, json_schema};
pub use judge_journal::{ReportError, judge_journal};
pub use junit::junit;
pub use markdown::markdown;
pub use model::*;
pub use money_chart::{Marks, loss_curve_of, loss_curve_svg, money_drawings, tornado_svg};
pub use terminal::{Colour, terminal};
