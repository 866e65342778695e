//! What the figures of a year hang on: the assumptions that move the expected loss, and the model that prices a leak.

use super::kind::{Kind, LossLine};
use super::model::ModelPrice;
use super::risk::risk;
use super::select::{ScenarioPrice, Which, dearest};
use crate::business_metrics::{Assumptions, InputError, MicroDollars, Point, Range, compare_breach_models, tornado};
use crate::pricing::priced::PricedSwing;

/// Swings that are kept.
const SWINGS: usize = 10;

/// Each assumption at the ends of its range with the others at their modes: the vendor's expected annual loss, from what it is with
/// all of them there.
pub(super) fn swings(
    scenarios: &[ScenarioPrice<'_>],
    assumptions: &Assumptions,
) -> Result<(MicroDollars, Vec<PricedSwing>), InputError> {
    let line = LossLine::Vendor;
    let found: Vec<_> = Kind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, dearest(scenarios, Which::Unplanted, kind, line)?.priced)))
        .collect();
    if found.is_empty() {
        return Ok((MicroDollars::ZERO, Vec::new()));
    }
    let expected = |point: &Point| -> Result<f64, InputError> {
        let fixed = assumptions.fixed(point);
        let mut sum = 0.0;
        for (kind, priced) in &found {
            sum += risk(*kind, priced, line, &fixed)?.expected_annual_loss();
        }
        Ok(sum)
    };
    let mut swings = tornado(assumptions, expected)?;
    swings.truncate(SWINGS);
    let around = MicroDollars::from_usd(expected(&assumptions.point())?);
    Ok((around, swings.into_iter().map(PricedSwing::from).collect()))
}

/// The published models on the dearest leak, planted or not; none without one.
pub(super) fn breach_models(scenarios: &[ScenarioPrice<'_>], point: &Point) -> Result<Vec<ModelPrice>, InputError> {
    let leak = dearest(scenarios, Which::All, Kind::Leak, LossLine::Vendor);
    let Some(records) = leak.and_then(|leak| leak.priced.records) else { return Ok(Vec::new()) };
    let estimates = compare_breach_models(records, point)?.map(|estimate| ModelPrice {
        model: estimate.model.to_owned(),
        typical: MicroDollars::from_usd(estimate.typical_usd),
        outside_its_data: estimate.range != Range::Inside,
    });
    Ok(estimates.into())
}
