//! A suggested fix that the hunt itself has tried: in a clone of the database, with the fix applied, the finding's
//! probe finds nothing, and what tenant A can do it still can. What has not been tried is said to be unproven.

mod candidate;
mod condition;
mod functions;
mod keys;
mod trial;

use crate::hunt::catalogue::Catalogue;
use crate::hunt::catalogue::roles::AppRole;
use crate::hunt::probe::context::Context;
use crate::hunt::seeding::{Seeded, Tenancy};

pub(in crate::hunt) use trial::{Found, Prover};

/// How a schema was understood, for whoever looks for a fix.
#[derive(Clone, Copy)]
pub(in crate::hunt) struct Schema<'a> {
    pub(in crate::hunt) catalogue: &'a Catalogue,
    pub(in crate::hunt) tenancy: &'a Tenancy,
    pub(in crate::hunt) seeded: &'a Seeded,
    pub(in crate::hunt) context: &'a Context,
    pub(in crate::hunt) app: &'a AppRole,
}
