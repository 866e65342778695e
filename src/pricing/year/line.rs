//! One line of a year: its risks, simulated.

use super::kind::{Kind, LossLine};
use super::model::{CurvePoint, YearLine, YearRisk};
use super::risk::risk;
use super::select::{Dearest, ScenarioPrice, Which, dearest};
use crate::business_metrics::{Assumptions, InputError, LossCurve, MicroDollars, Risk, Simulation};

/// Points of a curve.
const POINTS: usize = 60;
/// Draws of single events, for the cost that one in twenty exceeds.
const EVENTS: usize = 20_000;

pub(super) fn line(
    scenarios: &[ScenarioPrice<'_>],
    line: LossLine,
    assumptions: &Assumptions,
    simulation: Simulation,
) -> Result<YearLine, InputError> {
    let (mut risks, mut shown) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let Some(found) = dearest(scenarios, Which::Unplanted, kind, line) else { continue };
        let risk = risk(kind, found.priced, line, assumptions)?;
        shown.push(row(&risk, found, line)?);
        risks.push((kind, risk));
    }
    let at_modes = |(kind, risk): &(Kind, Risk)| {
        let typical = shown.iter().find(|row: &&YearRisk| row.name == risk.name()).map_or(0.0, |row| row.typical.usd());
        MicroDollars::from_usd(assumptions.get(kind.frequency()).mode * typical)
    };
    let at_modes = risks.iter().map(at_modes).sum();
    let risks: Vec<Risk> = risks.into_iter().map(|(_, risk)| risk).collect();
    let expected: MicroDollars = shown.iter().map(|row| row.expected).sum();
    for row in &mut shown {
        row.share = if expected > MicroDollars::ZERO { row.expected.usd() / expected.usd() } else { 0.0 };
    }
    shown.sort_by_key(|row| std::cmp::Reverse(row.expected));
    let curve = match risks.is_empty() {
        true => LossCurve::of(Vec::new()),
        false => simulation.portfolio(&risks)?.curve,
    };
    let usd = MicroDollars::from_usd;
    let ((low, high), (p95_low, p95_high)) = (curve.mean_interval(), curve.var_interval(0.95));
    Ok(YearLine {
        at_modes,
        expected,
        risks: shown,
        simulated: (usd(low.max(0.0)), usd(high)),
        p05: usd(curve.var(0.05)),
        p95: usd(curve.var(0.95)),
        p95_interval: (usd(p95_low), usd(p95_high)),
        p99: usd(curve.var(0.99)),
        tail95: usd(curve.tvar(0.95)),
        curve: points(&curve),
    })
}

fn row(risk: &Risk, found: Dearest<'_>, line: LossLine) -> Result<YearRisk, InputError> {
    Ok(YearRisk {
        name: risk.name().to_owned(),
        scenario: found.scenario.to_owned(),
        code: found.priced.code,
        count: found.finding.count,
        per_year: risk.per_year(),
        typical: line.of(found.priced.at_scale),
        mean: MicroDollars::from_usd(risk.severity().mean()),
        p95: MicroDollars::from_usd(risk.severity().sample(risk.name(), EVENTS, 1)?.var(0.95)),
        expected: MicroDollars::from_usd(risk.expected_annual_loss()),
        share: 0.0,
    })
}

/// The loss exceedance curve as reports hold it.
pub(super) fn points(curve: &LossCurve) -> Vec<CurvePoint> {
    let point = |(loss, share)| CurvePoint { loss: MicroDollars::from_usd(loss), share };
    curve.points(POINTS).into_iter().map(point).collect()
}
