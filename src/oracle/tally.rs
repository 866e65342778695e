//! Slices added up. Sums saturate: a journal may say anything.

use std::collections::BTreeMap;

use crate::observe::ClassSlice;
use crate::scenario::ErrorKind;
use crate::stats::{Observed, SparseHistogram};

/// The sum of class slices.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) intended: u64,
    pub(super) dropped: u64,
    pub(super) late: u64,
    pub(super) ok: u64,
    pub(super) errors: BTreeMap<ErrorKind, u64>,
    pub(super) rows_checked: u64,
    pub(super) writes_checked: u64,
    pub(super) leaked_rows: u64,
    pub(super) silent_empty: u64,
    pub(super) foreign_writes: u64,
    pub(super) transactions: u64,
    pub(super) without_context: u64,
    pub(super) latency: SparseHistogram,
    pub(super) queue: SparseHistogram,
}

impl Tally {
    /// The sum of all.
    pub(super) fn of<'a>(slices: impl IntoIterator<Item = &'a ClassSlice>) -> Self {
        let mut sum = Self::default();
        slices.into_iter().for_each(|slice| sum.add(slice));
        sum
    }

    fn add(&mut self, slice: &ClassSlice) {
        let pairs = [
            (&mut self.intended, slice.intended),
            (&mut self.dropped, slice.dropped),
            (&mut self.late, slice.late),
            (&mut self.ok, slice.ok),
            (&mut self.rows_checked, slice.rows_checked),
            (&mut self.writes_checked, slice.writes_checked),
            (&mut self.leaked_rows, slice.leaked_rows),
            (&mut self.silent_empty, slice.silent_empty),
            (&mut self.foreign_writes, slice.foreign_writes),
            (&mut self.transactions, slice.transactions),
            (&mut self.without_context, slice.without_context),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
        for (kind, count) in &slice.errors {
            let sum = self.errors.entry(*kind).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.latency.add(&slice.latency_us);
        self.queue.add(&slice.queue_us);
    }

    /// Requests that failed.
    pub(super) fn failed(&self) -> u64 {
        self.errors.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Requests that failed in one way.
    pub(super) fn failed_by(&self, kind: ErrorKind) -> u64 {
        self.errors.get(&kind).copied().unwrap_or(0)
    }

    /// Requests that ended, either way.
    pub(super) fn finished(&self) -> u64 {
        self.ok.saturating_add(self.failed())
    }

    /// The share of the arrivals that was not sent; zero if none was due.
    pub(super) fn dropped_share(&self) -> f64 {
        Observed::of(self.dropped, self.intended).share().unwrap_or(0.0)
    }

    /// Requests that failed for want of a connection.
    pub(super) fn starved(&self) -> u64 {
        self.failed_by(ErrorKind::PoolTimeout).saturating_add(self.failed_by(ErrorKind::BulkheadFull))
    }
}
