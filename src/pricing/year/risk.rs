//! A priced finding as a risk of a year.

use super::kind::{Kind, LossLine};
use crate::business_metrics::{
    Assumptions, BreachModel, Frequency, InputError, Key, Minutes, OutageCost, Pert, Point, Risk, Severity,
};
use crate::pricing::priced::PricedFinding;

/// How often the kind of failure happens, as sure as the assumptions are, and what one costs: a breach by its model, an
/// outage of a length around the scenario's time to repair, with everything that it sets off.
///
/// # Errors
/// If the price is beyond what can be counted.
pub(in crate::pricing) fn risk(
    kind: Kind,
    priced: &PricedFinding,
    line: LossLine,
    assumptions: &Assumptions,
) -> Result<Risk, InputError> {
    let key = kind.frequency();
    let frequency = Frequency::of(key.name(), assumptions.get(key))?;
    Risk::of(kind.name(), frequency, severity(kind, priced, line, assumptions)?)
}

fn severity(
    kind: Kind,
    priced: &PricedFinding,
    line: LossLine,
    assumptions: &Assumptions,
) -> Result<Severity, InputError> {
    let point = assumptions.point();
    match (priced.records, &priced.incident) {
        (Some(records), _) => BreachModel::of(&point).severity(records),
        (None, Some(incident)) => {
            let (outage, minutes) = (incident.outage(), lengths(incident.minutes, &point)?);
            match line {
                LossLine::Customer => OutageCost::of_customers(&outage, minutes, assumptions),
                LossLine::Vendor => OutageCost::of_vendor(&outage, minutes, assumptions),
            }
        }
        (None, None) => around(kind, priced, line, assumptions),
    }
}

fn lengths(minutes: f64, point: &Point) -> Result<Minutes, InputError> {
    if minutes > 0.0 { Minutes::around(minutes, point) } else { Ok(Minutes::Known(0.0)) }
}

/// Of a report that does not say what its prices are of: the range of one assumption in proportion to its mode, around the
/// typical cost.
fn around(
    kind: Kind,
    priced: &PricedFinding,
    line: LossLine,
    assumptions: &Assumptions,
) -> Result<Severity, InputError> {
    let typical = line.of(priced.at_scale).usd();
    if kind == Kind::Leak {
        return Severity::lognormal(typical, assumptions.get(Key::BreachSigma).mode);
    }
    let range = assumptions.get(line.spread());
    let (value, unit) = match range.mode > 0.0 {
        true => (Pert::of(line.spread().name(), range)?, range.mode),
        false => (Pert::new(line.spread().name(), 1.0, 1.0, 1.0)?, 1.0),
    };
    Ok(Severity::Scaled { factor: typical / unit, value })
}
