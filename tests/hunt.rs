//! Proves the dynamic hunt on a real server: an isolating schema has no confirmed leak and is tested nearly whole, a
//! planted leak is confirmed, and its reproducer fails with psql while it is there and passes once it is mended.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::io::Write;
use std::process::{Command, Stdio};

use sqlx::{ConnectOptions, Connection, PgConnection};
use tenant_chaos::hunt::{Config, Finding, HuntReport, HuntVerdict, Severity, Status, Target, apply, hunt};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

async fn server() -> Server {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    Server::start(&options, None).await.unwrap()
}

/// The reference schema and what is added to it, as a folder.
fn reference_with(sql: &str) -> (tempfile::TempDir, Target) {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(REFERENCE).unwrap().flatten() {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    std::fs::write(folder.path().join("9.sql"), sql).unwrap();
    let target = Target::Schema(folder.path().into());
    (folder, target)
}

fn confirmed(report: &HuntReport) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.status == Status::Confirmed).collect()
}

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

const MINE: &str = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)";

/// Leaks, by the mode under which a probe must confirm them and the SQL that mends them. `{MINE}` is the tenant's
/// condition.
const PLANTED: &[(&str, &str, &str)] = &[
    ("F02", "ALTER TABLE documents DISABLE ROW LEVEL SECURITY", "ALTER TABLE documents ENABLE ROW LEVEL SECURITY"),
    (
        "F06",
        "CREATE ROLE service BYPASSRLS; GRANT SELECT ON documents TO service; GRANT service TO chaos_app",
        "REVOKE service FROM chaos_app",
    ),
    (
        "F12",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM documents; GRANT SELECT ON m TO chaos_app",
        "REVOKE ALL ON m FROM chaos_app",
    ),
    ("F15", "CREATE POLICY x ON projects USING (true)", "DROP POLICY x ON projects"),
    (
        "F18",
        "CREATE POLICY x ON projects USING (coalesce(current_setting('app.tenant_id', true), '') = '' OR {MINE})",
        "DROP POLICY x ON projects",
    ),
    (
        "F20",
        "CREATE POLICY x ON projects USING (current_setting('app.bypass', true) = 'on')",
        "DROP POLICY x ON projects",
    ),
    ("F34", "CREATE POLICY x ON orders FOR INSERT WITH CHECK (true)", "DROP POLICY x ON orders"),
    ("F35", "CREATE POLICY x ON projects FOR UPDATE USING ({MINE}) WITH CHECK (true)", "DROP POLICY x ON projects"),
    ("F36", "CREATE POLICY x ON projects FOR DELETE USING (true)", "DROP POLICY x ON projects"),
    ("F39", "GRANT TRUNCATE ON orders TO chaos_app", "REVOKE TRUNCATE ON orders FROM chaos_app"),
    (
        "F41",
        "CREATE VIEW v AS SELECT * FROM documents; GRANT SELECT ON v TO chaos_app",
        "ALTER VIEW v SET (security_invoker = on)",
    ),
    (
        "F44",
        "CREATE FUNCTION f(p uuid) RETURNS SETOF documents LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM documents WHERE tenant_id = p'",
        "ALTER FUNCTION f SECURITY INVOKER",
    ),
];

/// Every planted leak is confirmed under its mode, and its reproducer fails with 3 until it is mended.
#[tokio::test(flavor = "multi_thread")]
async fn planted_leaks_are_confirmed_and_reproduced() {
    let server = server().await;
    let mut wrong = Vec::new();
    for (mode, plant, mend) in PLANTED {
        let (_folder, target) = reference_with(&plant.replace("{MINE}", MINE));
        let report = hunt(&target, &server, Some("chaos_app"), &Config::default()).await.unwrap();
        let found = confirmed(&report);
        let Some(finding) = found.iter().find(|finding| finding.mode == *mode) else {
            wrong.push(format!("{mode}: confirmed only {found:#?}"));
            continue;
        };
        assert_eq!(report.verdict(), HuntVerdict::Confirmed);
        let database = apply(&target_without_roles(&target), &server).await.unwrap().database;
        let before = psql(&server, &database, &finding.reproducer_sql);
        let mut admin = PgConnection::connect_with(&server.admin(&database)).await.unwrap();
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut admin).await.unwrap();
        sqlx::raw_sql(*mend).execute(&mut admin).await.unwrap();
        let after = psql(&server, &database, &finding.reproducer_sql);
        if (before.0, after.0, rows) != (3, 0, 0) || !before.1.contains(mode) {
            wrong.push(format!("{mode}: {before:?}, then {after:?}, {rows} rows left\n{}", finding.reproducer_sql));
        }
    }
    server.stop().await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Roles belong to the server: where one was planted, the second application of the schema finds it there.
fn target_without_roles(target: &Target) -> Target {
    let Target::Schema(folder) = target else { return target.clone() };
    let file = folder.join("9.sql");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text.replace("CREATE ROLE service BYPASSRLS;", "")).unwrap();
    target.clone()
}

fn psql(server: &Server, database: &str, script: &str) -> (i32, String) {
    let mut url = server.admin(database).to_url_lossy();
    url.set_query(None);
    let mut child = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url.as_str(), "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
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
    assert_eq!(report.verdict(), HuntVerdict::NothingTested);
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
