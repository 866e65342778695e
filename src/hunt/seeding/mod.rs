//! Two tenants' rows in every table, with marks that tell them apart.

mod branch_rows;
mod ended;
mod pattern;
mod seed;
mod values;

pub(in crate::hunt) use ended::standings;
pub(in crate::hunt) use seed::{Seeded, insert_sql, run, said, seed};
pub(in crate::hunt) use values::{Tenancy, Tenant, literal, of_type, scalar, words};
