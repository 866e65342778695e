//! Proves the dynamic hunt on a real server: an isolating schema has no confirmed leak and is tested nearly whole, what
//! cannot be discovered is asked for, a failed control is no success, and a pooler is looked through.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod hunting;

use hunting::{REFERENCE, server, with};
use tenant_chaos::hunt::{Cell, Config, HuntReport, HuntVerdict, Outcome, Severity, Target, hunt};

/// The reference schema: understood without a configuration, no leak, no write, and at least 95% of its (object, verb)
/// pairs tested.
#[tokio::test(flavor = "multi_thread")]
async fn the_reference_schema_isolates() {
    let server = server().await;
    let target = Target::Schema(REFERENCE.into());
    let report = hunt(&target, &server, None, &Config::default()).await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(report.discovered.app_role, "chaos_app");
    assert_eq!(report.discovered.tenant_table.as_deref(), Some("tenants"));
    assert_eq!(report.discovered.context, "setting app.tenant_id holds the value of tenants.id");
    assert_eq!(
        report.discovered.control_visible, report.discovered.control_tables,
        "{:#?}",
        report.coverage.not_tested
    );
    let open: Vec<_> =
        report.findings.iter().filter(|f| matches!(f.severity, Severity::Leak | Severity::Write)).collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(report.verdict(), HuntVerdict::Closed);
    let tested = report.coverage.isolated * 100 / report.coverage.cells_total;
    assert!(tested >= 95 && report.coverage.cells_total > 90, "{tested}%: {:#?}", report.coverage.not_tested);
}

/// A schema whose context cannot be discovered is not called safe: nothing is confirmed, and the question says what to
/// add; with the answer in hunt.toml it is tested.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_discovered_is_asked_for() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.sql");
    std::fs::write(
        &file,
        "CREATE TABLE notes (id int PRIMARY KEY, owner text NOT NULL, body text);\n\
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;\n\
         CREATE POLICY p ON notes USING (md5(owner) = current_setting('app.token', true));\n\
         GRANT SELECT ON notes TO app;",
    )
    .unwrap();
    let target = Target::Schema(file.clone());
    let report = hunt(&target, &server, Some("app"), &Config::default()).await.unwrap();
    assert_eq!(report.verdict(), HuntVerdict::Inconclusive);
    assert!(report.question().is_some_and(|question| question.contains("[context]")));

    let config = Config::parse(
        "[context]\nenter = [\"SELECT set_config('app.token', md5('{name}'), true)\"]\n\
         [tenants.a]\nvariables = { name = 'one' }\n\
         setup = [\"UPDATE notes SET owner = 'one' WHERE body LIKE 'canary-a%'\"]\n\
         [tenants.b]\nvariables = { name = 'two' }\n\
         setup = [\"UPDATE notes SET owner = 'two' WHERE body LIKE 'canary-b%'\"]\n",
    )
    .unwrap();
    let report = hunt(&target, &server, Some("app"), &config).await.unwrap();
    server.stop().await.unwrap();
    assert_eq!((report.discovered.control_visible, report.question()), (1, None), "{:#?}", report.coverage);
}

/// Where no tenant sees its own row, nothing was proven, whatever else was isolated.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_control_is_no_success() {
    let server = server().await;
    let closed = "DO $$ DECLARE p record; BEGIN FOR p IN SELECT polname, polrelid::regclass AS t FROM pg_policy LOOP \
                  EXECUTE format('DROP POLICY %I ON %s', p.polname, p.t); END LOOP; END $$;";
    let (_folder, target) = with(REFERENCE, closed);
    let report = hunt(&target, &server, Some("chaos_app"), &Config::default()).await.unwrap();
    server.stop().await.unwrap();
    assert_eq!(report.discovered.control_visible, 0);
    assert_eq!(report.verdict(), HuntVerdict::Inconclusive, "{:#?}", report.coverage.isolated);
}

/// Through PgBouncer in transaction mode the reference schema isolates; an application that sets its tenant for the
/// session leaves it to whoever has the connection next, and that is seen. Without the program the cells say so.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_is_looked_through() {
    let server = server().await;
    let target = Target::Schema(REFERENCE.into());
    let sound = hunt(&target, &server, None, &Config::default()).await.unwrap();
    let careless = Config::parse(
        "[context]\nenter = [\"SELECT set_config('app.tenant_id', '{tenant}', false)\"]\n\
         [tenants.a.variables]\ntenant = 'aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa'\n\
         [tenants.b.variables]\ntenant = 'bbbbbbbb-0000-4000-8000-bbbbbbbbbbbb'\n",
    );
    let leaky = hunt(&target, &server, None, &careless.unwrap()).await.unwrap();
    server.stop().await.unwrap();
    let pooled = |report: &HuntReport| {
        let through = |cell: &&Cell| cell.context_state.contains("PgBouncer");
        report.coverage.cells.iter().filter(through).cloned().collect::<Vec<_>>()
    };
    let (sound, leaky) = (pooled(&sound), pooled(&leaky));
    assert!(!sound.is_empty());
    if sound.iter().all(|cell| cell.reason.as_deref() == Some("PgBouncer is not installed")) {
        return;
    }
    assert!(sound.iter().all(|cell| cell.outcome == Outcome::Isolated), "{sound:#?}");
    assert!(leaky.iter().any(|cell| cell.outcome == Outcome::Leaking), "{leaky:#?}");
}
