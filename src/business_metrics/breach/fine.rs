//! A regulator's fine, apart from the cost of the breach. Off unless asked for: published breach costs have fines in them
//! already, and adding one would count it twice.
//!
//! A third of breached organisations paid one (IBM 2024); their sizes, of which the publication gives two shares, fit a
//! lognormal. The cap is that of GDPR article 83(5).

use statrs::distribution::{ContinuousCDF, Normal};

use crate::business_metrics::input::{InputError, amount, share};

/// GDPR article 83(5): the larger of this amount (of euros, taken as dollars) and a share of the turnover.
const CAP_AMOUNT: f64 = 20e6;
const CAP_SHARE: f64 = 0.04;
/// Fitted to P(fine <= $50,000) = 0.19 and P(fine <= $250,000) = 0.75.
const MEDIAN: f64 = 124_236.0;
const SIGMA: f64 = 1.0368;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegulatoryFine {
    probability: f64,
    cap: f64,
}

impl RegulatoryFine {
    /// Of a firm with this worldwide annual turnover, US dollars.
    ///
    /// # Errors
    /// If the turnover is negative or not finite.
    pub fn of_turnover(turnover: f64) -> Result<Self, InputError> {
        Ok(Self { probability: 1.0 / 3.0, cap: (CAP_SHARE * amount("turnover", turnover)?).max(CAP_AMOUNT) })
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
        let normal = Normal::standard();
        let z = (self.cap / MEDIAN).ln() / SIGMA;
        let below = MEDIAN * (SIGMA * SIGMA / 2.0).exp() * normal.cdf(z - SIGMA);
        self.probability * (below + self.cap * (1.0 - normal.cdf(z)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published shares of fines, and the mean of those that are paid ($212,642), come out of the fit.
    #[test]
    fn the_published_shares_come_out() {
        let below = |fine: f64| Normal::standard().cdf((fine / MEDIAN).ln() / SIGMA);
        assert!((below(50_000.0) - 0.19).abs() < 0.002 && (below(250_000.0) - 0.75).abs() < 0.002);
        let paid = RegulatoryFine::of_turnover(0.0).unwrap().with_probability(1.0).unwrap();
        assert!((paid.mean() / 212_642.0 - 1.0).abs() < 1e-3, "{}", paid.mean());
    }

    /// The cap is the larger of two, and more turnover never lowers the fine.
    #[test]
    fn the_cap_is_the_larger_of_two() {
        let fine = |turnover| RegulatoryFine::of_turnover(turnover).unwrap();
        assert_eq!((fine(1e6).cap(), fine(1e9).cap()), (20e6, 40e6));
        assert!(fine(1e6).mean() <= fine(1e9).mean());
        assert_eq!(RegulatoryFine::of_turnover(-1.0).unwrap_err().key, "turnover");
        assert_eq!(fine(1.0).with_probability(1.1).unwrap_err().key, "probability");
    }
}
