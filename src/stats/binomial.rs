//! Exact (Clopper-Pearson) bounds on a share of which `events` of `trials` were seen.
//!
//! C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial"
//! (1934). The bounds hold for any number of trials; they are never a normal approximation. They say nothing about
//! trials that depend on each other: rows that come back together leak together.

use super::pmf::pmf;

/// Below this many events (or misses) a tail is summed, term by term; above it, its density is integrated.
const SUM_UP_TO: u64 = 100_000;
/// Halvings of a bracket in log space; after these its ends are neighbours in f64.
const HALVINGS: u32 = 90;

/// So many events among so many trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Observed {
    events: u64,
    trials: u64,
}

impl Observed {
    /// `events` of `trials`. More events than trials count as all of them, which is the safe side of every upper bound.
    pub fn of(events: u64, trials: u64) -> Self {
        Self { events: events.min(trials), trials }
    }

    /// Events.
    pub fn events(self) -> u64 {
        self.events
    }

    /// Trials.
    pub fn trials(self) -> u64 {
        self.trials
    }

    /// The observed share; `None` without trials.
    pub fn share(self) -> Option<f64> {
        (self.trials > 0).then(|| self.events as f64 / self.trials as f64)
    }

    /// One-sided upper bound: the true share is below it with confidence `1 - alpha`. 1 without trials.
    pub fn upper(self, alpha: f64) -> f64 {
        let Self { events, trials } = self;
        if events == trials || alpha.is_nan() || alpha <= 0.0 {
            return 1.0;
        }
        if alpha >= 1.0 {
            return events as f64 / trials as f64;
        }
        if events == 0 {
            return -(alpha.ln() / trials as f64).exp_m1();
        }
        if events > trials / 2 {
            return 1.0 - Self::of(trials - events, trials).lower(alpha);
        }
        // The lower tail falls as the share rises, from at least a half at the observed share.
        let estimate = events as f64 / trials as f64;
        bisect(estimate, 1.0, |share| at_most(events, trials, share) > alpha)
    }

    /// One-sided lower bound: the true share is above it with confidence `1 - alpha`. 0 without trials.
    pub fn lower(self, alpha: f64) -> f64 {
        let Self { events, trials } = self;
        if events == 0 || alpha.is_nan() || alpha <= 0.0 {
            return 0.0;
        }
        if alpha >= 1.0 {
            return events as f64 / trials as f64;
        }
        if events == trials {
            return (alpha.ln() / trials as f64).exp();
        }
        if events > trials / 2 {
            return 1.0 - Self::of(trials - events, trials).upper(alpha);
        }
        // P(X >= k) is at most (n p)^k, so below alpha^(1/k) / n the upper tail is below alpha.
        let floor = (alpha.ln() / events as f64).exp() / trials as f64;
        let estimate = events as f64 / trials as f64;
        bisect(floor.max(f64::MIN_POSITIVE), estimate, |share| at_least(events, trials, share) < alpha)
    }

    /// Two-sided interval with confidence `1 - alpha`, half of alpha on each side.
    pub fn interval(self, alpha: f64) -> (f64, f64) {
        (self.lower(alpha / 2.0), self.upper(alpha / 2.0))
    }

    /// Mean of the Jeffreys posterior, Beta(events + 1/2, misses + 1/2): what a share is expected to be.
    pub fn jeffreys_mean(self) -> f64 {
        (self.events as f64 + 0.5) / (self.trials as f64 + 1.0)
    }

    /// Whether the true share behind `self` is larger than the one behind `other`, with confidence of at least
    /// `1 - alpha`: their one-sided bounds at `alpha / 2` do not meet.
    pub fn clearly_exceeds(self, other: Self, alpha: f64) -> bool {
        self.lower(alpha / 2.0) > other.upper(alpha / 2.0)
    }
}

/// Probes without an event that are needed to show, with confidence `1 - alpha`, that a share is below `share`.
///
/// `u64::MAX` where no number of probes can show it.
pub fn required_probes(share: f64, alpha: f64) -> u64 {
    if share.is_nan() || alpha.is_nan() || share <= 0.0 || alpha <= 0.0 {
        return u64::MAX;
    }
    if alpha >= 1.0 {
        return 0;
    }
    if share >= 1.0 {
        return 1;
    }
    // `as` saturates.
    (alpha.ln() / (-share).ln_1p()).ceil() as u64
}

/// The share between two at which `is_below` turns from true to false, to the last digit.
fn bisect(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = (low * high).sqrt();
        if middle <= low || middle >= high {
            break;
        }
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// `P(X <= k)`, for a share of at least `k / n`.
fn at_most(k: u64, n: u64, share: f64) -> f64 {
    if k <= SUM_UP_TO {
        let odds = (1.0 - share) / share;
        let ratio = |j: u64| j as f64 / (n - j + 1) as f64 * odds;
        return sum_tail(pmf(k, n, share), (1..=k).rev().map(ratio));
    }
    // P(X <= k) is the area of the density of Beta(k+1, n-k) above the share.
    n as f64 * integrate(share, reach(k, n), |x| pmf(k, n - 1, x))
}

/// `P(X >= k)`, for `0 < k < n` and a share of at most `k / n`.
fn at_least(k: u64, n: u64, share: f64) -> f64 {
    if k <= SUM_UP_TO {
        let odds = share / (1.0 - share);
        let ratio = |j: u64| (n - j) as f64 / (j + 1) as f64 * odds;
        return sum_tail(pmf(k, n, share), (k..n).map(ratio));
    }
    n as f64 * integrate(share, -reach(k, n), |x| pmf(k - 1, n - 1, x))
}

/// A sum of terms that fall from the first on, each a ratio times the one before.
fn sum_tail(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut term) = (first, first);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        // What is left is at most a geometric series of this ratio.
        if term * ratio <= sum * f64::EPSILON * (1.0 - ratio) {
            break;
        }
    }
    sum
}

/// Beyond this distance from its mode the density of a Beta distribution with two large parameters is nothing.
fn reach(k: u64, n: u64) -> f64 {
    let share = k as f64 / n as f64;
    12.0 * (share * (1.0 - share) / n as f64).sqrt()
}

/// Simpson's rule from `from` over `width` (negative: downwards), within 0..=1.
///
/// The density is close to a normal one of which `width` spans twelve deviations, so the rule's error is below 1e-9.
fn integrate(from: f64, width: f64, density: impl Fn(f64) -> f64) -> f64 {
    const PANELS: u32 = 480;
    let width = (from + width).clamp(0.0, 1.0) - from;
    let step = width / f64::from(PANELS);
    let inner: f64 =
        (1..PANELS).map(|i| (if i % 2 == 1 { 4.0 } else { 2.0 }) * density(from + step * f64::from(i))).sum();
    (density(from) + inner + density(from + width)) * step.abs() / 3.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(value: f64, golden: f64, digits: i32) -> bool {
        (value / golden - 1.0).abs() < 10f64.powi(-digits)
    }

    /// The published table: trials, one-sided 95% for 0 and for 1 event, two-sided 95% for 0 events.
    #[test]
    fn bounds_match_the_published_table() {
        let table = [
            (100, 0.029_513_049_607, 0.046_559_811_454, 0.036_216_692_645),
            (1_000, 0.002_991_249_545, 0.004_734_993_575, 0.003_682_083_897),
            (2_995, 0.000_999_744_421, 0.001_582_938_412, 0.001_230_921_078),
            (10_000, 0.000_299_528_360, 0.000_474_297_659, 0.000_368_819_915),
            (1_000_000, 2.995_727_79e-6, 4.743_855_64e-6, 3.688_872_65e-6),
        ];
        for (trials, none, one, two_sided) in table {
            // Nine digits: the table's last one may be rounded.
            let near = |value: f64, golden: f64| (value / golden - 1.0).abs() < 2e-9;
            assert!(near(Observed::of(0, trials).upper(0.05), none), "0 of {trials}");
            assert!(near(Observed::of(1, trials).upper(0.05), one), "1 of {trials}");
            assert!(near(Observed::of(0, trials).interval(0.05).1, two_sided), "0 of {trials}, two-sided");
        }
    }

    /// Fixed points that need no table: one event has a closed lower bound, and bounds of misses mirror those of events.
    #[test]
    fn bounds_match_their_closed_forms() {
        for trials in [2u64, 10, 12_345, 1_000_000_000, 1_000_000_000_000] {
            let lower = -((-0.05f64).ln_1p() / trials as f64).exp_m1();
            assert!(close(Observed::of(1, trials).lower(0.05), lower, 9), "1 of {trials}");
            let mirrored = 1.0 - Observed::of(trials - 1, trials).upper(0.05);
            assert!((mirrored - Observed::of(1, trials).lower(0.05)).abs() < 1e-15);
        }
        assert_eq!(Observed::of(5, 5).upper(0.05), 1.0);
        assert!(close(Observed::of(5, 5).lower(0.05), 0.05f64.powf(0.2), 12));
    }

    /// Without trials nothing is known, and that is what the bounds say; events beyond the trials count as all.
    #[test]
    fn nothing_tried_bounds_nothing() {
        assert_eq!(Observed::of(0, 0).interval(0.05), (0.0, 1.0));
        assert_eq!((Observed::of(0, 0).share(), Observed::of(0, 0).jeffreys_mean()), (None, 0.5));
        assert_eq!(Observed::of(9, 3), Observed::of(3, 3));
    }

    /// Large counts are answered, and fast: both sides of the switch from summing to integrating agree with the normal
    /// approximation to within its own error.
    #[test]
    fn large_counts_are_answered() {
        let started = std::time::Instant::now();
        for (events, trials) in [
            (SUM_UP_TO, 1_000_000_000_000u64),
            (SUM_UP_TO + 1, 1_000_000_000_000),
            (500_000_000_000, 1_000_000_000_000),
            (999_999_999_999, 1_000_000_000_000),
            (200_001, 400_002),
            (300_000, 400_002),
        ] {
            let share = events as f64 / trials as f64;
            let (lower, upper) = Observed::of(events, trials).interval(0.05);
            let deviation = (share * (1.0 - share) / trials as f64).sqrt();
            assert!(lower <= share && share <= upper && upper <= 1.0, "{events} of {trials}: {lower}..{upper}");
            if trials - events > 100 {
                for side in [share - lower, upper - share] {
                    assert!((side / deviation / 1.959_964 - 1.0).abs() < 0.01, "{events} of {trials}: {side}");
                }
            }
        }
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    /// Summing and integrating are two ways to the same area.
    #[test]
    fn sum_and_integral_agree() {
        let (k, n) = (SUM_UP_TO, 10_000_000);
        let share = 0.010_05;
        let summed = at_most(k, n, share);
        let integrated = n as f64 * integrate(share, reach(k, n), |x| pmf(k, n - 1, x));
        assert!(close(summed, integrated, 8), "{summed} {integrated}");
        let share = 0.009_95;
        let integrated = n as f64 * integrate(share, -reach(k, n), |x| pmf(k - 1, n - 1, x));
        assert!(close(at_least(k, n, share), integrated, 8));
    }

    /// Whatever the true share, the bounds hold it at least as often as they promise: by enumeration of all outcomes.
    #[test]
    fn bounds_cover_the_truth_as_often_as_promised() {
        for trials in [1u64, 2, 7, 30, 61] {
            let bounds: Vec<_> = (0..=trials).map(|k| Observed::of(k, trials)).collect();
            let uppers: Vec<f64> = bounds.iter().map(|seen| seen.upper(0.05)).collect();
            let intervals: Vec<_> = bounds.iter().map(|seen| seen.interval(0.05)).collect();
            for percent in 0..=100 {
                let truth = f64::from(percent) / 100.0;
                let covered = |holds: &dyn Fn(usize) -> bool| -> f64 {
                    (0..=trials).filter(|k| holds(*k as usize)).map(|k| pmf(k, trials, truth)).sum()
                };
                assert!(covered(&|k| truth <= uppers[k] + 1e-12) >= 0.95 - 1e-9, "{truth} of {trials}");
                let within = |k: usize| intervals[k].0 - 1e-12 <= truth && truth <= intervals[k].1 + 1e-12;
                assert!(covered(&within) >= 0.95 - 1e-9, "{truth} of {trials}, two-sided");
            }
        }
    }

    /// The published numbers of probes; and the bound of that many clean probes is below the share, of one less it is not.
    #[test]
    fn enough_probes_are_enough() {
        for (share, probes) in [(0.001, 2_995), (0.000_1, 29_956), (0.000_001, 2_995_731)] {
            assert_eq!(required_probes(share, 0.05), probes);
            assert!(Observed::of(0, probes).upper(0.05) <= share);
            assert!(Observed::of(0, probes - 1).upper(0.05) > share);
        }
        assert_eq!((required_probes(0.0, 0.05), required_probes(1.0, 0.05)), (u64::MAX, 1));
    }

    /// A larger share is told from a smaller one only if there are enough trials to tell.
    #[test]
    fn shares_are_told_apart_only_with_enough_trials() {
        assert!(Observed::of(200, 1_000).clearly_exceeds(Observed::of(20, 1_000), 0.01));
        assert!(!Observed::of(2, 10).clearly_exceeds(Observed::of(0, 10), 0.01));
        assert!(!Observed::of(20, 1_000).clearly_exceeds(Observed::of(20, 1_000), 0.01));
        assert!(!Observed::of(0, 0).clearly_exceeds(Observed::of(0, 0), 0.01));
    }

    proptest! {
        /// More trials tighten the upper bound, more events loosen it, and more confidence loosens it.
        #[test]
        fn bounds_are_monotone(events in 0u64..400, more in 1u64..400, alpha in 0.001f64..0.4) {
            let trials = events + more;
            let upper = Observed::of(events, trials).upper(alpha);
            prop_assert!(Observed::of(events, trials + 1).upper(alpha) < upper);
            prop_assert!(Observed::of(events + 1, trials).upper(alpha) >= upper);
            prop_assert!(Observed::of(events, trials).upper(alpha / 2.0) > upper);
            let lower = Observed::of(events, trials).lower(alpha);
            prop_assert!(lower <= events as f64 / trials as f64 && events as f64 / trials as f64 <= upper);
            prop_assert!(Observed::of(events, trials + 1).lower(alpha) <= lower);
        }

        /// No counts and no confidence make a bound that is no share.
        #[test]
        fn bounds_are_shares(events: u64, trials in 0u64..=1_000_000_000_000, alpha in proptest::num::f64::ANY) {
            let seen = Observed::of(events % (trials + 1), trials);
            for bound in [seen.lower(alpha), seen.upper(alpha), seen.jeffreys_mean()] {
                prop_assert!((0.0..=1.0).contains(&bound), "{seen:?} {alpha}: {bound}");
            }
        }
    }
}
