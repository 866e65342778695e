//! The ledger: every write that was acknowledged to a client, to be compared with the database afterwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Acknowledged writes kept at most (16 bytes each); beyond that they are counted and the comparison says so.
const CAPACITY: usize = 4_000_000;

/// One acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acknowledged {
    /// Its reference, unique within the run.
    pub client_ref: u64,
    /// Place of its tenant in fleet order.
    pub tenant: u32,
}

/// Collects acknowledgements.
#[derive(Debug, Default)]
pub struct LedgerBook {
    kept: Mutex<Vec<Acknowledged>>,
    not_kept: AtomicU64,
}

impl LedgerBook {
    /// The client was told that its write is stored.
    pub fn acknowledge(&self, write: Acknowledged) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < CAPACITY {
            kept.push(write);
        } else {
            self.not_kept.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The write that was acknowledged last.
    pub fn last(&self) -> Option<Acknowledged> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
    }

    /// Acknowledgements beyond the capacity.
    pub fn not_kept(&self) -> u64 {
        self.not_kept.load(Ordering::Relaxed)
    }

    /// Everything that was kept.
    pub fn take(&self) -> Vec<Acknowledged> {
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
