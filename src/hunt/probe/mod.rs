//! How a request says who it is, and what is tried under each state of that.

mod attacks;
mod calls;
pub(in crate::hunt) mod context;
pub(in crate::hunt) mod given;
mod keys;
mod notices;
mod notify;
mod objects;
#[expect(clippy::module_inception, reason = "the room's main type has a file of its own")]
mod probe;
mod reads;
mod sequence;
mod state;
mod tenant_roles;
mod writes;

pub(in crate::hunt) use attacks::Attacker;
pub(in crate::hunt) use calls::{calls, digest, ordinals, own_calls, shows_own};
pub(in crate::hunt) use keys::keys;
pub(in crate::hunt) use notices::Notices;
pub(in crate::hunt) use notify::{Heard, Overheard, listen};
pub(in crate::hunt) use objects::objects;
pub(in crate::hunt) use probe::{Attack, Look, Oracle, Probe, READ_REFUSALS, Seen, code};
pub(in crate::hunt) use reads::{behind_filter, copy_out, leakproof, read};
pub(in crate::hunt) use sequence::of_sequence;
pub(in crate::hunt) use state::{OWN, State, flag_statements, pooled_states, states};
pub(in crate::hunt) use writes::{Twins, write_verbs, writes, writes_through};
