//! What a hunt gives: `hunt.json`, for people, for CI systems, and the coverage grid.

mod grid;
mod machine;
mod model;
mod render;

pub use grid::grid;
pub use machine::{junit, sarif};
pub(in crate::hunt) use model::bound;
pub use model::{
    Bound, Cell, Coverage, Discovered, HuntReport, HuntVerdict, NotTested, Outcome, config_schema, json_schema,
};
pub use render::{json, markdown, terminal};
