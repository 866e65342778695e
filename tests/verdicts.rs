//! Proves on a real server that no verdict is green by accident, and none is red for want of patience: what a run says
//! of a leak that heals itself, of a fault that touches nothing and of a load that cannot be had.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::path::Path;

use tenant_chaos::oracle::Verdict;
use tenant_chaos::report::ScenarioReport;
use tenant_chaos::run::{RunOptions, Session};
use tenant_chaos::scenario;
use tenant_chaos::stack::{ProviderChoice, StackOptions};

fn options() -> RunOptions {
    let stack = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    RunOptions { stack, ..RunOptions::default() }
}

/// Runs scenario texts on one server, one after the other.
async fn run(texts: &[&str]) -> Vec<ScenarioReport> {
    let session = Session::start(options(), None).await.unwrap();
    let mut reports = Vec::new();
    for text in texts {
        let scenario = scenario::parse(Path::new("scenarios/isolation/test.toml"), text).unwrap();
        reports.push(session.run(&scenario).await.unwrap());
    }
    session.stop().await.unwrap();
    reports
}

/// The stack serves another tenant's rows for two seconds and is sound before and after: fail, whatever the end looked
/// like, with the leak named and priced.
#[tokio::test(flavor = "multi_thread")]
async fn a_leak_that_heals_itself_fails_the_scenario() {
    let leaking = r#"
name = "healed"
why = "For two seconds a tenth of the requests carry another tenant's context."
[load]
rate = "200/s"
[phases]
baseline = "300ms"
inject = "2300ms"
recover = "500ms"
[[fault]]
context.drop = { leaves = "other-tenant" }
when = { share = "10%" }
at = "100ms"
for = "2s"
[expect]
recover = { within = "400ms", that = ["leaked_rows == 0"] }
"#;
    let report = run(&[leaking]).await.remove(0);
    assert_eq!(report.verdict, Verdict::Fail, "{:?}", report.reasons);
    let leak = report.judgement.findings.iter().find(|finding| finding.code.text() == "TC-L01").unwrap();
    assert!(!leak.planted && leak.count > 0 && !leak.evidence.is_empty());
    assert!(leak.evidence.iter().all(|leak| leak.backend_pid > 0 && leak.owner != Some(leak.asker)));
    assert!(report.price.at_scale.vendor.usd() > 100_000.0, "{:?}", report.price);
    let recovered = report.judgement.checks.iter().find(|check| check.list == "recover").unwrap();
    assert_eq!(recovered.verdict, Verdict::Pass, "it did heal: {recovered:?}");
    assert!(report.clean, "{:?}", report.undo);
}

/// A fault that no request triggered, and a load that the harness could not send, decide nothing: inconclusive, and the
/// reason says which.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_tested_is_inconclusive() {
    let untouched = r#"
name = "untouched"
why = "The fault waits for a request that never comes."
[load]
rate = "200/s"
[phases]
baseline = "300ms"
inject = "600ms"
[[fault]]
context.drop = { leaves = "stale" }
when = { nth = 1_000_000 }
[expect]
always = ["leaked_rows == 0"]
"#;
    let starved = r#"
name = "starved"
why = "More requests than eight may be under way at a time."
[stack]
pool = { size = 1, acquire_timeout = "1s" }
[load]
rate = "20_000/s"
max_in_flight = 8
[phases]
inject = "700ms"
[expect]
always = ["leaked_rows == 0"]
"#;
    let reports = run(&[untouched, starved]).await;
    for (report, list, word) in [(&reports[0], "effect", "context.drop"), (&reports[1], "load", "arrivals")] {
        assert_eq!(report.verdict, Verdict::Inconclusive, "{:?}", report.reasons);
        let check = report.judgement.checks.iter().find(|check| check.list == list).unwrap();
        assert_eq!(check.verdict, Verdict::Inconclusive, "{check:?}");
        let said = format!("{} {}", check.condition, check.observed);
        assert!(said.contains(word), "{said}");
        assert_eq!(report.judgement.leak_bound.leaks, 0);
        assert!(report.judgement.leak_bound.upper_95.is_some_and(|bound| bound > 0.0), "0 of n has a bound");
    }
}

/// A load that only writes reads no foreign row and proves nothing about reading, however much it writes.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_writes_has_read_nothing() {
    let writing = r#"
name = "only-writes"
why = "Nothing is read."
[load]
rate = "200/s"
mix = { write = 1 }
[phases]
inject = "700ms"
[expect]
always = ["leaked_rows == 0", "foreign_writes == 0"]
inject = ["foreign_writes == 0"]
"#;
    let report = run(&[writing]).await.remove(0);
    let checks: Vec<_> = report.judgement.checks.iter().filter(|check| check.condition.ends_with("== 0")).collect();
    let verdicts: Vec<_> = checks.iter().map(|check| check.verdict).collect();
    assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Pass, Verdict::Pass], "{checks:?}");
    assert!(checks[0].observed.contains("0 samples"), "{checks:?}");
    assert_eq!((report.judgement.leak_bound.rows, report.judgement.leak_bound.upper_95), (0, None));
}
