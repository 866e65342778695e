//! What a fix is worth: runs without it and runs with it, over the same simulated events.

use serde::Serialize;

use super::priced::PricedFinding;
use super::year::{Kind, LossLine, ScenarioPrice, Which, dearest, risk};
use crate::business_metrics::{Assumptions, InputError, MicroDollars, Mitigation, RoiDistribution, Simulation};

/// What a fix costs, and how its return is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Investment {
    /// Cost now, US dollars.
    pub cost: f64,
    /// Years that the return is looked at over.
    pub horizon: usize,
    /// Yearly discount rate.
    pub rate: f64,
}

/// What a fix returns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FixReturn {
    /// Whose losses it prevents.
    pub line: LossLine,
    /// Expected annual loss without it.
    pub before: MicroDollars,
    /// With it.
    pub after: MicroDollars,
    /// The return; `None` if neither run lost anything on this line.
    pub roi: Option<RoiDistribution>,
    /// Kind by kind: typical cost of one event without and with it.
    pub kinds: Vec<FixedKind>,
}

/// One kind of failure, without and with a fix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FixedKind {
    /// The kind.
    pub name: &'static str,
    /// Typical cost of one event without it.
    pub before: MicroDollars,
    /// With it.
    pub after: MicroDollars,
}

/// The return of a fix, from runs of one scenario without and with it. Planted findings count like any other: planting
/// the bug is how a run is made without the fix.
///
/// Benefits are differences over common events: a year that loses much without the fix is the same year with it.
///
/// # Errors
/// If the investment means nothing, or a price is beyond what can be counted.
pub fn fix_return(
    before: &[ScenarioPrice<'_>],
    after: &[ScenarioPrice<'_>],
    investment: Investment,
    line: LossLine,
    assumptions: &Assumptions,
    simulation: Simulation,
) -> Result<FixReturn, InputError> {
    let simulation = simulation.futures_of(investment.horizon)?;
    let without = |kind| dearest(before, Which::All, kind, line).map(|found| found.priced);
    let with = |kind| dearest(after, Which::All, kind, line).map(|found| found.priced);
    returns(Sides { before: &without, after: &with }, investment, line, assumptions, simulation)
}

/// The finding that stands for a kind of failure, without and with a fix.
pub(super) struct Sides<'f, 'p> {
    pub(super) before: &'f dyn Fn(Kind) -> Option<&'p PricedFinding>,
    pub(super) after: &'f dyn Fn(Kind) -> Option<&'p PricedFinding>,
}

/// Kind by kind: the dearer side is simulated, and the other is a share of each of its events.
pub(super) fn returns(
    sides: Sides<'_, '_>,
    investment: Investment,
    line: LossLine,
    assumptions: &Assumptions,
    simulation: Simulation,
) -> Result<FixReturn, InputError> {
    let mut benefits: Vec<f64> = Vec::new();
    let mut fixed =
        FixReturn { line, before: MicroDollars::ZERO, after: MicroDollars::ZERO, roi: None, kinds: Vec::new() };
    for kind in Kind::ALL {
        let (before, after) = ((sides.before)(kind), (sides.after)(kind));
        let typical = |priced: Option<&PricedFinding>| priced.map_or(MicroDollars::ZERO, |p| line.of(p.at_scale));
        let (without, with) = (typical(before), typical(after));
        let (dearer, cheap, sign) = if without >= with { (before, with, 1.0) } else { (after, without, -1.0) };
        let Some(dearer) = dearer else { continue };
        let dear_risk = risk(kind, dearer, line, assumptions)?;
        let left = cheap.usd() / line.of(dearer.at_scale).usd();
        let years = simulation.paired(&dear_risk, Mitigation { frequency: 1.0, severity: left.min(1.0) })?;
        benefits.resize(years.before.len(), 0.0);
        for (benefit, (much, little)) in benefits.iter_mut().zip(years.before.iter().zip(&years.after)) {
            *benefit += sign * (much - little);
        }
        let expected = MicroDollars::from_usd(dear_risk.expected_annual_loss());
        let less = MicroDollars::from_usd(dear_risk.expected_annual_loss() * left);
        let (b, a) = if sign > 0.0 { (expected, less) } else { (less, expected) };
        fixed.before += b;
        fixed.after += a;
        fixed.kinds.push(FixedKind { name: kind.name(), before: without, after: with });
    }
    if !benefits.is_empty() {
        fixed.roi = Some(RoiDistribution::of(&benefits, investment.cost, investment.horizon, investment.rate)?);
    }
    Ok(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Code;
    use crate::pricing::year::fixture::{of_run, run};

    const BUY: Investment = Investment { cost: 75_000.0, horizon: 5, rate: 0.10 };

    fn returned(before: &[(Code, bool, i64, i64)], after: &[(Code, bool, i64, i64)], line: LossLine) -> FixReturn {
        let (before, after) = (run(before), run(after));
        let simulation = Simulation::new(100_000, 1).unwrap();
        let (before, after) = ([of_run("a", &before)], [of_run("b", &after)]);
        fix_return(&before, &after, BUY, line, Assumptions::built_in(), simulation).unwrap()
    }

    /// A fix that ends one-tenant breaches at the published frequency: its mean return is that of the exact expectation,
    /// and most futures see no breach, so the median loses most of the cost.
    #[test]
    fn ending_a_leak_returns_its_expectation() {
        let fixed = returned(&[(Code::ForeignRow, true, 0, 150_000)], &[], LossLine::Vendor);
        // The mean of the range: 0.0253, 0.0976 and 0.0976.
        let yearly = 0.085_560_7 * 501_511.8;
        assert!((fixed.before.usd() - yearly).abs() < 1.0 && fixed.after == MicroDollars::ZERO, "{fixed:?}");
        let roi = fixed.roi.unwrap();
        assert!((roi.mean_benefit / yearly - 1.0).abs() < 0.08, "{roi:?}");
        assert!(roi.p_npv_positive < 0.5 && roi.npv[0] <= roi.npv[1] && roi.npv[1] <= roi.npv[2], "{roi:?}");
    }

    /// A fix that changes nothing returns nothing but its cost, in every future; one that makes things worse returns less.
    #[test]
    fn a_fix_that_changes_nothing_costs_what_it_costs() {
        let same = [(Code::NoisyNeighbour, true, 0, 8_002)];
        let roi = returned(&same, &same, LossLine::Vendor).roi.unwrap();
        assert_eq!(roi.npv, [-75_000.0; 3]);
        let worse = returned(&[], &same, LossLine::Vendor);
        assert!(worse.before == MicroDollars::ZERO && worse.after > MicroDollars::ZERO);
        assert!(worse.roi.unwrap().mean_npv < -75_000.0);
    }

    /// The lines are apart, and two runs without a loss have no return to speak of.
    #[test]
    fn the_lines_are_apart() {
        let outage = [(Code::Unavailable, true, 405_000, 9_000)];
        let fixed = [(Code::Unavailable, false, 40_500, 8_000)];
        let customers = returned(&outage, &fixed, LossLine::Customer);
        assert!((customers.after.usd() / customers.before.usd() - 0.1).abs() < 1e-9, "{customers:?}");
        assert!((customers.before.usd() - 1_993_750.0).abs() < 1.0);
        assert_eq!(returned(&[], &[], LossLine::Vendor).roi, None);
    }
}
