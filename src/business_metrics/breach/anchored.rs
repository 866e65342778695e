//! A power law through the product brief's two breaches, with the spread of insurance claims.
//!
//! `L = M exp(sigma Z)`, `M = cost * (records / anchor records)^elasticity`. The brief's $150,000 for one tenant and
//! $500,000 on average are the median and the mean of this one distribution.

use super::{BreachEstimate, Range, checked};
use crate::business_metrics::assumptions::Point;
use crate::business_metrics::input::{InputError, dollars};
use crate::business_metrics::key::Key;

/// The smallest and the largest breach of the claims data behind the spread.
const SMALLEST: f64 = 100.0;
const LARGEST: f64 = 1e8;
/// The 97.5th percentile of the standard normal distribution.
const Z_975: f64 = 1.959_963_984_540_054;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnchoredBreach {
    anchor_cost: f64,
    anchor_records: f64,
    elasticity: f64,
    sigma: f64,
}

impl AnchoredBreach {
    /// With these assumptions.
    pub fn of(point: &Point) -> Self {
        Self {
            anchor_cost: point.get(Key::BreachAnchorCost),
            anchor_records: point.get(Key::BreachAnchorRecords),
            elasticity: point.get(Key::BreachElasticity),
            sigma: point.get(Key::BreachSigma),
        }
    }

    /// Typical cost, US dollars.
    ///
    /// # Errors
    /// If `records` is not above zero, or the cost exceeds what can be counted.
    pub fn median(&self, records: f64) -> Result<f64, InputError> {
        let records = checked(records)?;
        dollars("records", records, self.anchor_cost * (records / self.anchor_records).powf(self.elasticity))
    }

    /// Expected cost, US dollars: what many such breaches cost on average.
    ///
    /// # Errors
    /// As [`Self::median`].
    pub fn mean(&self, records: f64) -> Result<f64, InputError> {
        dollars("records", records, self.median(records)? * (self.sigma * self.sigma / 2.0).exp())
    }

    pub(super) fn estimate(&self, records: f64) -> Result<BreachEstimate, InputError> {
        let typical_usd = self.median(records)?;
        let spread = (Z_975 * self.sigma).exp();
        Ok(BreachEstimate {
            model: "anchored",
            typical_usd,
            interval_usd: Some((typical_usd / spread, typical_usd * spread)),
            range: Range::of(records, SMALLEST, LARGEST),
        })
    }

    /// The formula with its numbers.
    pub fn formula(&self, records: &str) -> String {
        let Self { anchor_cost, anchor_records, elasticity, .. } = self;
        let cost = crate::business_metrics::MicroDollars::from_usd(*anchor_cost);
        format!("{cost} × ({records} / {anchor_records})^{elasticity:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::Assumptions;

    fn model() -> AnchoredBreach {
        AnchoredBreach::of(&Assumptions::built_in().point())
    }

    fn near(value: f64, golden: f64, tolerance: f64) -> bool {
        (value / golden - 1.0).abs() < tolerance
    }

    /// Rows 1, 3 and 4 of the brief: $150,000 for one tenant, $1.2 million for fifty, $1,734,579 for a hundred, and
    /// $500,000 (to 0.4%) on average for one.
    #[test]
    fn the_briefs_breaches_come_out() {
        assert!(near(model().median(5_000.0).unwrap(), 150_000.0, 1e-12));
        assert!(near(model().median(250_000.0).unwrap(), 1_200_000.0, 1e-12));
        assert!(near(model().median(500_000.0).unwrap(), 1_734_579.0, 1e-6));
        assert!(near(model().mean(5_000.0).unwrap(), 501_512.0, 1e-5));
    }

    /// Row 2: $5 million is a breach of 732.8 tenants, and the 98.8th percentile of one of a single tenant.
    #[test]
    fn five_million_is_where_the_brief_says() {
        assert!(near(model().median(732.8 * 5_000.0).unwrap(), 5e6, 1e-4));
        let z = (5e6f64 / 150_000.0).ln() / 1.5537;
        use statrs::distribution::{ContinuousCDF, Normal};
        assert!((Normal::standard().cdf(z) - 0.988).abs() < 5e-4, "{z}");
    }

    /// A breach of twice the records costs two to the power of the elasticity as much.
    #[test]
    fn the_elasticity_is_the_exponent() {
        let ratio = model().median(40_000.0).unwrap() / model().median(20_000.0).unwrap();
        assert!(near(ratio.log2(), 8f64.ln() / 50f64.ln(), 1e-12));
    }

    /// A breach beyond what can be counted is an error that names the records, not an infinity.
    #[test]
    fn a_breach_beyond_counting_is_refused() {
        assert_eq!(model().median(1e300).unwrap_err().key, "records");
        assert_eq!(model().mean(1e18).unwrap_err().key, "records");
    }
}
