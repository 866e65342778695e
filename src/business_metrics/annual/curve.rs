//! What a sample of years says of a year's loss, and how surely.

/// Two-sided 95% of the standard normal distribution.
const Z_975: f64 = 1.959_963_984_540_054;

/// A sample of years, sorted once.
#[derive(Debug, Clone, PartialEq)]
pub struct LossCurve {
    sorted: Vec<f64>,
    mean: f64,
    deviation: f64,
}

impl LossCurve {
    /// Of losses by year, at least one. A NaN cannot come from a [`super::Simulation`]; it would sort last.
    pub fn of(mut losses: Vec<f64>) -> Self {
        if losses.is_empty() {
            losses.push(0.0);
        }
        let n = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / n;
        let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        losses.sort_unstable_by(f64::total_cmp);
        Self { sorted: losses, mean, deviation: variance.sqrt() }
    }

    /// Years.
    pub fn years(&self) -> usize {
        self.sorted.len()
    }

    /// Mean loss of a year, US dollars.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Where the true mean lies with 95% confidence, as far as chance in the simulation goes.
    pub fn mean_interval(&self) -> (f64, f64) {
        let half = Z_975 * self.deviation / (self.sorted.len() as f64).sqrt();
        (self.mean - half, self.mean + half)
    }

    /// Value at risk: the loss that a share `p` of years stays at or below, US dollars.
    pub fn var(&self, p: f64) -> f64 {
        self.sorted[self.rank(p.clamp(0.0, 1.0) * self.sorted.len() as f64)]
    }

    /// Where the true value at risk lies with 95% confidence: order statistics by the binomial's normal approximation.
    pub fn var_interval(&self, p: f64) -> (f64, f64) {
        let (n, p) = (self.sorted.len() as f64, p.clamp(0.0, 1.0));
        let half = Z_975 * (n * p * (1.0 - p)).sqrt() + 1.0;
        (self.sorted[self.rank(n * p - half)], self.sorted[self.rank(n * p + half)])
    }

    /// Tail value at risk: the mean loss of the worst `1 - p` of years, US dollars.
    pub fn tvar(&self, p: f64) -> f64 {
        let from = self.rank(p.clamp(0.0, 1.0) * self.sorted.len() as f64);
        let tail = &self.sorted[from..];
        tail.iter().sum::<f64>() / tail.len() as f64
    }

    /// Share of years with a larger loss than this.
    pub fn exceedance(&self, usd: f64) -> f64 {
        let at_most = self.sorted.partition_point(|loss| *loss <= usd);
        (self.sorted.len() - at_most) as f64 / self.sorted.len() as f64
    }

    /// The loss exceedance curve: `(loss, share of years above it)` at so many points, evenly spread over the logarithm of
    /// the share, largest share first. Years without a loss are left out.
    pub fn points(&self, wanted: usize) -> Vec<(f64, f64)> {
        let n = self.sorted.len();
        let losing = n - self.sorted.partition_point(|loss| *loss <= 0.0);
        if losing == 0 || wanted == 0 {
            return Vec::new();
        }
        let first = (losing as f64 / n as f64).ln();
        let last = (10.0f64.min(losing as f64) / n as f64).ln();
        let steps = (wanted - 1).max(1) as f64;
        let shares = (0..wanted).map(|i| (first + (last - first) * i as f64 / steps).exp());
        let loss = |share: f64| self.sorted[(n - (share * n as f64).round().max(1.0) as usize).min(n - 1)];
        let mut points: Vec<(f64, f64)> = shares.map(|share| (loss(share), self.exceedance(loss(share)))).collect();
        points.dedup_by_key(|(loss, _)| *loss);
        points
    }

    /// The place of the value that `count` of the sample stay at or below.
    fn rank(&self, count: f64) -> usize {
        // A product such as 0.95 × n may miss its integer by a hair.
        ((count - 1e-6).ceil().max(1.0) as usize - 1).min(self.sorted.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// On a hundred known years: the mean, the 95th, the mean of the worst five, and the share above a loss.
    #[test]
    fn a_known_sample_is_summed_up() {
        let curve = LossCurve::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((curve.mean(), curve.years()), (50.5, 100));
        assert_eq!((curve.var(0.95), curve.var(0.0), curve.var(1.0)), (95.0, 1.0, 100.0));
        assert_eq!(curve.tvar(0.95), (95.0 + 96.0 + 97.0 + 98.0 + 99.0 + 100.0) / 6.0);
        assert_eq!((curve.exceedance(95.0), curve.exceedance(-1.0), curve.exceedance(100.0)), (0.05, 1.0, 0.0));
    }

    proptest! {
        /// The curve never rises, the tail is no smaller than its edge, and intervals hold their estimates.
        #[test]
        fn curves_are_curves(losses in prop::collection::vec(0.0f64..1e9, 1..300), p in 0.0f64..1.0) {
            let curve = LossCurve::of(losses);
            let points = curve.points(50);
            prop_assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 >= pair[1].1), "{points:?}");
            prop_assert!(curve.tvar(p) >= curve.var(p) * (1.0 - 1e-12));
            let (low, high) = curve.var_interval(p);
            prop_assert!(low <= curve.var(p) && curve.var(p) <= high);
            let (low, high) = curve.mean_interval();
            prop_assert!(low <= curve.mean() && curve.mean() <= high);
        }
    }
}
