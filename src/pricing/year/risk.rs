//! A kind of failure with its typical cost, as a risk of a year.

use super::kind::{Kind, LossLine};
use crate::business_metrics::{Assumptions, InputError, Key, MicroDollars, Pert, Risk, Severity};

/// The typical cost as the centre of a distribution, at the kind's frequency.
pub(in crate::pricing) fn risk(
    kind: Kind,
    typical: MicroDollars,
    line: LossLine,
    assumptions: &Assumptions,
) -> Result<Risk, InputError> {
    let point = assumptions.point();
    let severity = match kind {
        Kind::Leak => Severity::lognormal(typical.usd(), point.get(Key::BreachSigma))?,
        _ => {
            // The range of the assumption in proportion to its mode, around the typical cost.
            let range = assumptions.get(line.spread());
            let (value, unit) = match range.mode > 0.0 {
                true => (Pert::of(line.spread().name(), range)?, range.mode),
                false => (Pert::new(line.spread().name(), 1.0, 1.0, 1.0)?, 1.0),
            };
            Severity::Scaled { factor: typical.usd() / unit, value }
        }
    };
    Risk::new(kind.name(), point.get(kind.frequency()), severity)
}
