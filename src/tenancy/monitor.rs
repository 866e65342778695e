//! The monitoring layer: the share of transactions without a confirmed tenant context, and an alert above 0.01%.
//!
//! The share is that of the time since the last look, a tenth of a second in a run: below 100,000 transactions a second one
//! single transaction without context is above the threshold. That is meant; there is no rate of them that is right.

use std::sync::atomic::{AtomicU64, Ordering};

/// The alert threshold of the brief: 0.01% of queries.
pub const THRESHOLD: f64 = 0.0001;

/// Raised when the share exceeds the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonitorAlert {
    /// Share of transactions without a confirmed context since the last look.
    pub bypass_share: f64,
    /// [`THRESHOLD`].
    pub threshold: f64,
}

/// Counts transactions; looked at in intervals by whoever owns it.
#[derive(Debug, Default)]
pub struct Monitor {
    transactions: AtomicU64,
    without_context: AtomicU64,
}

impl Monitor {
    /// Counts one transaction.
    pub(super) fn count(&self, confirmed: bool) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        if !confirmed {
            self.without_context.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What happened since the last look; an alert if the share exceeds the threshold.
    pub fn look(&self) -> Option<MonitorAlert> {
        let without = self.without_context.swap(0, Ordering::Relaxed);
        let all = self.transactions.swap(0, Ordering::Relaxed).max(without);
        let bypass_share = without as f64 / all.max(1) as f64;
        (bypass_share > THRESHOLD).then_some(MonitorAlert { bypass_share, threshold: THRESHOLD })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bypass in a hundred alerts, none does not, and a look starts afresh.
    #[test]
    fn alerts_above_the_threshold() {
        let monitor = Monitor::default();
        (0..99).for_each(|_| monitor.count(true));
        assert_eq!(monitor.look(), None);
        (0..99).for_each(|_| monitor.count(true));
        monitor.count(false);
        assert_eq!(monitor.look().map(|alert| alert.bypass_share), Some(0.01));
        assert_eq!(monitor.look(), None);
    }
}
