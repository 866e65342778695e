//! What was seen: typed events, the append-only journal they are kept in, and the canaries by which a row names its
//! owner. Never decides what an observation means; that is [`crate::oracle`].

mod canary;
mod event;
mod journal;
mod roster;

pub use canary::{canary, owner_in};
pub use event::*;
pub use journal::{JournalError, JournalWriter, MAX_JOURNAL_BYTES, MAX_LINE_BYTES, read_journal};
pub use roster::{Roster, TenantId};
