//! The modified PERT distribution: a Beta between a low and a high value with a given mode.

use rand::Rng;
use statrs::distribution::{Beta, Continuous, ContinuousCDF};

use crate::business_metrics::assumptions::Assumption;
use crate::business_metrics::input::{InputError, InputProblem, amount};

/// How sharply the mode stands out: the usual weight.
const GAMMA: f64 = 4.0;
/// Cells of the table of quantiles.
const CELLS: usize = 1_024;
/// Points at which the density is summed.
const GRID: usize = 8_192;

/// See the module. Draws come from a table of its quantiles, whose mean is that of the distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct Pert {
    low: f64,
    mode: f64,
    high: f64,
    gamma: f64,
    quantiles: Box<[f64]>,
}

impl Pert {
    /// Between these values.
    ///
    /// # Errors
    /// If a value is negative or not finite, or they are out of order; the error names `key`.
    pub fn new(key: &'static str, low: f64, mode: f64, high: f64) -> Result<Self, InputError> {
        Self::with_gamma(key, low, mode, high, GAMMA)
    }

    pub(super) fn with_gamma(
        key: &'static str,
        low: f64,
        mode: f64,
        high: f64,
        gamma: f64,
    ) -> Result<Self, InputError> {
        for value in [low, mode, high] {
            amount(key, value)?;
        }
        if low > mode || mode > high {
            return Err(InputProblem::OutOfOrder { low, mode, high }.of(key));
        }
        let mut pert = Self { low, mode, high, gamma, quantiles: Box::default() };
        pert.quantiles = pert.table();
        Ok(pert)
    }

    /// Of an assumption's range.
    ///
    /// # Errors
    /// Never for one of [`crate::business_metrics::Assumptions`], which are in order.
    pub fn of(key: &'static str, assumption: &Assumption) -> Result<Self, InputError> {
        Self::new(key, assumption.low, assumption.mode, assumption.high)
    }

    /// `(low + gamma mode + high) / (gamma + 2)`.
    pub fn mean(&self) -> f64 {
        (self.low + self.gamma * self.mode + self.high) / (self.gamma + 2.0)
    }

    /// Of the Beta distribution, in squares of the value's unit.
    pub(super) fn variance(&self) -> f64 {
        let width = self.high - self.low;
        self.shapes().map_or(0.0, |(a, b)| width * width * a * b / ((a + b) * (a + b) * (a + b + 1.0)))
    }

    /// The value that a share `p` of draws stays below.
    pub fn quantile(&self, p: f64) -> f64 {
        match self.beta() {
            Some(beta) => self.low + (self.high - self.low) * beta.inverse_cdf(p.clamp(0.0, 1.0)),
            None => self.mode,
        }
    }

    /// The shapes of the Beta distribution; `None` for a single value.
    pub(super) fn shapes(&self) -> Option<(f64, f64)> {
        let width = self.high - self.low;
        let shape = |part: f64| 1.0 + self.gamma * part / width;
        (width > 0.0).then(|| (shape(self.mode - self.low), shape(self.high - self.mode)))
    }

    fn beta(&self) -> Option<Beta> {
        let (a, b) = self.shapes()?;
        Beta::new(a, b).ok()
    }

    /// Quantiles at equal steps, by summing the density once over a fine grid.
    fn table(&self) -> Box<[f64]> {
        let Some(beta) = self.beta() else { return vec![self.mode; CELLS + 1].into() };
        let masses: Vec<f64> = (0..GRID).map(|i| beta.pdf((i as f64 + 0.5) / GRID as f64)).collect();
        let total: f64 = masses.iter().sum();
        let mut quantiles = Vec::with_capacity(CELLS + 1);
        let (mut below, mut i) = (0.0, 0);
        for cell in 0..=CELLS {
            let wanted = total * cell as f64 / CELLS as f64;
            while i < GRID && below + masses[i] < wanted {
                below += masses[i];
                i += 1;
            }
            let within = masses.get(i).map_or(0.0, |mass| if *mass > 0.0 { (wanted - below) / mass } else { 0.0 });
            quantiles.push(self.low + (self.high - self.low) * ((i as f64 + within) / GRID as f64).min(1.0));
        }
        self.keep_mean(&mut quantiles);
        quantiles.into()
    }

    /// Moves the table by what straight lines between its entries add to the mean; the ends stay.
    fn keep_mean(&self, quantiles: &mut [f64]) {
        let table_mean = quantiles.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>() / CELLS as f64;
        let excess = table_mean - self.mean();
        for (cell, quantile) in quantiles.iter_mut().enumerate() {
            let p = cell as f64 / CELLS as f64;
            // Integrates to one over 0..=1.
            let weight = 6.0 * p * (1.0 - p);
            *quantile = (*quantile - excess * weight).clamp(self.low, self.high);
        }
    }

    /// One draw.
    pub(in crate::business_metrics) fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.at(rng.next_u32())
    }

    /// The value that 32 random bits stand for: the same bits are the same quantile of any distribution.
    pub(super) fn at(&self, bits: u32) -> f64 {
        // Ten bits choose the cell, the others the place in it.
        let at = f64::from(bits) * (CELLS as f64 / 4_294_967_296.0);
        let cell = at as usize;
        let (from, to) = (self.quantiles[cell], self.quantiles[cell + 1]);
        from + (to - from) * (at - cell as f64)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn pert(low: f64, mode: f64, high: f64, gamma: f64) -> Pert {
        Pert::with_gamma("p", low, mode, high, gamma).unwrap()
    }

    /// Means and shapes of the reference implementations: riskquant's mean frequency, pyfair's means, and the standard
    /// shapes, which differ from pyfair's moment shapes for a skewed range.
    #[test]
    fn reference_values_come_out() {
        assert!((pert(5.0, 20.0, 50.0, 2.0).mean() - 23.75).abs() < 1e-12);
        let skewed = pert(20.0, 100.0, 900.0, 4.0);
        assert!((skewed.mean() - 220.0).abs() < 1e-12);
        let (a, b) = skewed.shapes().unwrap();
        assert!((a - 1.363_636_363_6).abs() < 1e-9 && (b - 4.636_363_636_4).abs() < 1e-9);
        // riskquant takes the mode for the mean; the mean of a frequency between 0 and 1 with mode 0.3 is 0.36667.
        assert!((pert(0.0, 0.3, 1.0, 4.0).mean() - 0.366_666_666_7).abs() < 1e-9);
    }

    /// pyfair derives the shapes from mean and deviation `(high - low) / (gamma + 2)`; its published numbers follow from
    /// those shapes, with the same mean as ours.
    #[test]
    fn pyfairs_shapes_have_the_same_mean() {
        for (low, mode, high, gamma, a, b, mean, deviation) in [
            (5.0, 20.0, 50.0, 2.0, 1.203_703_703_7, 1.685_185_185_2, 23.75, 11.25),
            (20.0, 100.0, 900.0, 4.0, 1.209_616_829_5, 4.112_697_220_1, 220.0, 146.666_7),
        ] {
            let ours = pert(low, mode, high, gamma);
            let sd = (high - low) / (gamma + 2.0);
            assert!((ours.mean() - mean).abs() < 1e-9 && (sd - deviation).abs() < 1e-4);
            let unit = (ours.mean() - low) / (high - low);
            let common = unit * (1.0 - unit) / (sd / (high - low)).powi(2) - 1.0;
            assert!((unit * common - a).abs() < 1e-9 && ((1.0 - unit) * common - b).abs() < 1e-9);
            let beta = Beta::new(a, b).unwrap();
            if high == 900.0 {
                for (p, golden) in [(0.05, 39.713_507), (0.5, 188.887_867), (0.95, 506.980_128)] {
                    assert!((low + (high - low) * beta.inverse_cdf(p) - golden).abs() < 1e-3, "{p}");
                }
            }
        }
    }

    /// Draws have the mean and the quantiles of the distribution, at both ends too, and stay in the range.
    #[test]
    fn draws_follow_the_distribution() {
        for pert in [pert(2_333.33, 9_000.0, 16_666.67, 4.0), pert(0.0, 0.0, 1.0, 4.0), pert(1.0, 3.0, 3.0, 4.0)] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut draws: Vec<f64> = (0..200_000).map(|_| pert.draw(&mut rng)).collect();
            draws.sort_by(f64::total_cmp);
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            assert!((mean - pert.mean()).abs() < 3e-3 * (pert.high - pert.low), "{mean} {}", pert.mean());
            for p in [0.01, 0.05, 0.5, 0.95, 0.99] {
                let (drawn, exact) = (draws[(p * draws.len() as f64) as usize], pert.quantile(p));
                assert!((drawn - exact).abs() < 0.01 * (pert.high - pert.low), "{p}: {drawn} {exact}");
            }
            assert!(draws[0] >= pert.low && draws[draws.len() - 1] <= pert.high);
        }
    }

    /// The table's own mean, without chance: the trapezoid over its cells.
    #[test]
    fn the_table_keeps_the_mean() {
        for pert in
            [pert(2_333.33, 9_000.0, 16_666.67, 4.0), pert(0.001, 0.02, 0.05, 4.0), pert(20.0, 100.0, 900.0, 4.0)]
        {
            let cells = pert.quantiles.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
            let mean = cells.sum::<f64>() / CELLS as f64;
            assert!((mean / pert.mean() - 1.0).abs() < 1e-6, "{mean} {}", pert.mean());
        }
    }

    /// A single value is drawn as it is, and values out of order are refused by name.
    #[test]
    fn a_single_value_and_a_disorder() {
        let single = pert(7.0, 7.0, 7.0, 4.0);
        assert_eq!(
            (single.draw(&mut ChaCha8Rng::seed_from_u64(1)), single.mean(), single.quantile(0.3)),
            (7.0, 7.0, 7.0)
        );
        assert_eq!(Pert::new("rate", 3.0, 2.0, 4.0).unwrap_err().key, "rate");
        assert_eq!(Pert::new("rate", f64::NAN, 2.0, 4.0).unwrap_err().key, "rate");
    }
}
