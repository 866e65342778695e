//! What makes a finding believable: a reproducer.

mod reproducer;

pub(in crate::hunt) use reproducer::{refresh, script};
