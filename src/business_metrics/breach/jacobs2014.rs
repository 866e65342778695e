//! Survey data: Jay Jacobs' regression over 115 US breaches of the Ponemon reports of 2013 and 2014.
//!
//! `ln L = 7.6799625 + 0.7583576 ln R`, residual standard error 0.523 on 113 degrees of freedom. The published standard
//! errors (0.7013 of the intercept, 0.0697 of the slope) give the spread and the centre of the sizes: `Sxx` is
//! `(0.523 / 0.0697)^2`, and the mean of `ln R` follows from the error of the intercept.

use super::{BreachEstimate, Range, checked};
use crate::business_metrics::input::{InputError, dollars};

const INTERCEPT: f64 = 7.679_962_5;
const SLOPE: f64 = 0.758_357_6;
const SIGMA: f64 = 0.523;
const BREACHES: f64 = 115.0;
const INTERCEPT_ERROR: f64 = 0.7013;
const SLOPE_ERROR: f64 = 0.0697;
/// The 97.5th percentile of Student's t with 113 degrees of freedom.
const T_975: f64 = 1.981_180_359_9;
/// The largest breach of the data.
const LARGEST: f64 = 100_000.0;
/// The smallest of the surveys' samples.
const SMALLEST: f64 = 2_200.0;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jacobs2014;

impl Jacobs2014 {
    /// Typical cost, US dollars of 2014.
    ///
    /// # Errors
    /// If `records` is not above zero, or the cost exceeds what can be counted.
    pub fn median(&self, records: f64) -> Result<f64, InputError> {
        self.at(records, 0.0)
    }

    /// Where the cost of one breach lies with 95% confidence.
    ///
    /// # Errors
    /// As [`Self::median`].
    pub fn prediction_interval(&self, records: f64) -> Result<(f64, f64), InputError> {
        let half = T_975 * self.deviation(records)?;
        Ok((self.at(records, -half)?, self.at(records, half)?))
    }

    /// Deviation of the logarithm of one breach's cost.
    pub(super) fn deviation(&self, records: f64) -> Result<f64, InputError> {
        let sxx = (SIGMA / SLOPE_ERROR).powi(2);
        let centre = (sxx * ((INTERCEPT_ERROR / SIGMA).powi(2) - 1.0 / BREACHES)).sqrt();
        let leverage = 1.0 / BREACHES + (checked(records)?.ln() - centre).powi(2) / sxx;
        Ok(SIGMA * (1.0 + leverage).sqrt())
    }

    fn at(&self, records: f64, shift: f64) -> Result<f64, InputError> {
        let records = checked(records)?;
        dollars("records", records, (INTERCEPT + SLOPE * records.ln() + shift).exp())
    }

    pub(super) fn estimate(&self, records: f64) -> Result<BreachEstimate, InputError> {
        Ok(BreachEstimate {
            model: "Jacobs 2014",
            typical_usd: self.median(records)?,
            interval_usd: Some(self.prediction_interval(records)?),
            range: Range::of(records, SMALLEST, LARGEST),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published value at 25,000 records.
    #[test]
    fn the_published_value_comes_out() {
        assert!((Jacobs2014.median(25_000.0).unwrap() - 4_683_565.0).abs() < 1.0);
    }

    /// The interval is narrowest, in proportion, at the centre of the data, which lies among the surveys' sizes.
    #[test]
    fn the_interval_widens_away_from_the_data() {
        let width = |records| {
            let (low, high) = Jacobs2014.prediction_interval(records).unwrap();
            (high / low).ln()
        };
        assert!(width(22_900.0) < width(2_000.0) && width(22_900.0) < width(1e6));
        assert!((width(22_900.0) / 2.0 - T_975 * SIGMA * (1.0f64 + 1.0 / BREACHES).sqrt()).abs() < 1e-4);
    }
}
