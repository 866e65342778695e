//! Proves the search for sequences: it finds a leak that no fixed probe can, shrinks it to the steps that are needed, plays
//! the same sequences for the same seed, and says what a used up budget has cut.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::time::Duration;

use tenant_chaos::hunt::{Config, HuntReport, HuntVerdict, Options, Outcome, Status, Target, hunt_with};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// What a request calls is remembered for the connection, and the policy believes it: the next tenant sees the last one's
/// rows, if that one called the function.
const REMEMBERS: &str = "
CREATE ROLE app;
CREATE TABLE notes (tenant uuid NOT NULL, id int NOT NULL, body text NOT NULL, PRIMARY KEY (tenant, id));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION remember() RETURNS boolean LANGUAGE sql AS
    $$ SELECT set_config('app.last', current_setting('app.current', true), false) IS NULL $$;
CREATE POLICY own ON notes USING (tenant::text = current_setting('app.current', true) {BELIEVES});
GRANT SELECT ON notes TO app;";

const BELIEVES: &str = "OR tenant::text = current_setting('app.last', true)";

async fn hunted(believes: &str, options: &Options) -> HuntReport {
    let provider = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let server = Server::start(&provider, None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.sql");
    std::fs::write(&file, REMEMBERS.replace("{BELIEVES}", believes)).unwrap();
    let report = hunt_with(&Target::Schema(file), &server, Some("app"), &Config::default(), options).await;
    server.stop().await.unwrap();
    report.unwrap()
}

/// Only a sequence finds it; the shortest has five steps: begin for one tenant, call, commit, begin for the other, read.
#[tokio::test(flavor = "multi_thread")]
async fn a_leak_of_a_sequence_is_found_and_shrunk() {
    let options = Options { sequences: 400, ..Options::default() };
    let report = hunted(BELIEVES, &options).await;
    let found: Vec<_> = report.search.sequences.iter().filter(|found| found.object == "notes").collect();
    assert!(!found.is_empty(), "{:#?}", report.search);
    let shortest = found.iter().map(|found| found.length).min().unwrap();
    assert!(shortest <= 5, "{:#?}", report.search);
    assert!(found.iter().all(|found| found.length <= found.drawn));
    let confirmed: Vec<_> = report.findings.iter().filter(|f| f.status == Status::Confirmed).collect();
    assert!(confirmed.iter().any(|f| f.object == "notes" && f.context_state.as_ref().unwrap().contains("sequence")));
    assert_eq!(report.verdict(), HuntVerdict::Confirmed);

    let again = hunted(BELIEVES, &options).await;
    assert_eq!((again.search.played, again.search.sequences), (report.search.played, report.search.sequences));
}

/// The same schema without the leak: as many sequences, and nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_isolates_has_no_sequence() {
    let report = hunted("", &Options { sequences: 400, seed: 7, ..Options::default() }).await;
    assert_eq!((report.search.seed, report.search.played, &report.search.cut), (7, 400, &None));
    assert!(report.search.sequences.is_empty(), "{:#?}", report.search.sequences);
    assert_eq!(report.verdict(), HuntVerdict::Closed, "{:#?}", report.findings);
}

/// With no time nothing is tested, and everything says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_budget_is_reported() {
    let report = hunted("", &Options { budget: Duration::ZERO, ..Options::default() }).await;
    assert_eq!(report.verdict(), HuntVerdict::Inconclusive);
    let cut = |cell: &tenant_chaos::hunt::Cell| {
        cell.outcome == Outcome::NotTested && cell.reason.as_ref().is_some_and(|reason| reason.contains("budget"))
    };
    assert!(!report.coverage.cells.is_empty() && report.coverage.cells.iter().all(cut), "{:#?}", report.coverage.cells);
    assert!(report.search.cut.as_ref().is_some_and(|why| why.contains("budget")));
    assert!(report.findings.iter().all(|finding| finding.fix_note.contains("budget")), "{:#?}", report.findings);
}
