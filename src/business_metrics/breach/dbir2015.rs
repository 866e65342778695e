//! Insurance claims: the regression behind figure 23 of Verizon's Data Breach Investigations Report 2015.
//!
//! 191 NetDiligence claims, `ln L = a + b ln R`. The report prints a table of predictions; the coefficients here were
//! recovered from it and reproduce its 35 cells. What the report calls expected is the median.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{BreachEstimate, Range, checked};
use crate::business_metrics::assumptions::Point;
use crate::business_metrics::input::{InputError, dollars};
use crate::business_metrics::key::Key;

const INTERCEPT: f64 = 8.193_752_449;
const SLOPE: f64 = 0.423_568_713;
const SIGMA: f64 = 1.5537;
const CLAIMS: f64 = 191.0;
/// Mean of `ln R`.
const MEAN: f64 = 9.158_848;
/// Sum of squares of `ln R` around its mean.
const SXX: f64 = 2_946.34;
/// The 97.5th percentile of Student's t with 189 degrees of freedom.
const T_975: f64 = 1.972_595_079_1;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dbir2015 {
    /// Price level over that of 2015.
    inflation: f64,
}

impl Dbir2015 {
    /// In today's dollars.
    pub fn of(point: &Point) -> Self {
        Self { inflation: point.get(Key::BreachInflation) }
    }

    /// In the dollars of the report.
    pub fn in_2015_dollars() -> Self {
        Self { inflation: 1.0 }
    }

    /// Typical cost, US dollars.
    ///
    /// # Errors
    /// If `records` is not above zero, or the cost exceeds what can be counted.
    pub fn median(&self, records: f64) -> Result<f64, InputError> {
        self.at(records, 0.0)
    }

    /// Where the typical cost lies with 95% confidence ("average" in the report).
    ///
    /// # Errors
    /// As [`Self::median`].
    pub fn confidence_interval(&self, records: f64) -> Result<(f64, f64), InputError> {
        let half = T_975 * SIGMA * leverage(checked(records)?).sqrt();
        Ok((self.at(records, -half)?, self.at(records, half)?))
    }

    /// Where the cost of one breach lies with 95% confidence ("prediction" in the report).
    ///
    /// # Errors
    /// As [`Self::median`].
    pub fn prediction_interval(&self, records: f64) -> Result<(f64, f64), InputError> {
        let half = T_975 * SIGMA * (1.0 + leverage(checked(records)?)).sqrt();
        Ok((self.at(records, -half)?, self.at(records, half)?))
    }

    /// The cost that a share `p` of breaches of this size stays below, US dollars.
    ///
    /// # Errors
    /// As [`Self::median`]; and if `p` is not strictly between zero and one.
    pub fn quantile(&self, records: f64, p: f64) -> Result<f64, InputError> {
        let p = crate::business_metrics::input::share("p", p)?;
        let t = StudentsT::new(0.0, 1.0, CLAIMS - 2.0).map_or(f64::NAN, |t| t.inverse_cdf(p));
        self.at(records, t * SIGMA * (1.0 + leverage(checked(records)?)).sqrt())
    }

    /// Deviation of the logarithm of one breach's cost: a normal one, which claims of 189 degrees of freedom are close to and
    /// which has a mean, where a Student's t has none.
    pub(super) fn deviation(records: f64) -> Result<f64, InputError> {
        Ok(SIGMA * (1.0 + leverage(checked(records)?)).sqrt())
    }

    /// The regression line, moved by `shift` in `ln L`.
    fn at(&self, records: f64, shift: f64) -> Result<f64, InputError> {
        let records = checked(records)?;
        dollars("records", records, self.inflation * (INTERCEPT + SLOPE * records.ln() + shift).exp())
    }

    pub(super) fn estimate(&self, records: f64) -> Result<BreachEstimate, InputError> {
        Ok(BreachEstimate {
            model: "DBIR 2015",
            typical_usd: self.median(records)?,
            interval_usd: Some(self.prediction_interval(records)?),
            range: Range::of(records, 100.0, 1e8),
        })
    }
}

/// Variance of the regression line at a size, in units of `SIGMA` squared.
fn leverage(records: f64) -> f64 {
    1.0 / CLAIMS + (records.ln() - MEAN).powi(2) / SXX
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All 35 cells of figure 23 within 0.6%: prediction low, average low, expected, average high, prediction high.
    #[test]
    fn figure_23_comes_out() {
        let figure = [
            (1e2, [1_170.0, 18_120.0, 25_450.0, 35_730.0, 555_660.0]),
            (1e3, [3_110.0, 52_260.0, 67_480.0, 87_140.0, 1_461_730.0]),
            (1e4, [8_280.0, 143_360.0, 178_960.0, 223_400.0, 3_866_400.0]),
            (1e5, [21_900.0, 366_500.0, 474_600.0, 614_600.0, 10_283_200.0]),
            (1e6, [57_600.0, 892_400.0, 1_258_670.0, 1_775_350.0, 27_500_090.0]),
            (1e7, [150_700.0, 2_125_900.0, 3_338_020.0, 5_241_300.0, 73_943_950.0]),
            (1e8, [392_000.0, 5_016_200.0, 8_852_540.0, 15_622_700.0, 199_895_100.0]),
        ];
        let model = Dbir2015::in_2015_dollars();
        for (records, row) in figure {
            let (one_low, one_high) = model.prediction_interval(records).unwrap();
            let (low, high) = model.confidence_interval(records).unwrap();
            let ours = [one_low, low, model.median(records).unwrap(), high, one_high];
            for (ours, printed) in ours.into_iter().zip(row) {
                assert!((ours / printed - 1.0).abs() < 0.006, "{records}: {ours} is not {printed}");
            }
        }
    }

    /// Quantiles and the interval are two ways to one number, and a probability outside of 0..=1 is refused by name.
    #[test]
    fn quantiles_agree_with_the_interval() {
        let model = Dbir2015::in_2015_dollars();
        let (low, high) = model.prediction_interval(5_000.0).unwrap();
        for (p, golden) in [(0.025, low), (0.975, high), (0.5, model.median(5_000.0).unwrap())] {
            assert!((model.quantile(5_000.0, p).unwrap() / golden - 1.0).abs() < 1e-6, "{p}");
        }
        assert_eq!(model.quantile(5_000.0, 1.5).unwrap_err().key, "p");
        assert!(model.quantile(5_000.0, 1.0).is_err());
    }
}
