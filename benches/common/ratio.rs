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
