//! Proves on a real server that a fault on the wire is laid to the transactions that it touched: each of the four outcomes
//! comes out of a fault that must have it, and of no other.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::path::Path;

use tenant_chaos::oracle::ContextVerdict;
use tenant_chaos::report::ScenarioReport;
use tenant_chaos::run::{RunOptions, Session};
use tenant_chaos::scenario;
use tenant_chaos::stack::{ProviderChoice, StackOptions};

/// A fault on every fourth statement that it looks for.
fn text(fault: &str, when: &str, stack: &str) -> String {
    format!(
        r#"
name = "outcome"
why = "What a fault on the wire does to the transactions that it touches."
stack = {{ {stack} }}
[load]
rate = "200/s"
mix = {{ read = 100 }}
timeout = "1s"
[phases]
baseline = "200ms"
inject = "700ms"
recover = "200ms"
[[fault]]
protocol.{fault}
when = {{ nth = 4{when} }}
[expect]
always = ["error_rate < 100%"]
[stop]
leaked_rows = 1_000_000
"#
    )
}

async fn run(texts: &[String]) -> Vec<ScenarioReport> {
    let stack = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let session = Session::start(RunOptions { stack, ..RunOptions::default() }, None).await.unwrap();
    let mut reports = Vec::new();
    for text in texts {
        let scenario = scenario::parse(Path::new("scenarios/protocol/outcome.toml"), text).unwrap();
        reports.push(session.run(&scenario).await.unwrap());
    }
    session.stop().await.unwrap();
    reports
}

fn codes(report: &ScenarioReport) -> Vec<&str> {
    report.judgement.findings.iter().map(|finding| finding.code.text()).collect()
}

/// A lost context is silent under the reference policies and open under policies that let everything through; a
/// connection that is cut beside the context is loud; a delay does nothing. Untouched transactions are laid to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_is_laid_to_the_fault_on_the_wire() {
    let texts = [
        text("drop-context = {}", "", ""),
        text("drop-context = {}", "", "defects = [\"fail-open-policy\"]"),
        text("cut = { at = \"before\" }", ", after = \"context\"", ""),
        text("delay = { by = \"2ms\" }", ", statement = \"select\"", ""),
    ];
    let reports = run(&texts).await;
    let wanted = [
        ("protocol.drop-context", "fail-closed-silent", Some("TC-C03")),
        ("protocol.drop-context", "fail-open", Some("TC-C01")),
        ("protocol.cut", "fail-closed-loud", Some("TC-C02")),
        ("protocol.delay", "no effect", None),
    ];
    for (report, (leaves, class, code)) in reports.iter().zip(wanted) {
        let ContextVerdict { outcome, .. } = &report.judgement.context[0];
        let seen = (report.judgement.context[0].leaves.as_str(), report.judgement.context[0].class.as_str());
        assert_eq!(seen, (leaves, class), "{outcome:?}");
        // 140 requests in the inject phase, every fourth context, select or transaction.
        assert!((15..=60).contains(&outcome.touched), "{leaves}: {outcome:?}");
        let worst = outcome.open.max(outcome.silent).max(outcome.loud).max(outcome.harmless);
        assert_eq!(worst, outcome.touched, "each touched transaction has that one outcome: {leaves}: {outcome:?}");
        let about_context: Vec<&str> = codes(report).into_iter().filter(|code| code.starts_with("TC-C")).collect();
        assert_eq!(about_context, code.into_iter().collect::<Vec<_>>(), "{leaves}");
    }
    let leak = reports[1].judgement.findings.iter().find(|finding| finding.code.text() == "TC-L01").unwrap();
    assert!(leak.evidence.iter().all(|leak| leak.fault == Some(0)), "{leak:?}");
}
