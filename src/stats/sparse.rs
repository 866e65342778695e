//! Histograms as the journal keeps them: `(value, count)` pairs of the values that occurred.

use std::collections::BTreeMap;

/// Counts by value. Merging is exact; the values are as fine as they were recorded (the journal keeps three digits).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparseHistogram {
    buckets: BTreeMap<u64, u64>,
    count: u64,
}

impl SparseHistogram {
    /// Adds the pairs of another histogram, in any order. Counts saturate.
    pub fn add(&mut self, pairs: &[(u64, u64)]) {
        for (value, count) in pairs.iter().filter(|(_, count)| *count > 0) {
            let bucket = self.buckets.entry(*value).or_default();
            *bucket = bucket.saturating_add(*count);
            self.count = self.count.saturating_add(*count);
        }
    }

    /// Values that were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value that at least the share `q` of all values do not exceed (nearest rank); `None` without
    /// values. `q` below 0 is the smallest value, above 1 the largest.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut below = 0u64;
        let reaches = |(value, count): (&u64, &u64)| {
            below = below.saturating_add(*count);
            (below >= rank).then_some(*value)
        };
        self.buckets.iter().find_map(reaches)
    }

    /// The largest value.
    pub fn max(&self) -> Option<u64> {
        self.buckets.last_key_value().map(|(value, _)| *value)
    }

    /// How many values exceed a limit.
    pub fn above(&self, limit: u64) -> u64 {
        let range = limit.checked_add(1).map(|from| self.buckets.range(from..));
        range.into_iter().flatten().fold(0, |sum: u64, (_, count)| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A quantile of nothing is nothing, not zero.
    #[test]
    fn nothing_has_no_quantile() {
        let mut empty = SparseHistogram::default();
        empty.add(&[(7, 0)]);
        assert_eq!((empty.quantile(0.99), empty.max(), empty.count()), (None, None, 0));
    }

    /// Counts at the edge of their type neither wrap nor panic.
    #[test]
    fn counts_saturate() {
        let mut full = SparseHistogram::default();
        full.add(&[(1, u64::MAX), (2, u64::MAX), (u64::MAX, 1)]);
        assert_eq!((full.count(), full.max()), (u64::MAX, Some(u64::MAX)));
        assert_eq!((full.above(u64::MAX), full.above(1)), (0, u64::MAX));
    }

    proptest! {
        /// However values are split over slices, quantile, maximum and count are those of the sorted list of all.
        #[test]
        fn merging_equals_sorting(slices in prop::collection::vec(prop::collection::vec(0u64..50, 0..20), 1..6), q in 0.0f64..=1.0) {
            let mut merged = SparseHistogram::default();
            for slice in &slices {
                let pairs: Vec<_> = slice.iter().map(|value| (*value, 1)).collect();
                merged.add(&pairs);
            }
            let mut all: Vec<u64> = slices.concat();
            all.sort_unstable();
            let rank = ((q * all.len() as f64).ceil() as usize).max(1);
            prop_assert_eq!(merged.quantile(q), all.get(rank - 1).copied());
            prop_assert_eq!(merged.max(), all.last().copied());
            prop_assert_eq!(merged.count(), all.len() as u64);
            prop_assert_eq!(merged.above(25), all.iter().filter(|value| **value > 25).count() as u64);
        }
    }
}
