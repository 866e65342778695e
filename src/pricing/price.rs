//! The price of a run: each finding alone, then what findings of one cause share, then the sum and the conditions.

use crate::business_metrics::{Assumptions, MicroDollars, Point, tornado};
use crate::oracle::{Check, Finding, Judgement, Verdict};
use crate::scenario::{Bound, Condition, Metric, Quantity, Scenario};

use super::bug::{is_of_the_bug, plants};
use super::model::{Alone, Cause, price_alone};
use super::priced::{Losses, PricedFinding, PricedRun, PricedSwing};
use super::scale::Scale;

/// One of the four amounts of a finding.
type Amount = fn(&mut Alone) -> &mut MicroDollars;

const AMOUNTS: [(Amount, &str); 4] = [
    (|alone| &mut alone.at_scale.customer, "the customers' line"),
    (|alone| &mut alone.at_scale.vendor, "the vendor's line"),
    (|alone| &mut alone.observed.customer, "the customers' line in the run"),
    (|alone| &mut alone.observed.vendor, "the vendor's line in the run"),
];

/// Swings that are kept.
const SWINGS: usize = 10;

/// Prices a run's findings, planted ones too. A function of its arguments; never fails: an amount beyond what can be
/// counted is the largest that can.
pub fn price(scenario: &Scenario, judgement: &Judgement, assumptions: &Assumptions) -> PricedRun {
    let mut alone = price_findings(scenario, judgement, &assumptions.point());
    let (observed, at_scale) = sum_once(&alone);
    count_once(&mut alone, &judgement.findings);
    let cost_usd = larger(at_scale);
    let checks = scenario.expect.cost.iter().map(|condition| check(condition, cost_usd)).collect();
    let findings = judgement.findings.iter().zip(alone).map(|(finding, alone)| PricedFinding {
        code: finding.code,
        model: alone.model.to_owned(),
        observed: alone.observed,
        at_scale: alone.at_scale,
        basis: alone.basis,
        records: alone.records,
        incident: alone.incident,
    });
    let swings = swings(scenario, judgement, assumptions);
    PricedRun { observed, at_scale, findings: findings.collect(), checks, cost_usd, swings }
}

fn price_findings(scenario: &Scenario, judgement: &Judgement, point: &Point) -> Vec<Alone> {
    let scale = Scale::of(scenario);
    judgement.findings.iter().map(|finding| price_alone(finding, judgement, scale, point)).collect()
}

fn sum(alone: &[Alone], of: fn(&Alone) -> Losses) -> Losses {
    Losses {
        customer: alone.iter().map(|alone| of(alone).customer).sum(),
        vendor: alone.iter().map(|alone| of(alone).vendor).sum(),
    }
}

fn larger(losses: Losses) -> MicroDollars {
    losses.customer.max(losses.vendor)
}

fn swings(scenario: &Scenario, judgement: &Judgement, assumptions: &Assumptions) -> Vec<PricedSwing> {
    if judgement.findings.is_empty() {
        return Vec::new();
    }
    let cost = |point: &Point| Ok(larger(sum_once(&price_findings(scenario, judgement, point)).1).usd());
    let mut swings = tornado(assumptions, cost).unwrap_or_default();
    swings.truncate(SWINGS);
    swings.into_iter().map(PricedSwing::from).collect()
}

/// Of findings with one cause the dearest keeps each amount; the others say where theirs is counted. Of findings that
/// cost the same the first keeps it. What a planted bug has done, and what would be there without it, are told apart:
/// news beside a dearer planted leak has its price.
fn count_once(alone: &mut [Alone], findings: &[Finding]) {
    let plants = plants(findings);
    for_each_cause(
        alone,
        |at| is_of_the_bug(&findings[at], plants),
        |alone, other, keeper, amount, name| {
            let counted = std::mem::take(amount(&mut alone[other]));
            let note =
                format!("; {name} ({counted}) has the same cause as {} and is counted there", findings[keeper].code);
            alone[other].basis.push_str(&note);
        },
    );
}

/// The sum of a run: records that are lost are lost once, whoever opened the way.
fn sum_once(alone: &[Alone]) -> (Losses, Losses) {
    let mut alone = alone.to_vec();
    for_each_cause(&mut alone, |_| true, |alone, other, _, amount, _| *amount(&mut alone[other]) = MicroDollars::ZERO);
    (sum(&alone, |alone| alone.observed), sum(&alone, |alone| alone.at_scale))
}

/// Calls `other` with each finding whose amount is not the dearest of its cause and group, and with the one that is.
fn for_each_cause(
    alone: &mut [Alone],
    group: impl Fn(usize) -> bool,
    mut other: impl FnMut(&mut [Alone], usize, usize, Amount, &str),
) {
    let causes = [Cause::Exposure, Cause::Service].into_iter().flat_map(|cause| [(cause, true), (cause, false)]);
    for (cause, in_group) in causes {
        let of_cause: Vec<usize> =
            (0..alone.len()).filter(|at| alone[*at].cause == cause && group(*at) == in_group).collect();
        for (amount, name) in AMOUNTS {
            let keeper = of_cause.iter().copied().max_by_key(|at| (*amount(&mut alone[*at]), std::cmp::Reverse(*at)));
            let Some(keeper) = keeper else { continue };
            for at in of_cause.iter().copied().filter(|at| *at != keeper) {
                if *amount(&mut alone[at]) != MicroDollars::ZERO {
                    other(alone, at, keeper, amount, name);
                }
            }
        }
    }
}

fn check(condition: &Condition, cost: MicroDollars) -> Check {
    let value = |metric: Metric| (metric == Metric::CostUsd).then_some(cost.usd());
    let right = match &condition.right {
        Bound::Constant(Quantity::Usd(usd) | Quantity::Count(usd)) => Some(*usd),
        Bound::Constant(_) => None,
        Bound::Relative { factor, of } => value(of.metric).map(|usd| factor * usd),
    };
    let (verdict, observed) = match (value(condition.left.metric), right) {
        (Some(left), Some(right)) => {
            let verdict = if condition.op.holds(left, right) { Verdict::Pass } else { Verdict::Fail };
            (verdict, format!("{cost}, limit {}", MicroDollars::from_usd(right)))
        }
        _ => (Verdict::Inconclusive, "not a condition over the price".to_owned()),
    };
    Check { list: "cost".to_owned(), condition: condition.text.clone(), verdict, observed }
}
