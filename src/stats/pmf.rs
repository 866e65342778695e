//! The binomial probability of exactly `k` of `n`, accurate to about 1e-13 for every `n`.
//!
//! The textbook form, `exp(ln n! - ln k! - ln (n-k)! + ...)`, subtracts numbers near 1e13 when `n` is near 1e12 and
//! keeps two digits. This is the saddle-point form of C. Loader, "Fast and Accurate Computation of Binomial
//! Probabilities" (2000): what cancels is cancelled on paper.

use std::f64::consts::TAU;

/// `P(X = k)` for `X` of `Binomial(n, p)`; zero where `k > n`.
pub(super) fn pmf(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return 0.0;
    }
    if p <= 0.0 {
        return if k == 0 { 1.0 } else { 0.0 };
    }
    if p >= 1.0 {
        return if k == n { 1.0 } else { 0.0 };
    }
    if k == 0 {
        return (n as f64 * (-p).ln_1p()).exp();
    }
    if k == n {
        return (n as f64 * p.ln()).exp();
    }
    let (trials, events, misses) = (n as f64, k as f64, (n - k) as f64);
    let correction = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
    let deviance = deviance(events, trials * p) + deviance(misses, trials * (1.0 - p));
    (correction - deviance).exp() * (trials / (TAU * events * misses)).sqrt()
}

/// `ln n! - ln(sqrt(2 pi n) (n/e)^n)`: what Stirling's formula misses.
fn stirling_error(n: u64) -> f64 {
    /// Below this the series has not settled.
    const EXACT_BELOW: u64 = 16;
    let x = n as f64;
    if n == 0 {
        return 0.0;
    }
    if n < EXACT_BELOW {
        let factorial: f64 = (1..=n).map(|i| i as f64).product();
        return factorial.ln() - 0.5 * (TAU * x).ln() - x * (x.ln() - 1.0);
    }
    let square = x * x;
    let series = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1_260.0, -1.0 / 1_680.0, 1.0 / 1_188.0, -691.0 / 360_360.0];
    series.iter().rev().fold(0.0, |sum, term| sum / square + term) / x
}

/// `x ln(x/m) + m - x`, without cancellation where `x` is close to `m`.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    // With v = (x-m)/(x+m): x ln(x/m) = 2x (v + v^3/3 + v^5/5 + ...).
    let v = (x - m) / (x + m);
    let mut sum = (x - m) * v;
    let mut term = 2.0 * x * v;
    let mut odd = 1.0;
    loop {
        term *= v * v;
        odd += 2.0;
        let next = sum + term / odd;
        // |v| < 0.1, so every step gains two digits and this ends within ten.
        if next == sum {
            return sum;
        }
        sum = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probabilities of all outcomes add up to one, and agree with the product formula where that is exact.
    #[test]
    fn probabilities_add_up() {
        for (n, p) in [(1, 0.3), (20, 0.01), (137, 0.5), (1_000, 0.9)] {
            let sum: f64 = (0..=n).map(|k| pmf(k, n, p)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "n = {n}, p = {p}: {sum}");
        }
        let exact = 10.0 * 0.2f64.powi(3) * 0.8f64.powi(2);
        assert!((pmf(3, 5, 0.2) / exact - 1.0).abs() < 1e-14);
    }

    /// The largest arguments keep their digits: at the mean of a fair coin the probability is 1/sqrt(pi n / 2).
    #[test]
    fn large_arguments_keep_their_digits() {
        let n = 1_000_000_000_000;
        let expected = (2.0 / (std::f64::consts::PI * n as f64)).sqrt() * (1.0 - 1.0 / (4.0 * n as f64));
        assert!((pmf(n / 2, n, 0.5) / expected - 1.0).abs() < 1e-12);
        assert_eq!(pmf(3, 2, 0.5), 0.0);
        assert_eq!((pmf(0, 9, 0.0), pmf(9, 9, 1.0), pmf(1, 9, 0.0)), (1.0, 1.0, 0.0));
    }
}
