//! Who reads it: one model, several renderers. Pure.

mod model;

pub use model::*;
