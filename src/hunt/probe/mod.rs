//! How a request says who it is, and what is tried under each state of that.

pub(in crate::hunt) mod context;
mod run;
mod tenant_roles;

pub(in crate::hunt) use run::{Probe, Seen, State, calls, read, states, writes};
