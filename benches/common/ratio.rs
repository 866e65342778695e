//! Ratios of paired rounds, and the interval of their median.

use serde::Serialize;

/// The median ratio of paired rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// Median of the rounds.
    pub(crate) median: f64,
    /// Lower end of the interval.
    pub(crate) low: f64,
    /// Upper end of the interval.
    pub(crate) high: f64,
    /// Rounds.
    pub(crate) rounds: usize,
}

impl Ratio {
    /// Ratios `numerators[i] / denominators[i]`: round i measured both, one right after the other.
    ///
    /// The interval is that of order statistics, `P(X(k) < median < X(n+1-k)) = 1 - 2 P(Bin(n, 1/2) < k)`, with the
    /// largest k that keeps it at 95% (David and Nagaraja, Order Statistics, section 7.1). It assumes nothing of the
    /// ratios' distribution. Below six rounds no k does: it is then the whole range.
    pub(crate) fn of_rounds(numerators: &[f64], denominators: &[f64]) -> Self {
        let mut ratios: Vec<f64> = numerators.iter().zip(denominators).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        let rounds = ratios.len();
        let skip = skipped_on_each_side(rounds);
        let at = |index: usize| ratios.get(index).copied().unwrap_or(f64::NAN);
        Self { median: median(&ratios), low: at(skip), high: at(rounds.saturating_sub(1 + skip)), rounds }
    }
}

/// Whether a goal is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Reach {
    /// The whole interval says so.
    Reached,
    /// The whole interval says that it is not.
    Missed,
    /// The bound lies within the interval: the difference is within noise, and another run may say otherwise.
    Undecided,
}

impl Reach {
    /// Whether a median is at most `bound`, as far as its interval tells.
    pub(crate) fn at_most(ratio: &Ratio, bound: f64) -> Self {
        Self::of(ratio.high <= bound, ratio.low > bound)
    }

    /// Whether a median is at least `bound`, as far as its interval tells.
    pub(crate) fn at_least(ratio: &Ratio, bound: f64) -> Self {
        Self::of(ratio.low >= bound, ratio.high < bound)
    }

    fn of(surely: bool, surely_not: bool) -> Self {
        match (surely, surely_not) {
            (true, _) => Reach::Reached,
            (_, true) => Reach::Missed,
            // Also where nothing could be measured: every comparison with NaN is false.
            _ => Reach::Undecided,
        }
    }

    /// In a sentence.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Reach::Reached => "reached",
            Reach::Missed => "NOT reached",
            Reach::Undecided => "not decided: the bound lies within the interval",
        }
    }
}

/// k - 1 of the interval's formula.
fn skipped_on_each_side(rounds: usize) -> usize {
    let mut term = 0.5_f64.powi(i32::try_from(rounds).unwrap_or(i32::MAX));
    let mut below = 0.0;
    let mut skip = 0;
    for k in 1..=rounds / 2 {
        below += term;
        if below > 0.025 {
            break;
        }
        skip = k - 1;
        term *= (rounds + 1 - k) as f64 / k as f64;
    }
    skip
}

/// The median of values in any order; NaN without any.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(upper) = sorted.get(sorted.len() / 2) else { return f64::NAN };
    let lower = sorted[(sorted.len() - 1) / 2];
    (lower + upper) / 2.0
}

/// The smallest value that the share `p` of the values does not exceed; NaN without any.
pub(crate) fn percentile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (p * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
