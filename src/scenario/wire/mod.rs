//! What may be written in a scenario file: keys, types, units and defaults, and where each value stands.
//!
//! serde stops at the first mistake, and people want to see all of them; so the tables below are read from the TOML
//! parse tree by a small decoder of our own ([`table`](mod@table)). One declaration of a table gives its decoder, its
//! JSON Schema and its part of the reference, defaults included, so none of the four can drift from the others.
//! Nothing here decides whether the values make sense together; that is `check`.

mod faults;
mod scalar;
mod sections;
mod stated;
mod table;

pub(super) use faults::*;
pub(super) use scalar::{Length, OneOf, Slug, Whole};
pub(super) use sections::*;
pub(super) use stated::Stated;
pub(super) use table::{Decode, Entry, Key, List, Need};
