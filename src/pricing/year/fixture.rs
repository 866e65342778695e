//! Priced runs made by hand.

use super::ScenarioPrice;
use crate::business_metrics::MicroDollars;
use crate::oracle::{Code, Finding};
use crate::pricing::priced::{Losses, PricedFinding, PricedRun};

/// Findings by code, planted or not, with the customers' and the vendor's line in dollars.
pub(in crate::pricing) fn run(findings: &[(Code, bool, i64, i64)]) -> (Vec<Finding>, PricedRun) {
    let usd = |dollars: i64| MicroDollars(dollars * 1_000_000);
    let found = findings.iter().map(|(code, planted, ..)| Finding {
        code: *code,
        severity: code.severity(),
        summary: String::new(),
        count: 1,
        first_at_us: 0,
        planted: *planted,
        blast_radius: Default::default(),
        evidence: vec![],
        notes: vec![],
    });
    let priced = findings.iter().map(|(code, _, customer, vendor)| PricedFinding {
        code: *code,
        model: String::new(),
        observed: Losses::default(),
        at_scale: Losses { customer: usd(*customer), vendor: usd(*vendor) },
        basis: String::new(),
        records: None,
        incident: None,
    });
    let price = PricedRun {
        observed: Losses::default(),
        at_scale: Losses::default(),
        findings: priced.collect(),
        checks: vec![],
        cost_usd: MicroDollars::ZERO,
        swings: vec![],
    };
    (found.collect(), price)
}

pub(in crate::pricing) fn of_run<'a>(scenario: &'a str, run: &'a (Vec<Finding>, PricedRun)) -> ScenarioPrice<'a> {
    ScenarioPrice { scenario, findings: &run.0, price: &run.1 }
}
