//! One line of a year: its risks, simulated.

use super::YEARS;
use super::kind::{Kind, LossLine};
use super::model::{CurvePoint, YearLine, YearRisk};
use super::risk::risk;
use super::select::{ScenarioPrice, Which, dearest};
use crate::business_metrics::{Assumptions, InputError, LossCurve, MicroDollars, Simulation};

/// Points of a curve.
const POINTS: usize = 60;

pub(super) fn line(
    scenarios: &[ScenarioPrice<'_>],
    line: LossLine,
    assumptions: &Assumptions,
    seed: u64,
) -> Result<YearLine, InputError> {
    let (mut risks, mut shown) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let Some((scenario, priced)) = dearest(scenarios, Which::Unplanted, kind, line) else { continue };
        let typical = line.of(priced.at_scale);
        let risk = risk(kind, typical, line, assumptions)?;
        shown.push(YearRisk {
            name: kind.name().to_owned(),
            scenario: scenario.to_owned(),
            code: priced.code,
            per_year: risk.per_year(),
            typical,
            mean: MicroDollars::from_usd(risk.severity().mean()),
            expected: MicroDollars::from_usd(risk.expected_annual_loss()),
        });
        risks.push(risk);
    }
    shown.sort_by_key(|risk| std::cmp::Reverse(risk.expected));
    let curve = match risks.is_empty() {
        true => LossCurve::of(Vec::new()),
        false => Simulation::new(YEARS, seed)?.portfolio(&risks)?.curve,
    };
    let usd = MicroDollars::from_usd;
    let (low, high) = curve.mean_interval();
    Ok(YearLine {
        expected: shown.iter().map(|risk| risk.expected).sum(),
        risks: shown,
        simulated: (usd(low.max(0.0)), usd(high)),
        p05: usd(curve.var(0.05)),
        p95: usd(curve.var(0.95)),
        p99: usd(curve.var(0.99)),
        tail95: usd(curve.tvar(0.95)),
        curve: curve.points(POINTS).into_iter().map(|(loss, share)| CurvePoint { loss: usd(loss), share }).collect(),
    })
}
