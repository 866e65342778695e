//! Two tenants' rows in every table, with marks that tell them apart.

mod pattern;
mod seed;
mod values;

pub(in crate::hunt) use seed::{Seeded, insert_sql, run, said, seed};
pub(in crate::hunt) use values::{Tenancy, Tenant, literal, of_type, scalar};
