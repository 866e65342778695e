//! What the database's own catalogue says: relations, constraints, functions, settings and roles.

mod read;
pub(in crate::hunt) mod roles;

pub(in crate::hunt) use read::{Catalogue, Column, Kind, Relation, settings};
