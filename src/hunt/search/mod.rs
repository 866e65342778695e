//! A search beside the fixed probes: sequences of requests of two tenants, context switches and recycled connections are
//! drawn by proptest from a seed; a superuser's view of both tenants' rows is the model; what violates it is shrunk to
//! the shortest sequence that still does. The same seed draws the same sequences, whatever the machine.

mod operation;
mod player;
#[expect(clippy::module_inception, reason = "the room's main function has a file of its own")]
mod search;

pub(in crate::hunt) use player::Violation;
pub(in crate::hunt) use search::{Ground, Searcher};
pub use search::{Search, Sequence};
