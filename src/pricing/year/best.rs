//! What the best defence returns, as an investment of the vendor.

use super::kind::{Kind, LossLine};
use super::line::points;
use super::model::BestDefence;
use super::risk::risk;
use super::select::{ScenarioPrice, Which, dearest};
use crate::business_metrics::{Assumptions, InputError, Key, MicroDollars, Simulation};
use crate::pricing::fix::{Investment, Sides, returns};
use crate::pricing::priced::PricedFinding;

/// Years that its return is looked at over.
const HORIZON: usize = 5;

/// Of the planted bugs the one that would cost the vendor most: the year as found against the year with it, over common
/// events, at what a fix is assumed to cost.
pub(super) fn best(
    scenarios: &[ScenarioPrice<'_>],
    assumptions: &Assumptions,
    simulation: Simulation,
) -> Result<Option<BestDefence>, InputError> {
    let line = LossLine::Vendor;
    let mut dearest_yet: Option<(MicroDollars, &ScenarioPrice<'_>)> = None;
    for each in scenarios {
        let mut expected = MicroDollars::ZERO;
        for kind in Kind::ALL {
            if let Some(found) = dearest(std::slice::from_ref(each), Which::Planted, kind, line) {
                expected += MicroDollars::from_usd(risk(kind, found.priced, line, assumptions)?.expected_annual_loss());
            }
        }
        if expected > dearest_yet.map_or(MicroDollars::ZERO, |(most, _)| most) {
            dearest_yet = Some((expected, each));
        }
    }
    let Some((_, bug)) = dearest_yet else { return Ok(None) };
    let found = |kind| dearest(scenarios, Which::Unplanted, kind, line).map(|found| found.priced);
    let planted = |kind| dearest(std::slice::from_ref(bug), Which::Planted, kind, line).map(|found| found.priced);
    let dearer = |kind| dearer(found(kind), planted(kind), line);
    let rate = assumptions.get(Key::DiscountRate).mode;
    let investment = Investment { cost: assumptions.get(Key::RoiInvestment).mode, horizon: HORIZON, rate };
    let futures = simulation.futures_of(HORIZON)?;
    let fixed = returns(Sides { before: &dearer, after: &found }, investment, line, assumptions, futures)?;
    let Some(roi) = fixed.roi else { return Ok(None) };
    let mut risks = Vec::new();
    for kind in Kind::ALL {
        if let Some(priced) = dearer(kind) {
            risks.push(risk(kind, priced, line, assumptions)?);
        }
    }
    Ok(Some(BestDefence {
        scenario: bug.scenario.to_owned(),
        cost: MicroDollars::from_usd(investment.cost),
        horizon: HORIZON as u64,
        rate,
        before: fixed.before,
        after: fixed.after,
        roi,
        curve: points(&simulation.portfolio(&risks)?.curve),
    }))
}

fn dearer<'a>(a: Option<&'a PricedFinding>, b: Option<&'a PricedFinding>, line: LossLine) -> Option<&'a PricedFinding> {
    let amount = |priced: &&PricedFinding| line.of(priced.at_scale);
    [a, b].into_iter().flatten().max_by_key(amount)
}
