//! What makes a finding believable and mendable: a reproducer, and a fix that was tried.

mod fix;
mod reproducer;

pub(in crate::hunt) use fix::{Found, Prover, Schema};
pub(in crate::hunt) use reproducer::{Ingredients, overheard_script, refresh, script};
