//! What makes a finding believable and mendable: a reproducer, and a fix that was tried.

mod fix;
mod heard;
mod reproducer;

pub(in crate::hunt) use fix::{Found, Prover, Schema};
pub(in crate::hunt) use heard::{notice_script, overheard_script};
pub(in crate::hunt) use reproducer::{Ingredients, refresh, script};
