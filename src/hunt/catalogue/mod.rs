//! What the database's own catalogue says: relations, constraints, policies, functions, settings and roles.

mod branches;
mod objects;
mod read;
pub(in crate::hunt) mod roles;

pub(in crate::hunt) use branches::{Assignment, NULL, branches, disjuncts};
pub(in crate::hunt) use objects::{NextTable, Policy, Sequence, UniqueKey};
pub(in crate::hunt) use read::{Catalogue, Column, ForeignKey, Function, Kind, Relation, settings};
