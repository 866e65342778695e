//! Years from runs made by hand.

use super::fixture::{of_run, run};
use super::*;
use crate::business_metrics::MicroDollars;
use crate::oracle::{Code, Finding};
use crate::pricing::priced::PricedRun;

fn of(runs: &[(Vec<Finding>, PricedRun)]) -> Year {
    let names = ["a", "b", "c"];
    let scenarios: Vec<_> = runs.iter().zip(names).map(|(run, name)| of_run(name, run)).collect();
    year(&scenarios, Assumptions::built_in(), YEARS, 1).unwrap()
}

/// The brief's breach at the published frequency of breaches, which is an upper bound of a range: 0.0856 a year on average
/// instead of 0.0976, so $343,277 a year. At the modes, and at the typical cost, it is $117,135.
#[test]
fn a_leak_becomes_a_year() {
    let year = of(&[run(&[(Code::ForeignRow, false, 0, 1_200_000)])]);
    assert!((year.vendor.expected.usd() - 343_277.0).abs() < 1.0, "{:?}", year.vendor);
    assert!((year.vendor.at_modes.usd() - 117_135.36).abs() < 0.01, "{:?}", year.vendor.at_modes);
    // One year in twelve has a leak; the 39th percentile of its cost.
    assert!((year.vendor.p95.usd() / 0.78e6 - 1.0).abs() < 0.1, "{:?}", year.vendor.p95);
    let (low, high) = year.vendor.p95_interval;
    assert!(low <= year.vendor.p95 && year.vendor.p95 <= high && low < high);
    assert_eq!((year.vendor.risks[0].share, year.vendor.risks[0].count), (1.0, 1));
    assert!(year.vendor.simulated.0 < year.vendor.expected && year.vendor.expected < year.vendor.simulated.1);
    assert!(year.vendor.p95 <= year.vendor.tail95 && year.customer.risks.is_empty());
    assert!(year.sentence().starts_with("Expected annual loss of the vendor: $343,277"), "{}", year.sentence());
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
    // 29/6 outages a year, the mean of 1, 4 and 12, at the mean of the published rates.
    assert!((alone.customer.expected.usd() - 1_993_750.0).abs() < 1.0, "{:?}", alone.customer.expected);
}

/// A planted bug costs nobody anything: it shows what its defence is worth, and so does the sentence.
#[test]
fn a_planted_bug_is_what_its_defence_is_worth() {
    let year = of(&[run(&[(Code::ForeignRow, true, 0, 1_200_000), (Code::ContextFailOpen, true, 0, 0)]), run(&[])]);
    assert_eq!((year.vendor.expected, year.vendor.risks.len()), (MicroDollars::ZERO, 0));
    assert_eq!(year.defences.len(), 1);
    assert!((year.defences[0].expected.vendor.usd() - 343_277.0).abs() < 1.0);
    let said = year.sentence();
    assert!(said.contains("does not make it none") && said.contains("`a` switches off"), "{said}");
    let best = year.best.unwrap();
    assert_eq!(
        (best.scenario.as_str(), best.cost, best.after),
        ("a", MicroDollars(75_000_000_000), MicroDollars::ZERO)
    );
    assert!((best.before.usd() - 343_277.0).abs() < 1.0 && best.roi.futures == 20_000 && !best.curve.is_empty());
    for part in ["$75,000", "cuts $343,277 a year", "NPV", "worth it in"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("NaN"));
}

/// What fails beside a planted bug is its doing; a leak that the scenario does not name is there all the same.
#[test]
fn side_effects_of_a_planted_bug_are_its_own() {
    let flood = (Code::NoisyNeighbour, true, 0, 8_002);
    let year = of(&[run(&[flood, (Code::Unavailable, false, 405_000, 9_000), (Code::ForeignRow, false, 0, 150_000)])]);
    let names: Vec<_> = year.vendor.risks.iter().map(|risk| risk.name.as_str()).collect();
    assert_eq!((names, year.customer.risks.len()), (vec!["leak"], 0));
    assert!((year.defences[0].expected.customer.usd() - 1_993_750.0).abs() < 1.0, "{:?}", year.defences);
}

/// Notices are no losses of a year.
#[test]
fn notices_are_not_losses() {
    let year = of(&[run(&[(Code::ContextFailLoud, false, 900_000, 40_000)])]);
    assert_eq!((year.vendor.risks.len(), year.customer.risks.len(), year.defences.len()), (0, 0, 0));
}

/// An outage lasts as long as it is not repaired, and nobody knows how long: around the scenario's 45 minutes as published
/// outages do, so its mean is 95 minutes. The vendor's credits, fees and handling come from the same event.
#[test]
fn an_outage_lasts_until_somebody_has_repaired_it() {
    let mut outage = run(&[(Code::Unavailable, false, 405_000, 9_000)]);
    outage.1.findings[0].incident = Some(crate::pricing::PricedIncident {
        hurt: [(crate::business_metrics::Tier::Enterprise, 10.0)].into(),
        minutes: 45.0,
        failed_share: 1.0,
        customers_per_minute: MicroDollars(9_000_000_000),
        credits: MicroDollars(4_999_000_000),
        budget_used: 45.0 / 21.6,
    });
    let year = of(&[outage]);
    let customers = year.customer.expected.usd();
    assert!((customers / (29.0 / 6.0 * 95.0 * 9_166.67) - 1.0).abs() < 1e-4, "{customers}");
    assert!(year.vendor.risks[0].mean > MicroDollars(9_000_000_000), "{:?}", year.vendor.risks);
    let keys: Vec<&str> = year.swings.iter().map(|swing| swing.key.as_str()).collect();
    assert!(keys.contains(&"frequency.outage") && keys.contains(&"incident.churn_share"), "{keys:?}");
    assert!(year.best.is_none() && year.breach_models.is_empty());
}

/// A leak says what the other breach models make of it, and which of them it lies outside of.
#[test]
fn a_leak_is_held_against_the_other_models() {
    let mut leak = run(&[(Code::ForeignRow, false, 0, 1_200_000)]);
    leak.1.findings[0].records = Some(250_000.0);
    let year = of(&[leak]);
    let outside: Vec<bool> = year.breach_models.iter().map(|model| model.outside_its_data).collect();
    assert_eq!(outside, [false, false, true, true]);
    assert_eq!(year.breach_models[0].typical, MicroDollars::from_usd(1_200_000.0));
    assert!((year.vendor.expected.usd() - 343_277.0).abs() < 1.0);
}
