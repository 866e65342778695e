//! What was seen: typed events, the append-only journal they are kept in, and the canaries by which a row names its
//! owner. Never decides what an observation means; that is [`crate::oracle`].

mod canary;
mod event;
mod roster;

pub use canary::{canary, owner_in};
pub use event::*;
pub use roster::{Roster, TenantId};
