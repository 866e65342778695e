//! What a hunt gives: `hunt.json`, for people, for CI systems, and the coverage grid.

mod grid;
mod machine;
mod model;
mod price;
mod render;
#[cfg(test)]
mod sample;

pub use grid::grid;
pub use machine::{junit, sarif};
pub use model::{
    Bound, Cell, Coverage, Discovered, HuntReport, HuntVerdict, NotTested, Outcome, config_schema, json_schema,
};
pub(in crate::hunt) use model::{CUT, bound, family};
pub use price::HuntPrice;
pub(in crate::hunt) use price::price;
pub use render::{json, markdown, terminal};
