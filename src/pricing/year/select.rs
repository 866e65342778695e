//! Which findings make up a year, and which of a kind stands for it.

use super::kind::{Kind, LossLine};
use crate::business_metrics::MicroDollars;
use crate::oracle::{self, Finding};
use crate::pricing::bug::{is_of_the_bug, plants};
use crate::pricing::priced::{PricedFinding, PricedRun};

/// One scenario's findings and their price.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioPrice<'a> {
    /// Its name.
    pub scenario: &'a str,
    /// What was found.
    pub findings: &'a [Finding],
    /// What that costs, finding by finding.
    pub price: &'a PricedRun,
}

/// Which findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pricing) enum Which {
    /// Those that nobody planted.
    Unplanted,
    /// Those that the scenario planted.
    Planted,
    /// Both.
    All,
}

impl Which {
    fn holds(self, finding: &Finding, plants: bool) -> bool {
        match self {
            Which::Unplanted => !is_of_the_bug(finding, plants),
            Which::Planted => is_of_the_bug(finding, plants),
            Which::All => true,
        }
    }
}

/// Findings with their price, without notices.
pub(super) fn priced<'a>(
    each: &ScenarioPrice<'a>,
    which: Which,
) -> impl Iterator<Item = (&'a Finding, &'a PricedFinding)> {
    let plants = plants(each.findings);
    let counts = move |finding: &Finding| which.holds(finding, plants) && finding.severity != oracle::Severity::Notice;
    each.findings.iter().zip(&each.price.findings).filter(move |(finding, _)| counts(finding))
}

/// A finding that stands for its kind.
#[derive(Debug, Clone, Copy)]
pub(in crate::pricing) struct Dearest<'a> {
    /// Its scenario.
    pub(in crate::pricing) scenario: &'a str,
    /// What was found.
    pub(in crate::pricing) finding: &'a Finding,
    /// What it costs.
    pub(in crate::pricing) priced: &'a PricedFinding,
}

/// The dearest finding of a kind on a line.
pub(in crate::pricing) fn dearest<'a>(
    scenarios: &[ScenarioPrice<'a>],
    which: Which,
    kind: Kind,
    line: LossLine,
) -> Option<Dearest<'a>> {
    let amount = |dearest: &Dearest<'_>| line.of(dearest.priced.at_scale);
    scenarios
        .iter()
        .flat_map(|each| {
            let scenario = each.scenario;
            priced(each, which).map(move |(finding, priced)| Dearest { scenario, finding, priced })
        })
        .filter(|dearest| Kind::of(dearest.priced.code) == Some(kind))
        .first_max_by_key(amount)
        .filter(|dearest| amount(dearest) > MicroDollars::ZERO)
}

/// `max_by_key` that keeps the first of equal items.
trait FirstMax: Iterator + Sized {
    fn first_max_by_key<K: Ord>(self, key: impl Fn(&Self::Item) -> K) -> Option<Self::Item> {
        self.reduce(|best, next| if key(&next) > key(&best) { next } else { best })
    }
}

impl<I: Iterator> FirstMax for I {}
