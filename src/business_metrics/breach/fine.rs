//! A regulator's fine, apart from the cost of the breach. Off unless asked for: published breach costs have fines in them
//! already, and adding one would count it twice.
//!
//! A third of breached organisations paid one (IBM 2024); their sizes, of which the publication gives two shares, fit a
//! lognormal. The cap is that of GDPR article 83(5): the larger of an amount (of euros, taken as dollars) and a share of the
//! turnover.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::business_metrics::assumptions::Point;
use crate::business_metrics::input::{InputError, amount, share};
use crate::business_metrics::key::Key;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegulatoryFine {
    probability: f64,
    median: f64,
    sigma: f64,
    cap: f64,
}

impl RegulatoryFine {
    /// Of a firm with this worldwide annual turnover, US dollars.
    ///
    /// # Errors
    /// If the turnover is negative or not finite.
    pub fn of_turnover(turnover: f64, point: &Point) -> Result<Self, InputError> {
        let share = point.get(Key::FineCapShare) * amount("turnover", turnover)?;
        Ok(Self {
            probability: point.get(Key::FineProbability),
            median: point.get(Key::FineMedian),
            sigma: point.get(Key::FineSigma),
            cap: share.max(point.get(Key::FineCapAmount)),
        })
    }

    /// Chance of a fine at all.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// Typical fine of those that pay one, US dollars.
    pub fn median(&self) -> f64 {
        self.median.min(self.cap)
    }

    /// With another probability of a fine at all.
    ///
    /// # Errors
    /// If it is no share.
    pub fn with_probability(self, probability: f64) -> Result<Self, InputError> {
        Ok(Self { probability: share("probability", probability)?, ..self })
    }

    /// The most that can be asked for, US dollars.
    pub fn cap(&self) -> f64 {
        self.cap
    }

    /// Expected fine, that there may be none included, US dollars: the mean of the capped lognormal.
    pub fn mean(&self) -> f64 {
        let (normal, sigma) = (Normal::standard(), self.sigma);
        if sigma <= 0.0 {
            return self.probability * self.median();
        }
        let z = (self.cap / self.median).ln() / sigma;
        let below = self.median * (sigma * sigma / 2.0).exp() * normal.cdf(z - sigma);
        self.probability * (below + self.cap * (1.0 - normal.cdf(z)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::Assumptions;

    fn point() -> Point {
        Assumptions::built_in().point()
    }

    /// The published shares of fines, and the mean of those that are paid ($212,642), come out of the fit.
    #[test]
    fn the_published_shares_come_out() {
        let below = |fine: f64| Normal::standard().cdf((fine / 124_236.0).ln() / 1.0368);
        assert!((below(50_000.0) - 0.19).abs() < 0.002 && (below(250_000.0) - 0.75).abs() < 0.002);
        let paid = RegulatoryFine::of_turnover(0.0, &point()).unwrap().with_probability(1.0).unwrap();
        assert!((paid.mean() / 212_642.0 - 1.0).abs() < 1e-3, "{}", paid.mean());
    }

    /// The cap is the larger of two, and more turnover never lowers the fine.
    #[test]
    fn the_cap_is_the_larger_of_two() {
        let fine = |turnover| RegulatoryFine::of_turnover(turnover, &point()).unwrap();
        assert_eq!((fine(1e6).cap(), fine(1e9).cap()), (20e6, 40e6));
        assert!(fine(1e6).mean() <= fine(1e9).mean());
        assert_eq!(RegulatoryFine::of_turnover(-1.0, &point()).unwrap_err().key, "turnover");
        assert_eq!(fine(1.0).with_probability(1.1).unwrap_err().key, "probability");
    }
}
