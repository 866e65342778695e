//! Reports made by hand, for the renderers' tests.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::business_metrics::{Assumptions, MicroDollars};
use crate::observe::{Class, ContextOutcome, EndReason, Header, Leak, LeakKind, UndoRecord, Witness};
use crate::oracle::*;
use crate::pricing::{Losses, PricedFinding, PricedIncident, PricedRun, PricedSwing};
use crate::scenario::{ErrorKind, Operation, Phase, TenantSlug, Tier, Who};

use super::assemble::{Unjudged, assemble, assemble_all};
use super::model::{RunReport, ScenarioReport, Trouble};

/// One of each: planted and caught, failed, noisy within its expectations, inconclusive, a control, one not run.
pub(crate) fn mixed() -> RunReport {
    // The year behind it is simulated once.
    static MIXED: LazyLock<RunReport> = LazyLock::new(|| {
        let trouble = Trouble {
        scenario: "server-killed-at-commit".into(),
        message: "no provider could serve postgres 17: docker did not answer within 5 s; start it with `systemctl start docker`".into(),
    };
        let report = assemble(vec![planted(), leaking(), flooded(), idle(), control()], vec![trouble]);
        report.with_year(Assumptions::built_in()).unwrap()
    });
    MIXED.clone()
}

/// Everything holds.
pub(crate) fn passing() -> RunReport {
    assemble(vec![planted(), control()], vec![])
}

/// A scenario and a database that say hostile things wherever they may say anything.
pub(super) fn hostile() -> RunReport {
    let troubles = vec![Trouble { scenario: "x".into(), message: "y".into() }];
    let report = assemble_all(
        vec![leaking(), planted()],
        Unjudged { elsewhere: troubles.clone(), troubles, not_run: vec!["z".into()] },
    );
    let json = serde_json::to_value(report.with_year(Assumptions::built_in()).unwrap()).unwrap();
    serde_json::from_value(poison(json, "")).unwrap()
}

/// What the hostile report says in every free text.
pub(super) const VENOM: &str = "<script>alert(1)</script>|`x`]]>\n<!-- --> \"'& \u{1b}[31m\u{0}\u{7}\u{202e}\u{200b}**b**[l](javascript:1) \\| # _h_ ~~s~~ https://evil.test";

fn poison(value: serde_json::Value, key: &str) -> serde_json::Value {
    use serde_json::Value;
    // Texts with a vocabulary of their own cannot hold anything else.
    const TYPED: [&str; 11] = [
        "code",
        "severity",
        "verdict",
        "phase",
        "kind",
        "operation",
        "witness",
        "aggressor",
        "of",
        "codes",
        "confidence",
    ];
    const SLUGS: [&str; 3] = ["asker", "owner", "previous_tenant"];
    match value {
        Value::String(text) if TYPED.contains(&key) || SLUGS.contains(&key) => Value::String(text),
        Value::String(_) if key == "end" => serde_json::json!({ "trouble": VENOM }),
        Value::String(_) => Value::String(VENOM.to_owned()),
        Value::Array(items) if !TYPED.contains(&key) => {
            Value::Array(items.into_iter().map(|item| poison(item, key)).collect())
        }
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(k, v)| (k.clone(), poison(v, &k))).collect()),
        other => other,
    }
}

/// Two planted bugs, caught and priced.
pub(super) fn planted() -> ScenarioReport {
    let mut report = scenario("isolation", "stale-context-on-a-recycled-connection");
    report.why = "A pooled connection that keeps the previous tenant's app.tenant_id serves that tenant's rows to the \
                  next caller.\nPlanted: session-level SET. Misread it as: a test of the policy."
        .into();
    let judgement = &mut report.judgement;
    judgement.findings = vec![
        finding(Code::ForeignRow, "412 rows of 29 tenants reached 41 others through read and report", 412, true),
        finding(
            Code::ContextFailOpen,
            "96 of 1,204 transactions without their context returned foreign rows",
            96,
            true,
        ),
    ];
    judgement.findings[0].evidence = (0..3).map(leak).collect();
    judgement.findings[0].blast_radius = BlastRadius {
        tenants_exposed: 29,
        rows: 412,
        tables: vec!["documents".into(), "usage_report".into()],
        seconds: 5.9,
        ..BlastRadius::default()
    };
    judgement.faults = vec![fault(0, "context.drop", 1_204, "transactions")];
    let outcome = ContextOutcome { touched: 1_204, open: 96, loud: 0, silent: 388, harmless: 720 };
    judgement.context = vec![ContextVerdict { fault: 0, leaves: "stale".into(), outcome, class: "fail-open".into() }];
    judgement.leak_bound = LeakBound { leaks: 412, rows: 38_114, upper_95: Some(0.011_74) };
    judgement.checks.push(check("must_find", "TC-L01", Verdict::Pass, "found 412 times"));
    judgement.timeline = timeline(|t, point| {
        point.leaked_rows = u64::from((3_300_000..8_800_000).contains(&t)) * (t / 100_000 % 7);
    });
    report.price = price(&[
        (Code::ForeignRow, "breach (anchored)", (0, 1_840_000_000), (0, 4_880_000_000_000)),
        (Code::ContextFailOpen, "none", (0, 0), (0, 0)),
    ]);
    report
}

/// An unplanted leak that healed itself in the middle of the run.
pub(super) fn leaking() -> ScenarioReport {
    let mut report = scenario("isolation", "tenant-view-without-invoker");
    report.verdict = Verdict::Fail;
    report.reasons = vec![
        "TC-L01: 17 rows of 9 tenants reached another tenant between 4.00 s and 6.00 s".into(),
        "always: leaked_rows == 0 was 17".into(),
    ];
    let judgement = &mut report.judgement;
    judgement.verdict = Verdict::Fail;
    judgement.findings = vec![
        finding(Code::ForeignRow, "17 rows of 9 tenants reached another tenant", 17, false),
        finding(Code::ContextFailSilent, "388 reads came back empty without an error", 388, false),
    ];
    judgement.findings[0].evidence = (0..2).map(leak).collect();
    judgement.findings[0].notes = vec!["All of them through tenant_documents; no other relation leaked.".into()];
    judgement.findings[0].blast_radius = BlastRadius {
        tenants_exposed: 9,
        rows: 17,
        tables: vec!["tenant_documents".into()],
        seconds: 2.0,
        ..BlastRadius::default()
    };
    judgement.checks.insert(0, check("always", "leaked_rows == 0", Verdict::Fail, "17, n = 12,345"));
    judgement.faults = vec![fault(0, "context.drop", 388, "transactions")];
    let outcome = ContextOutcome { touched: 388, silent: 388, ..ContextOutcome::default() };
    judgement.context =
        vec![ContextVerdict { fault: 0, leaves: "unset".into(), outcome, class: "fail-closed-silent".into() }];
    judgement.leak_bound = LeakBound { leaks: 17, rows: 12_345, upper_95: Some(0.002_09) };
    judgement.timeline = timeline(|t, point| {
        point.leaked_rows = u64::from((4_000_000..6_000_000).contains(&t) && t % 300_000 == 0) * 3;
    });
    report.price = price(&[
        (Code::ForeignRow, "breach (anchored)", (0, 212_000_000), (0, 1_200_000_000_000)),
        (Code::ContextFailSilent, "downtime, pro rata", (310_000, 20_000), (8_000_000_000, 412_000_000)),
    ]);
    report
}

/// One tenant slows the others down by three decades.
pub(super) fn flooded() -> ScenarioReport {
    let mut report = scenario("flood", "one-tenant-at-fifty-times-its-rate");
    report.tags = vec!["flood".into(), "nightly".into()];
    let judgement = &mut report.judgement;
    judgement.findings = vec![finding(
        Code::NoisyNeighbour,
        "victims' p99 rose from 6.1 ms to 1.9 s while starter-1 flooded",
        2_114,
        true,
    )];
    judgement.findings[0].blast_radius = BlastRadius {
        tenants_hurt: 48,
        hurt_by_tier: BTreeMap::from([(Tier::Starter, 38), (Tier::Growth, 8), (Tier::Enterprise, 2)]),
        aggressor: Some(slug("starter-1")),
        seconds: 5.0,
        failed_share: 0.034,
        ..BlastRadius::default()
    };
    judgement.faults = vec![fault(0, "flood.rate", 18_402, "requests"), fault(1, "pool.hold", 4, "connections")];
    judgement.faults[1].injected_at_us = Some(5_000_000);
    judgement.timeline = timeline(|t, point| {
        let flood = (3_500_000..8_500_000).contains(&t);
        let swing = 1.0 + (t as f64 / 3e5).sin() * 0.3;
        point.victims_p99_us = Some(if flood { (1_900_000.0 * swing) as u64 } else { (6_100.0 * swing) as u64 });
        point.errors = u64::from(flood) * (t / 100_000 % 5) * 3;
    });
    judgement.recovered_after_us = Some(430_000);
    report.price =
        price(&[(Code::NoisyNeighbour, "noisy neighbour", (4_120_000, 1_080_000), (96_000_000_000, 31_000_000_000))]);
    report
}

/// A fault that touched nothing and whose undo failed.
pub(super) fn idle() -> ScenarioReport {
    let mut report = scenario("pool", "connections-held");
    report.verdict = Verdict::Inconclusive;
    report.reasons =
        vec!["fault 1 (pool.hold) touched nothing: the pool was never asked for a fifth connection".into()];
    report.clean = false;
    report.judgement.verdict = Verdict::Inconclusive;
    report.judgement.faults = vec![FaultSummary {
        undone: false,
        problem: Some("the connection was closed by the server".into()),
        ..fault(0, "pool.hold", 0, "connections")
    }];
    report.judgement.checks = vec![
        check("effect", "fault 1 (pool.hold) touches something", Verdict::Inconclusive, "0 connections"),
        check("inject", "p99 < 40ms", Verdict::Inconclusive, "12 samples, 100 are needed"),
    ];
    report.judgement.leak_bound = LeakBound { leaks: 0, rows: 0, upper_95: None };
    report.judgement.timeline.clear();
    report.end = EndReason::StopCondition("wall_clock 60s".into());
    report.undo[0].problem = Some("the connection was closed by the server".into());
    report
}

/// No fault, no finding.
pub(super) fn control() -> ScenarioReport {
    let mut report = scenario("isolation", "control-without-faults");
    report.judgement.faults.clear();
    report
}

fn scenario(family: &str, name: &str) -> ScenarioReport {
    let judgement = Judgement {
        verdict: Verdict::Pass,
        reasons: vec![],
        findings: vec![],
        checks: vec![
            check(
                "inject",
                "p99(victims) < 4 * p99(baseline)",
                Verdict::Pass,
                "p99 = 12.4 ms, limit 24.4 ms, n = 1,204",
            ),
            check("inject", "error_rate < 5%", Verdict::Pass, "0 of 2,391 (at most 0.13% at 95%)"),
        ],
        faults: vec![],
        context: vec![],
        leak_bound: LeakBound { leaks: 0, rows: 12_345, upper_95: Some(0.000_242_6) },
        timeline: timeline(|_, _| ()),
        phases: vec![
            phase(Phase::Baseline, 0, 3_000_000),
            phase(Phase::Inject, 3_000_000, 9_000_000),
            phase(Phase::Recover, 9_000_000, 13_000_000),
        ],
        recovered_after_us: None,
    };
    ScenarioReport {
        header: Header {
            schema_version: 1,
            tool_version: "0.1.0".into(),
            scenario: name.into(),
            family: family.into(),
            path: format!("scenarios/{family}/{name}.toml"),
            toml: format!("name = \"{name}\"\n"),
            seed: 7,
            schedule_hash: "5f0c2a5e9d1b4c56".into(),
            provider: "local".into(),
            provider_why: "no Docker engine answered; postgres 15.14 found on PATH".into(),
            server_version: "15.14 (Debian 15.14-0+deb12u1)".into(),
            pooler: None,
            started_at: "2026-01-05T03:00:00Z".into(),
            classes: vec![Class { of: vec![Who::All, Who::Tier(Tier::Starter), Who::Tenant(slug("starter-1"))] }],
            tenants: 50,
            cpus: 2,
        },
        why: "Every request keeps its tenant. Expected: nothing.".into(),
        tags: vec!["isolation".into()],
        verdict: Verdict::Pass,
        reasons: vec![],
        judgement,
        price: price(&[]),
        end: EndReason::Completed,
        took_us: 13_420_000,
        undo: vec![UndoRecord { what: "database tenant_chaos_1 dropped".into(), took_us: 14_200, problem: None }],
        clean: true,
    }
}

fn slug(text: &str) -> TenantSlug {
    text.parse().unwrap()
}

fn finding(code: Code, summary: &str, count: u64, planted: bool) -> Finding {
    Finding {
        code,
        severity: code.severity(),
        summary: summary.into(),
        count,
        first_at_us: 3_312_000,
        planted,
        blast_radius: BlastRadius::default(),
        evidence: vec![],
        notes: vec![],
    }
}

fn leak(n: u64) -> Leak {
    Leak {
        at_us: 3_312_000 + n * 4_700,
        phase: Phase::Inject,
        kind: if n == 1 { LeakKind::Write } else { LeakKind::Read },
        asker: slug("starter-12"),
        owner: (n != 2).then(|| slug("enterprise-1")),
        table: "documents".into(),
        operation: Operation::Report,
        backend_pid: 41_172,
        previous_tenant: Some(slug("enterprise-1")),
        context: (n == 0).then(|| "7d0c1a5e-9d1b-5c56-8f0d-7e6a3b21c0de".into()),
        fault: Some(0),
        witness: Witness::TenantColumn,
    }
}

fn check(list: &str, condition: &str, verdict: Verdict, observed: &str) -> Check {
    Check { list: list.into(), condition: condition.into(), verdict, observed: observed.into() }
}

fn fault(index: usize, name: &str, touched: u64, unit: &str) -> FaultSummary {
    FaultSummary {
        index,
        name: name.into(),
        injected_at_us: Some(3_500_000),
        healed_at_us: Some(8_500_000),
        touched,
        unit: unit.into(),
        undone: true,
        problem: None,
    }
}

fn phase(phase: Phase, from_us: u64, to_us: u64) -> PhaseSummary {
    PhaseSummary {
        phase,
        from_us,
        to_us,
        intended: 2_400,
        ok: 2_380,
        errors: BTreeMap::from([(ErrorKind::PoolTimeout, 11)]),
        dropped: 9,
        late: 3,
        p50_us: Some(2_050),
        p99_us: Some(6_100),
        rows_checked: 4_115,
        leaked_rows: 0,
    }
}

fn timeline(change: impl Fn(u64, &mut TimelinePoint)) -> Vec<TimelinePoint> {
    let at = (0..130).map(|slice| slice * 100_000);
    at.map(|at_us| {
        let wave = (at_us as f64 / 4.1e5).sin();
        let mut point = TimelinePoint {
            at_us,
            phase: match at_us {
                0..3_000_000 => Phase::Baseline,
                3_000_000..9_000_000 => Phase::Inject,
                _ => Phase::Recover,
            },
            p50_us: Some((2_050.0 + 300.0 * wave) as u64),
            p99_us: (at_us != 5_000_000).then_some((6_100.0 + 1_900.0 * wave) as u64),
            victims_p99_us: None,
            ok: 40,
            errors: 0,
            dropped: 0,
            leaked_rows: 0,
        };
        change(at_us, &mut point);
        point
    })
    .collect()
}

/// Customer and vendor, in micro-dollars.
type Lines = (i64, i64);

/// Records whose breach typically costs so many micro-dollars.
fn records(micros: i64) -> f64 {
    5_000.0 * (micros as f64 / 150e9).powf(50f64.ln() / 8f64.ln())
}

/// A flood at scale: 3.4% of the requests of 9,600 tenants fail.
fn incident() -> PricedIncident {
    PricedIncident {
        hurt: BTreeMap::from([(Tier::Starter, 7_600.0), (Tier::Growth, 1_600.0), (Tier::Enterprise, 400.0)]),
        minutes: 45.0,
        failed_share: 0.034,
        customers_per_minute: MicroDollars(15_912_000_000),
        credits: MicroDollars::ZERO,
        budget_used: 0.0,
    }
}

/// `(code, model, observed, at scale)`.
fn price(findings: &[(Code, &str, Lines, Lines)]) -> PricedRun {
    let losses = |(customer, vendor)| Losses { customer: MicroDollars(customer), vendor: MicroDollars(vendor) };
    let sum = |field: fn(&PricedFinding) -> Losses, of: &[PricedFinding]| Losses {
        customer: of.iter().map(|f| field(f).customer).sum(),
        vendor: of.iter().map(|f| field(f).vendor).sum(),
    };
    let findings: Vec<_> = findings
        .iter()
        .map(|(code, model, observed, at_scale)| PricedFinding {
            code: *code,
            model: (*model).into(),
            observed: losses(*observed),
            at_scale: losses(*at_scale),
            basis: "29 of 50 tenants x 10,000 tenants x 5,000 records, repaired in 45 min".into(),
            records: model.starts_with("breach").then(|| records(at_scale.1)),
            incident: (!model.starts_with("breach")).then(incident),
        })
        .collect();
    let at_scale = sum(|f| f.at_scale, &findings);
    PricedRun {
        observed: sum(|f| f.observed, &findings),
        at_scale,
        cost_usd: at_scale.customer.max(at_scale.vendor),
        checks: vec![],
        findings,
        swings: vec![PricedSwing {
            key: "breach.elasticity".into(),
            low: 0.42,
            high: 0.76,
            at_low: MicroDollars(at_scale.vendor.0 / 2),
            at_high: MicroDollars(at_scale.vendor.0 * 2),
        }],
    }
}
