//! Proves on a real PgBouncer in front of a real server what it does to tenants, that its leaks are named, and that a
//! scenario which wants it is not green without it. The catalogue's folder `scenarios/pooler` has the rest.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::path::{Path, PathBuf};

use tenant_chaos::oracle::Verdict;
use tenant_chaos::report::ScenarioReport;
use tenant_chaos::run::{RunError, RunOptions, Session, run_scenario};
use tenant_chaos::scenario::{self, Pooler, Scenario};
use tenant_chaos::stack::{ProviderChoice, StackOptions};

fn options() -> RunOptions {
    let stack = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    RunOptions { stack, ..RunOptions::default() }
}

fn of_the_catalogue(name: &str) -> Scenario {
    let path = Path::new("scenarios/pooler").join(name).with_extension("toml");
    scenario::load(&[path], None).unwrap_or_else(|wrong| panic!("{wrong}")).remove(0)
}

async fn run(scenarios: &[Scenario]) -> Vec<ScenarioReport> {
    let session = Session::start(options(), None).await.unwrap();
    let mut reports = Vec::new();
    for scenario in scenarios {
        reports.push(session.run(scenario).await.unwrap());
    }
    session.stop().await.unwrap();
    reports
}

/// A session SET behind transaction pooling: foreign rows are found, and named with the server process and the tenant
/// that it had served before. The context on BEGIN: none in thousands of rows, with the bound that this gives.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_set_leaks_behind_a_transaction_pooler_and_a_context_on_begin_does_not() {
    let names = ["session-set-behind-transaction-pooler", "context-on-begin-behind-transaction-pooler"];
    let reports = run(&names.map(of_the_catalogue)).await;
    for report in &reports {
        assert_eq!(report.verdict, Verdict::Pass, "{:?}", report.reasons);
        let pooler = report.header.pooler.as_ref().unwrap();
        assert!(pooler.kind == Pooler::PgbouncerTransaction && pooler.version.starts_with("1."), "{pooler:?}");
        assert!(report.clean && report.undo.iter().any(|undo| undo.what == "pooler"), "{:?}", report.undo);
    }
    let leak = reports[0].judgement.findings.iter().find(|finding| finding.code.text() == "TC-L01").unwrap();
    assert!(leak.count > 20 && leak.blast_radius.tenants_exposed > 5, "{leak:?}");
    assert!(leak.evidence.iter().all(|leak| leak.backend_pid > 0 && leak.owner != Some(leak.asker)), "{leak:?}");
    // Whose transaction came in between is known up to a race of two answers.
    let named = leak.evidence.iter().filter(|leak| leak.previous_tenant == leak.owner).count();
    assert!(2 * named > leak.evidence.len(), "{leak:?}");
    let processes: std::collections::BTreeSet<_> = leak.evidence.iter().map(|leak| leak.backend_pid).collect();
    assert!(processes.len() <= 3, "the pooler has three server connections: {processes:?}");

    let clean = &reports[1].judgement;
    assert_eq!(clean.leak_bound.leaks, 0);
    assert!(clean.leak_bound.upper_95.is_some_and(|bound| bound > 0.0 && bound < 0.01), "{:?}", clean.leak_bound);
}

/// A run that wants PgBouncer and has none is the harness's trouble, with the command that mends it: never a pass.
#[tokio::test(flavor = "multi_thread")]
async fn without_pgbouncer_there_is_no_verdict() {
    let mut options = options();
    options.stack.pgbouncer = Some(PathBuf::from("/nowhere/pgbouncer"));
    let ran = run_scenario(&of_the_catalogue("context-on-begin-behind-transaction-pooler"), options).await;
    let Err(error @ RunError::Stack(_)) = ran else { panic!("{ran:?}") };
    let said = error.to_string();
    assert!(said.contains("/nowhere/pgbouncer") && said.contains("apt-get install pgbouncer"), "{said}");
}

/// A fault on the wire and a pooler work together: the proxy stands between the application and PgBouncer.
#[tokio::test(flavor = "multi_thread")]
async fn the_wire_proxy_stands_before_the_pooler() {
    let text = r#"
name = "both"
why = "A context statement is lost on its way to the pooler."
[stack]
pooler = "pgbouncer-transaction"
pooler_size = 2
[load]
rate = "200/s"
mix = { read = 100 }
[phases]
baseline = "300ms"
inject = "800ms"
[[fault]]
protocol.drop-context = {}
when = { nth = 4 }
[expect]
always = ["leaked_rows == 0"]
inject = ["silent_empty_reads > 0"]
"#;
    let scenario = scenario::parse(Path::new("scenarios/pooler/both.toml"), text).unwrap();
    let report = run(&[scenario]).await.remove(0);
    assert_eq!(report.verdict, Verdict::Pass, "{:?}", report.reasons);
}
