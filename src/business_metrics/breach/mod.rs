//! What a data breach costs the vendor, by four published ways to estimate it, side by side.
//!
//! They differ by two orders of magnitude at the sizes that matter, so a comparison shows all of them with the range of
//! sizes that each was fitted to. Prices use [`BreachModel`], which out of the box is [`AnchoredBreach`].

mod anchored;
mod dbir2015;
mod fine;
mod jacobs2014;
mod model;
mod per_record;
mod split;

pub use anchored::AnchoredBreach;
pub use dbir2015::Dbir2015;
pub use fine::RegulatoryFine;
pub use jacobs2014::Jacobs2014;
pub use model::{BreachCost, BreachModel};
pub use per_record::PerRecord;
pub use split::BreachSplit;

use serde::Serialize;

use super::assumptions::Point;
use super::input::{InputError, positive};

/// Records of so many tenants.
///
/// # Errors
/// If there are no tenants or no records of each, or either number is negative or not finite.
pub fn exposed_records(tenants: f64, records_per_tenant: f64) -> Result<f64, InputError> {
    Ok(positive("tenants", tenants)? * positive("records_per_tenant", records_per_tenant)?)
}

/// The same breach by every model.
///
/// # Errors
/// If `records` is zero, negative or not finite, or a cost exceeds what can be counted.
pub fn compare_breach_models(records: f64, point: &Point) -> Result<[BreachEstimate; 4], InputError> {
    Ok([
        AnchoredBreach::of(point).estimate(records)?,
        Dbir2015::of(point).estimate(records)?,
        Jacobs2014.estimate(records)?,
        PerRecord::of(point).estimate(records)?,
    ])
}

/// One model's word on a breach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BreachEstimate {
    /// The model's name.
    pub model: &'static str,
    /// Typical cost, US dollars: half of such breaches cost less. A per-record figure is a mean and stands here as well,
    /// because its publication has no other.
    pub typical_usd: f64,
    /// What nineteen of twenty such breaches cost, US dollars; `None` where the model says nothing of spread.
    pub interval_usd: Option<(f64, f64)>,
    /// Whether the model was fitted to breaches of this size.
    pub range: Range,
}

/// Whether a model's data cover a breach of this size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Range {
    /// They do.
    Inside,
    /// It is smaller than the smallest, of this many records.
    Below(f64),
    /// It is larger than the largest, of this many records: an extrapolation.
    Above(f64),
}

impl Range {
    fn of(records: f64, smallest: f64, largest: f64) -> Self {
        match records {
            records if records < smallest => Range::Below(smallest),
            records if records > largest => Range::Above(largest),
            _ => Range::Inside,
        }
    }
}

fn checked(records: f64) -> Result<f64, InputError> {
    positive("records", records)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::Assumptions;

    /// The published comparison, medians: records, DBIR 2015, the same in today's dollars, Jacobs, per record, anchored.
    #[test]
    fn the_models_compare_as_published() {
        let point = Assumptions::built_in().point();
        let table = [
            (5_000.0, 133_435.0, 171_544.0, 1.38e6, 825e3, 150_000.0),
            (25_000.0, 263_834.0, 339_185.0, 4.68e6, 4.13e6, 352_882.0),
            (250_000.0, 699_681.0, 899_510.0, 26.8e6, 41.3e6, 1_200_000.0),
            (1e6, 1_258_675.0, 1_618_153.0, 76.8e6, 165e6, 2_507_305.0),
        ];
        let near = |value: f64, golden: f64, tolerance: f64| {
            assert!((value / golden - 1.0).abs() < tolerance, "{value} is not {golden}");
        };
        for (records, dbir, today, jacobs, per_record, anchored) in table {
            let [ours, claims, ponemon, ibm] = compare_breach_models(records, &point).unwrap();
            near(Dbir2015::in_2015_dollars().median(records).unwrap(), dbir, 1e-5);
            near(claims.typical_usd, today, 1e-5);
            near(ponemon.typical_usd, jacobs, 3e-3);
            near(ibm.typical_usd, per_record, 2e-3);
            near(ours.typical_usd, anchored, 1e-5);
        }
    }

    /// Sizes outside of a model's data are flagged, with the edge of the data.
    #[test]
    fn sizes_outside_of_the_data_are_flagged() {
        let flags = |records| {
            compare_breach_models(records, &Assumptions::built_in().point()).unwrap().map(|estimate| estimate.range)
        };
        assert_eq!(flags(5_000.0), [Range::Inside; 4]);
        assert_eq!(flags(250_000.0)[2..], [Range::Above(100_000.0), Range::Above(102_000.0)]);
        assert_eq!(flags(50.0)[0], Range::Below(100.0));
        assert_eq!(flags(50.0)[3], Range::Below(2_200.0));
    }

    /// No records, less than none and no number at all are refused by name.
    #[test]
    fn breaches_of_nothing_are_refused() {
        for records in [0.0, -5.0, f64::NAN, f64::INFINITY] {
            let error = compare_breach_models(records, &Assumptions::built_in().point()).unwrap_err();
            assert_eq!(error.key, "records", "{records}");
        }
    }

    proptest! {
        /// More records never cost less, by any model, and the typical cost lies inside the interval.
        #[test]
        fn more_records_cost_more(records in 1.0f64..1e8, factor in 1.0f64..100.0) {
            let point = Assumptions::built_in().point();
            let few = compare_breach_models(records, &point).unwrap();
            let many = compare_breach_models(records * factor, &point).unwrap();
            for (few, many) in few.iter().zip(&many) {
                prop_assert!(few.typical_usd <= many.typical_usd && few.typical_usd > 0.0);
                if let Some((low, high)) = few.interval_usd {
                    prop_assert!(low < few.typical_usd && few.typical_usd < high);
                }
            }
        }
    }
}
