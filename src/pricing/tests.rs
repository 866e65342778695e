//! Prices of whole judgements.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::business_metrics::{Assumptions, MicroDollars, Profile, Tier};
use crate::oracle::{BlastRadius, Code, Finding, Judgement, LeakBound, Verdict};
use crate::scenario::{self, Scenario};

/// Fifty tenants stand for a business of ten thousand, five thousand records each, repaired after 45 minutes.
fn scenario(more: &str) -> Scenario {
    let text = format!(
        "name = \"priced\"\nwhy = \"to be priced\"\nload = {{ rate = \"100/s\" }}\nphases = {{ inject = \"2s\" }}\n{more}"
    );
    scenario::parse(Path::new("isolation/priced.toml"), &text).unwrap()
}

fn plain() -> Scenario {
    scenario("expect = { always = [\"leaked_rows == 0\"] }")
}

fn finding(code: Code, count: u64, radius: BlastRadius) -> Finding {
    Finding {
        code,
        severity: code.severity(),
        summary: String::new(),
        count,
        first_at_us: 0,
        planted: false,
        blast_radius: radius,
        evidence: vec![],
        notes: vec![],
    }
}

fn exposed(tenants_exposed: u64, rows: u64) -> BlastRadius {
    BlastRadius { tenants_exposed, rows, ..BlastRadius::default() }
}

fn hurt(tier: Tier, tenants: u64, failed_share: f64, seconds: f64) -> BlastRadius {
    let hurt_by_tier = BTreeMap::from([(tier, tenants)]);
    BlastRadius { tenants_hurt: tenants, hurt_by_tier, failed_share, seconds, ..BlastRadius::default() }
}

fn judged(findings: Vec<Finding>) -> Judgement {
    Judgement {
        verdict: Verdict::Pass,
        reasons: vec![],
        findings,
        checks: vec![],
        faults: vec![],
        context: vec![],
        leak_bound: LeakBound { leaks: 0, rows: 1, upper_95: Some(0.95) },
        timeline: vec![],
        phases: vec![],
        recovered_after_us: None,
    }
}

fn priced(scenario: &Scenario, findings: Vec<Finding>) -> PricedRun {
    price(scenario, &judged(findings), Assumptions::built_in())
}

fn near(amount: MicroDollars, usd: f64) -> bool {
    (amount.usd() - usd).abs() < 0.01
}

/// One of two hundred tenants exposed, at a scale of ten thousand, is the brief's breach of fifty: $1.2 million, the
/// vendor's and nobody else's; in the run it is the breach of the rows that were seen.
#[test]
fn a_leak_is_a_breach_at_scale() {
    let scenario =
        scenario("fleet = { starter = 190, growth = 8, enterprise = 2 }\nexpect = { always = [\"leaked_rows == 0\"] }");
    let run = priced(&scenario, vec![finding(Code::ForeignRow, 5_000, exposed(1, 5_000))]);
    assert!(near(run.at_scale.vendor, 1_200_000.0), "{run:?}");
    assert!(near(run.observed.vendor, 150_000.0), "{run:?}");
    assert_eq!((run.at_scale.customer, run.cost_usd), (MicroDollars::ZERO, run.at_scale.vendor));
    for input in ["1 of 200 tenants", "10,000 tenants", "5,000 records", "250,000 records", "$150,000 ×"] {
        assert!(run.findings[0].basis.contains(input), "{input}: {}", run.findings[0].basis);
    }
}

/// All enterprise customers down until repaired: each ten of them lose the brief's $405,000 in 45 minutes, and the
/// vendor pays credits and handles the incident. In the run they were down for six seconds.
#[test]
fn an_outage_lasts_until_it_is_repaired() {
    let run = priced(&plain(), vec![finding(Code::Unavailable, 90, hurt(Tier::Enterprise, 2, 1.0, 6.0))]);
    // Two of fifty are four hundred of ten thousand.
    assert!(near(run.at_scale.customer, 40.0 * 405_000.0), "{run:?}");
    assert!(near(run.observed.customer, 0.2 * 900.0), "{run:?}");
    let vendor = 400.0 * 499.9 + 400.0 * 4_999.0 / 43_200.0 * 45.0 + 400.0 * 3.75 + 2_500.0 + 8.0 * 59_988.0;
    assert!(near(run.at_scale.vendor, vendor), "{run:?}");
    assert_eq!(run.cost_usd, run.at_scale.customer);
}

/// A neighbour who only slowed others down costs what the brief's formula says: $8,002 for two hundred starters.
#[test]
fn a_noisy_neighbour_costs_its_handling() {
    let run = priced(&plain(), vec![finding(Code::NoisyNeighbour, 300, hurt(Tier::Starter, 1, 0.0, 2.0))]);
    assert!(near(run.at_scale.vendor, 8_002.0) && run.at_scale.customer == MicroDollars::ZERO, "{run:?}");
}

/// Findings with one cause are one loss: the sum is that of the dearest, and the others say where theirs is.
#[test]
fn one_cause_is_priced_once() {
    let leak = finding(Code::ForeignRow, 400, exposed(20, 400));
    let open = finding(Code::ContextFailOpen, 90, exposed(12, 300));
    let down = finding(Code::Unavailable, 500, hurt(Tier::Growth, 8, 0.8, 1.0));
    let pool = finding(Code::PoolExhausted, 400, hurt(Tier::Growth, 6, 0.9, 0.5));
    let slow = finding(Code::SlowRecovery, 3, hurt(Tier::Growth, 2, 0.1, 0.5));
    let run = priced(&plain(), vec![leak.clone(), open, down.clone(), pool, slow]);
    let dearest = priced(&plain(), vec![leak, down]);
    assert_eq!((run.at_scale, run.observed), (dearest.at_scale, dearest.observed));
    assert_eq!(run.findings[1].at_scale, Losses::default());
    assert!(run.findings[1].basis.contains("has the same cause as TC-L01 and is counted there"));
    assert!(run.findings[3].basis.contains("TC-A01"), "{}", run.findings[3].basis);
}

/// A leak that nobody planted keeps its price beside a planted one, dearer or as dear: it is there without the bug. What
/// fails beside a planted bug is the bug's doing, and counted once with it.
#[test]
fn news_beside_a_planted_leak_has_its_price() {
    for exposed_by_the_bug in [20, 40] {
        let mut planted = finding(Code::ForeignRow, 400, exposed(exposed_by_the_bug, 400));
        planted.planted = true;
        let news = finding(Code::ContextFailOpen, 90, exposed(20, 400));
        let run = priced(&plain(), vec![planted.clone(), news.clone()]);
        assert_eq!(run.findings[0].at_scale, priced(&plain(), vec![planted]).at_scale);
        assert_eq!(run.findings[1].at_scale, priced(&plain(), vec![news]).at_scale);
    }
    let mut flood = finding(Code::NoisyNeighbour, 500, hurt(Tier::Growth, 8, 0.8, 1.0));
    flood.planted = true;
    let down = finding(Code::Unavailable, 500, hurt(Tier::Growth, 6, 0.8, 1.0));
    let run = priced(&plain(), vec![flood, down]);
    assert!(run.findings[1].basis.contains("has the same cause as"), "{}", run.findings[1].basis);
}

/// A breach has the model that the assumptions weigh, in a run as in a hunt, and says which.
#[test]
fn every_breach_follows_the_assumptions() {
    let weighed = Profile::Dbir.assumptions();
    let run = price(&plain(), &judged(vec![finding(Code::ForeignRow, 400, exposed(20, 400))]), &weighed);
    let hunted = crate::pricing::exposure(10_000, 5_000, &weighed);
    assert_eq!((run.findings[0].model.as_str(), hunted.model), ("breach (mixture)", "breach (mixture)"));
    let anchored = crate::pricing::exposure(10_000, 5_000, Assumptions::built_in());
    assert!(hunted.cost != anchored.cost && anchored.model == "breach (anchored)", "{hunted:?}");
}

/// Every code has a price or says why it is zero.
#[test]
fn every_code_is_priced_or_says_why_not() {
    for code in Code::ALL.iter().copied() {
        let mut radius = hurt(Tier::Enterprise, 1, 0.5, 3.0);
        (radius.tenants_exposed, radius.rows) = (1, 10);
        let run = priced(&plain(), vec![finding(code, 10, radius)]);
        let free = matches!(code, Code::MonitorBlind | Code::MonitorAlert | Code::CatalogueBlind);
        assert_eq!(run.cost_usd == MicroDollars::ZERO, free, "{code}");
        assert!(run.findings[0].basis.len() > 20 && free == run.findings[0].basis.starts_with("$0: "), "{code}");
        assert_eq!(run.findings[0].model == "none", free, "{code}");
    }
}

/// A context that is lost and fails closed is cheap when the answers were empty (tickets and engineers) and an outage pro
/// rata when they were errors.
#[test]
fn failing_closed_is_no_breach() {
    let silent = priced(&plain(), vec![finding(Code::ContextFailSilent, 60, BlastRadius::default())]);
    assert!(near(silent.cost_usd, 10_000.0 * 0.15 * 25.0 + 2_500.0), "{silent:?}");
    let radius = BlastRadius { failed_share: 0.2, seconds: 1.0, ..BlastRadius::default() };
    let loud = priced(&plain(), vec![finding(Code::ContextFailLoud, 60, radius)]);
    // 8,000 starters, 1,600 growth and 400 enterprise customers.
    assert!(near(loud.at_scale.customer, 0.2 * 45.0 * (800.0 * 50.0 + 160.0 * 500.0 + 40.0 * 9_000.0)), "{loud:?}");
}

/// Cost conditions are judged over the larger line at scale.
#[test]
fn cost_conditions_are_judged() {
    let scenario = scenario("expect = { cost = [\"cost_usd < 10_000\", \"cost_usd > 1_000\", \"cost_usd == 0\"] }");
    let leak = || finding(Code::ForeignRow, 40, exposed(3, 40));
    let verdicts = |run: PricedRun| run.checks.iter().map(|check| check.verdict).collect::<Vec<_>>();
    use Verdict::{Fail, Pass};
    assert_eq!(verdicts(priced(&scenario, vec![leak()])), [Fail, Pass, Fail]);
    assert_eq!(verdicts(priced(&scenario, vec![])), [Pass, Fail, Pass]);
    let check = &priced(&scenario, vec![leak()]).checks[0];
    assert_eq!((check.list.as_str(), check.condition.as_str()), ("cost", "cost_usd < 10_000"));
    assert!(check.observed.starts_with('$') && check.observed.ends_with("limit $10,000"), "{}", check.observed);
}

/// A business as large as the format allows saturates instead of wrapping round, and its sentence is still one.
#[test]
fn a_business_beyond_counting_saturates() {
    let scenario = scenario(
        "expect = { always = [\"leaked_rows == 0\"] }\nbusiness = { tenants = 1_000_000_000, records_per_tenant = 1_000_000_000 }",
    );
    let down = finding(Code::Unavailable, 90, hurt(Tier::Enterprise, 2, f64::NAN, f64::INFINITY));
    let all = finding(Code::Unavailable, 90, hurt(Tier::Enterprise, 50, 7.0, -3.0));
    let run = priced(&scenario, vec![finding(Code::ForeignRow, 1, exposed(u64::MAX, u64::MAX)), down, all]);
    assert!(run.cost_usd > MicroDollars::from_usd(1e12) && run.cost_usd <= MicroDollars::MAX);
    assert!(!run.findings.iter().any(|finding| finding.basis.contains("NaN") || finding.basis.contains("inf")));
}

/// A control without faults is expected to cost nothing; one with a context fault at worst a breach of everybody; one
/// with a held pool at worst an outage of everybody.
#[test]
fn the_worst_case_follows_the_faults() {
    let worst = |more: &str| worst_case(&scenario(more), Assumptions::built_in());
    let control = worst("expect = { always = [\"leaked_rows == 0\"] }");
    assert_eq!(control.cost_usd, MicroDollars::ZERO);
    let with = |fault: &str| worst(&format!("expect = {{ always = [\"leaked_rows == 0\"] }}\n[[fault]]\n{fault}\n"));
    let held = with("pool.hold = { connections = 8 }");
    assert!(near(held.cost_usd, 45.0 * (800.0 * 50.0 + 160.0 * 500.0 + 40.0 * 9_000.0)), "{held:?}");
    let dropped = with("context.drop = { leaves = \"stale\" }");
    assert!(
        dropped.cost_usd >= held.cost_usd && dropped.basis.contains("every record of 10,000 tenants"),
        "{dropped:?}"
    );
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let radius = (
        0u64..60,
        0u64..10_000,
        prop::collection::btree_map(prop::sample::select(Tier::ALL.to_vec()), 0u64..60, 0..3),
        0.0f64..60.0,
        0.0f64..=1.0,
    );
    let code = prop::sample::select(Code::ALL.to_vec());
    (code, 1u64..10_000, radius, any::<bool>()).prop_map(|(code, count, radius, planted)| {
        let (tenants_exposed, rows, hurt_by_tier, seconds, failed_share) = radius;
        let tenants_hurt = hurt_by_tier.values().sum();
        let radius = BlastRadius {
            tenants_exposed,
            tenants_hurt,
            hurt_by_tier,
            rows,
            seconds,
            failed_share,
            ..BlastRadius::default()
        };
        Finding { planted, ..finding(code, count, radius) }
    })
}

proptest! {
    /// The prices of the findings sum to the run's if all of them are of one origin; what a planted bug and news have in
    /// common is in the run's once. No amount is negative, and the headline is the larger line.
    #[test]
    fn prices_sum_to_the_total(mut findings in prop::collection::vec(any_finding(), 0..8), origin in any::<Option<bool>>()) {
        if let Some(planted) = origin {
            findings.iter_mut().for_each(|finding| finding.planted = planted);
        }
        let run = priced(&plain(), findings);
        let amounts = run.findings.iter().flat_map(|f| [f.at_scale, f.observed]).flat_map(|l| [l.customer, l.vendor]);
        prop_assert!(amounts.into_iter().all(|amount| amount >= MicroDollars::ZERO));
        let sum = |of: fn(&PricedFinding) -> MicroDollars| run.findings.iter().map(of).sum::<MicroDollars>();
        for (sum, total) in [
            (sum(|f| f.at_scale.customer), run.at_scale.customer),
            (sum(|f| f.at_scale.vendor), run.at_scale.vendor),
            (sum(|f| f.observed.customer), run.observed.customer),
            (sum(|f| f.observed.vendor), run.observed.vendor),
        ] {
            prop_assert!(total <= sum);
            prop_assert!(origin.is_none() || total == sum);
        }
        prop_assert_eq!(run.cost_usd, run.at_scale.customer.max(run.at_scale.vendor));
    }

    /// One finding more, or a wider one, never makes a run cheaper.
    #[test]
    fn prices_are_monotone(findings in prop::collection::vec(any_finding(), 1..6), more in any_finding(), grow in 1u64..20) {
        let before = priced(&plain(), findings.clone());
        let no_less = |after: &PricedRun| {
            let pairs = [(before.at_scale, after.at_scale), (before.observed, after.observed)];
            pairs.iter().all(|(b, a)| b.customer <= a.customer && b.vendor <= a.vendor)
        };
        let mut longer = findings.clone();
        longer.push(more);
        prop_assert!(no_less(&priced(&plain(), longer)));
        let mut wider = findings;
        let radius = &mut wider[0].blast_radius;
        (radius.tenants_exposed, radius.rows, radius.seconds) = (radius.tenants_exposed + grow, radius.rows + grow, radius.seconds + grow as f64);
        radius.failed_share = (radius.failed_share * 1.5).min(1.0);
        radius.hurt_by_tier.values_mut().for_each(|hurt| *hurt += grow);
        prop_assert!(no_less(&priced(&plain(), wider)));
    }

    /// No run is dearer than the worst case of a scenario that has every kind of fault and bug.
    #[test]
    fn no_run_is_dearer_than_the_worst_case(findings in prop::collection::vec(any_finding(), 0..8)) {
        let everything = scenario(
            "stack = { defects = [\"ack-without-commit\"] }\nexpect = { always = [\"leaked_rows == 0\"] }\n\
             [[fault]]\ncontext.drop = { leaves = \"stale\" }\n[[fault]]\npool.hold = { connections = 8 }\n",
        );
        let mut once = std::collections::BTreeSet::new();
        let findings = findings.into_iter().filter(|finding| once.insert(finding.code)).collect();
        let worst = worst_case(&everything, Assumptions::built_in());
        prop_assert!(priced(&everything, findings).cost_usd <= worst.cost_usd);
    }
}
