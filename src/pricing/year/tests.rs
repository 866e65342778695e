//! Years from runs made by hand.

use super::fixture::{of_run, run};
use super::*;
use crate::business_metrics::MicroDollars;
use crate::oracle::{Code, Finding};
use crate::pricing::priced::PricedRun;

fn of(runs: &[(Vec<Finding>, PricedRun)]) -> Year {
    let names = ["a", "b", "c"];
    let scenarios: Vec<_> = runs.iter().zip(names).map(|(run, name)| of_run(name, run)).collect();
    year(&scenarios, Assumptions::built_in(), 1).unwrap()
}

/// The brief's breach at the published frequency of breaches: $391,632 a year, once in twenty years $1.1 million.
#[test]
fn a_leak_becomes_a_year() {
    let year = of(&[run(&[(Code::ForeignRow, false, 0, 1_200_000)])]);
    assert!((year.vendor.expected.usd() - 391_632.0).abs() < 1.0, "{:?}", year.vendor);
    assert!((year.vendor.p95.usd() / 1.10e6 - 1.0).abs() < 0.08, "{:?}", year.vendor.p95);
    assert!(year.vendor.simulated.0 < year.vendor.expected && year.vendor.expected < year.vendor.simulated.1);
    assert!(year.vendor.p95 <= year.vendor.tail95 && year.customer.risks.is_empty());
    assert!(year.sentence().starts_with("Expected annual loss of the vendor: $391,632"), "{}", year.sentence());
}

/// Several scenarios that show one kind of failure are one risk, the dearest of them.
#[test]
fn one_kind_of_failure_is_one_risk() {
    let both = of(&[
        run(&[(Code::Unavailable, false, 405_000, 9_000)]),
        run(&[(Code::PoolExhausted, false, 300_000, 8_000), (Code::NoisyNeighbour, false, 0, 8_002)]),
    ]);
    let names: Vec<_> = both.vendor.risks.iter().map(|risk| (risk.name.as_str(), risk.scenario.as_str())).collect();
    assert_eq!(names, [("noisy neighbour", "b"), ("outage", "a")]);
    let alone = of(&[run(&[(Code::Unavailable, false, 405_000, 9_000)])]);
    assert_eq!(both.customer, alone.customer);
    // 4 outages a year at the mean of the published rates.
    assert!((alone.customer.expected.usd() - 1_650_000.0).abs() < 1.0, "{:?}", alone.customer.expected);
}

/// A planted bug costs nobody anything: it shows what its defence is worth, and so does the sentence.
#[test]
fn a_planted_bug_is_what_its_defence_is_worth() {
    let year = of(&[run(&[(Code::ForeignRow, true, 0, 1_200_000), (Code::ContextFailOpen, true, 0, 0)]), run(&[])]);
    assert_eq!((year.vendor.expected, year.vendor.risks.len()), (MicroDollars::ZERO, 0));
    assert_eq!(year.defences.len(), 1);
    assert!((year.defences[0].expected.vendor.usd() - 391_632.0).abs() < 1.0);
    let said = year.sentence();
    assert!(said.contains("does not make it none") && said.contains("`a` switches off"), "{said}");
    assert!(!said.contains("NaN"));
}

/// What fails beside a planted bug is its doing; a leak that the scenario does not name is there all the same.
#[test]
fn side_effects_of_a_planted_bug_are_its_own() {
    let flood = (Code::NoisyNeighbour, true, 0, 8_002);
    let year = of(&[run(&[flood, (Code::Unavailable, false, 405_000, 9_000), (Code::ForeignRow, false, 0, 150_000)])]);
    let names: Vec<_> = year.vendor.risks.iter().map(|risk| risk.name.as_str()).collect();
    assert_eq!((names, year.customer.risks.len()), (vec!["leak"], 0));
    assert!((year.defences[0].expected.customer.usd() - 1_650_000.0).abs() < 1.0, "{:?}", year.defences);
}

/// Notices are no losses of a year.
#[test]
fn notices_are_not_losses() {
    let year = of(&[run(&[(Code::ContextFailLoud, false, 900_000, 40_000)])]);
    assert_eq!((year.vendor.risks.len(), year.customer.risks.len(), year.defences.len()), (0, 0, 0));
}
