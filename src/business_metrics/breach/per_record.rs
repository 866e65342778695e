//! IBM's cost per record: a mean over breaches of 2,200 to 102,000 records, times the records. Verizon calls such an
//! average a very poor estimate, because cost does not grow in proportion to records; it is here because it is quoted.

use super::{BreachEstimate, Range, checked};
use crate::business_metrics::assumptions::Point;
use crate::business_metrics::input::{InputError, dollars};
use crate::business_metrics::key::Key;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerRecord {
    usd: f64,
}

impl PerRecord {
    /// With these assumptions.
    pub fn of(point: &Point) -> Self {
        Self { usd: point.get(Key::BreachPerRecord) }
    }

    /// Mean cost, US dollars.
    ///
    /// # Errors
    /// If `records` is not above zero, or the cost exceeds what can be counted.
    pub fn mean(&self, records: f64) -> Result<f64, InputError> {
        let records = checked(records)?;
        dollars("records", records, self.usd * records)
    }

    pub(super) fn estimate(&self, records: f64) -> Result<BreachEstimate, InputError> {
        Ok(BreachEstimate {
            model: "IBM per record",
            typical_usd: self.mean(records)?,
            interval_usd: None,
            range: Range::of(records, 2_200.0, 102_000.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::Assumptions;

    /// Row 5: $165 a record is $41.25 million for 250,000 records, 34 times the brief's figure, and $825,000 for 5,000.
    #[test]
    fn ibms_mean_is_not_the_briefs_figure() {
        let model = PerRecord::of(&Assumptions::built_in().point());
        assert_eq!((model.mean(250_000.0), model.mean(5_000.0)), (Ok(41_250_000.0), Ok(825_000.0)));
        assert!((model.mean(250_000.0).unwrap() / 1_200_000.0 - 34.375).abs() < 1e-12);
    }
}
