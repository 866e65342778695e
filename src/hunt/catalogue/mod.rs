//! What the database's own catalogue says: relations, constraints, policies, functions, settings and roles.

mod branches;
mod expression;
pub(in crate::hunt) mod login_settings;
mod objects;
mod read;
pub(in crate::hunt) mod roles;

pub(in crate::hunt) use branches::{Assignment, NULL, branches};
pub(in crate::hunt) use expression::{MOST_BRANCHES, bare, disjuncts, split as split_outside};
pub(in crate::hunt) use objects::{Helper, Policy, Sequence, UniqueKey};
pub(in crate::hunt) use read::{Catalogue, Column, ForeignKey, Function, Kind, Relation, settings};
