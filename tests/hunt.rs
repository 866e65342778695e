//! Proves the dynamic hunt on a real server: an isolating schema has no confirmed leak and is tested nearly whole, a
//! planted leak is confirmed, and its reproducer fails with psql while it is there and passes once it is mended.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::io::Write;
use std::process::{Command, Stdio};

use sqlx::{ConnectOptions, Connection, PgConnection};
use tenant_chaos::hunt::{
    Cell, Config, Finding, FixStatus, HuntReport, HuntVerdict, Outcome, Severity, Status, Target, apply, hunt,
};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
const CLAIMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/claims.sql");

async fn server() -> Server {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    Server::start(&options, None).await.unwrap()
}

/// A schema (a file or a folder) and what is added to it, as a folder.
fn with(schema: &str, sql: &str) -> (tempfile::TempDir, Target) {
    let folder = tempfile::tempdir().unwrap();
    let schema = std::path::Path::new(schema);
    match schema.is_dir() {
        true => {
            for entry in std::fs::read_dir(schema).unwrap().flatten() {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        false => drop(std::fs::copy(schema, folder.path().join("1.sql")).unwrap()),
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

/// A table of tenants for whatever is planted on it.
const NOTES: &str = "CREATE TABLE notes (tenant_id uuid REFERENCES tenants, id bigint NOT NULL, body text NOT NULL, \
     file oid, is_public boolean NOT NULL DEFAULT false, status text, UNIQUE (tenant_id, id)); \
     ALTER TABLE notes ENABLE ROW LEVEL SECURITY; \
     CREATE POLICY tenant_isolation ON notes USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid); \
     GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO chaos_app;";

/// Foreign keys without the tenant.
const LOOSE_KEY: &str = "ALTER TABLE documents DROP CONSTRAINT documents_tenant_id_project_id_fkey; \
     ALTER TABLE projects ADD UNIQUE (id); \
     ALTER TABLE documents ADD FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE;";

/// Leaks in the reference schema, by the mode under which a probe must confirm them. `{MINE}` is the tenant's condition.
const PLANTED: &[(&str, &str)] = &[
    ("F02", "ALTER TABLE documents DISABLE ROW LEVEL SECURITY"),
    (
        "F01",
        "CREATE TABLE notes (tenant_id uuid REFERENCES tenants, id int, body text); GRANT SELECT ON notes TO chaos_app",
    ),
    ("F06", "CREATE ROLE service BYPASSRLS; GRANT SELECT ON documents TO service; GRANT service TO chaos_app"),
    ("F12", "CREATE MATERIALIZED VIEW m AS SELECT * FROM documents; GRANT SELECT ON m TO chaos_app"),
    ("F14", "{NOTES}"),
    (
        "F14",
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS \
      'BEGIN PERFORM pg_notify(''changes'', row_to_json(NEW)::text); RETURN NEW; END'; \
      CREATE TRIGGER tell AFTER INSERT ON projects FOR EACH ROW EXECUTE FUNCTION tell()",
    ),
    ("F15", "CREATE POLICY x ON projects USING (true)"),
    ("F16", "CREATE POLICY x ON documents FOR SELECT USING (title = 'open' AND id > 7)"),
    ("F18", "CREATE POLICY x ON projects USING (coalesce(current_setting('app.tenant_id', true), '') = '' OR {MINE})"),
    ("F19", "{NOTES} CREATE POLICY x ON notes FOR SELECT USING (tenant_id IS NULL)"),
    ("F20", "CREATE POLICY x ON projects USING (current_setting('app.bypass', true) = 'open sesame')"),
    ("F34", "CREATE POLICY x ON orders FOR INSERT WITH CHECK (true)"),
    ("F35", "CREATE POLICY x ON projects FOR UPDATE USING ({MINE}) WITH CHECK (true)"),
    ("F36", "CREATE POLICY x ON projects FOR DELETE USING (true)"),
    ("F39", "GRANT TRUNCATE ON orders TO chaos_app"),
    ("F41", "CREATE VIEW v AS SELECT * FROM documents; GRANT SELECT ON v TO chaos_app"),
    (
        "F42",
        "CREATE VIEW v AS SELECT * FROM documents; CREATE VIEW o WITH (security_invoker) AS SELECT * FROM v; \
      GRANT SELECT ON o, v TO chaos_app",
    ),
    (
        "F44",
        "CREATE FUNCTION f(p uuid) RETURNS SETOF documents LANGUAGE sql SECURITY DEFINER AS \
      'SELECT * FROM documents WHERE tenant_id = p'",
    ),
    (
        "F44",
        "CREATE FUNCTION f(p uuid) RETURNS void LANGUAGE sql SECURITY DEFINER AS \
      'UPDATE documents SET body = ''gone'' WHERE tenant_id = p'",
    ),
    ("F47", "{LOOSE_KEY}"),
    ("F48", "{LOOSE_KEY}"),
    ("F50", "ALTER TABLE documents ADD UNIQUE (title)"),
    (
        "F51",
        "ALTER TABLE projects ADD UNIQUE (id); CREATE TABLE hints (id int, project bigint REFERENCES projects (id)); \
         GRANT SELECT, INSERT ON hints TO chaos_app",
    ),
    ("F52", "CREATE SEQUENCE ticket OWNED BY documents.id; GRANT SELECT, USAGE ON SEQUENCE ticket TO chaos_app"),
    (
        "F53",
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'DECLARE other text; BEGIN \
      SELECT title INTO other FROM documents WHERE tenant_id <> NEW.tenant_id LIMIT 1; \
      RAISE EXCEPTION ''taken by %'', other; END'; \
      CREATE TRIGGER tell BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION tell()",
    ),
];

/// The same in the schema with claims.
const PLANTED_CLAIMS: &[(&str, &str)] = &[
    (
        "F26",
        "CREATE POLICY x ON rooms FOR SELECT USING (team_id = \
      (current_setting('request.jwt.claims', true)::jsonb -> 'user_metadata' ->> 'team')::uuid)",
    ),
    (
        "F27",
        "CREATE POLICY x ON members FOR INSERT WITH CHECK (person_id = auth.uid()); GRANT INSERT ON members TO web_user",
    ),
    (
        "F28",
        "CREATE OR REPLACE FUNCTION auth.teams() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER AS \
      'SELECT team_id FROM members WHERE person_id = auth.uid()'; ALTER FUNCTION auth.teams() RESET search_path",
    ),
    ("F29", "ALTER FUNCTION auth.uid() IMMUTABLE"),
];

/// Every planted leak is confirmed under its mode; its reproducer fails with 3, and passes once the fix that the hunt
/// has proven is applied.
#[tokio::test(flavor = "multi_thread")]
async fn planted_leaks_are_confirmed_reproduced_and_mended() {
    let server = server().await;
    let mut wrong = Vec::new();
    let reference = PLANTED.iter().map(|planted| (planted, REFERENCE, "chaos_app"));
    let claims = PLANTED_CLAIMS.iter().map(|planted| (planted, CLAIMS, "web_user"));
    for ((mode, plant), schema, role) in reference.chain(claims) {
        let is_told = plant.contains("pg_notify");
        let plant = plant.replace("{NOTES}", NOTES).replace("{LOOSE_KEY}", LOOSE_KEY).replace("{MINE}", MINE);
        let (_folder, target) = with(schema, &plant);
        let report = match hunt(&target, &server, Some(role), &Config::default()).await {
            Ok(report) => report,
            Err(error) => {
                wrong.push(format!("{mode}: {error:?}"));
                continue;
            }
        };
        let found = confirmed(&report);
        let Some(finding) = found.iter().find(|finding| finding.mode == *mode) else {
            let found: Vec<_> = found.iter().map(|f| (&f.mode, &f.object, &f.verb, &f.context_state)).collect();
            let gaps = &report.coverage.not_tested;
            wrong.push(format!("{mode}: confirmed only {found:?}; {gaps:?}"));
            continue;
        };
        let open = matches!(finding.severity, Severity::Leak | Severity::Write);
        if open && report.verdict() != HuntVerdict::Confirmed {
            wrong.push(format!("{mode}: {:?}", report.verdict()));
        }
        let is_leak = finding.severity == Severity::Leak;
        if finding.price.is_some() != is_leak || (is_leak && report.price != finding.price) {
            wrong.push(format!("{mode}: {:?} {:?}", finding.price, report.price));
        }
        let database = apply(&target_without_roles(&target), &server).await.unwrap().database;
        let before = psql(&server, &database, &finding.reproducer_sql);
        let mut admin = PgConnection::connect_with(&server.admin(&database)).await.unwrap();
        if before.0 != 3 || !before.1.contains(mode) || before.1.contains("does not apply") {
            wrong.push(format!("{mode}: {before:?}\n{}", finding.reproducer_sql));
        }
        // No right is needed to listen, so there is nothing to take away: the finding must say that.
        if is_told {
            let says = finding.fix_status == FixStatus::Unproven && finding.fix_note.contains("no fix proven");
            if !says || finding.verb.as_deref() != Some("LISTEN") {
                wrong.push(format!("{mode}: {:?} {}", finding.verb, finding.fix_note));
            }
            continue;
        }
        if finding.fix_status != FixStatus::Proven {
            wrong.push(format!("{mode}: {}", finding.fix_note));
            continue;
        }
        sqlx::raw_sql(sqlx::AssertSqlSafe(finding.fix.clone())).execute(&mut admin).await.unwrap();
        let after = psql(&server, &database, &finding.reproducer_sql);
        if after.0 != 0 {
            wrong.push(format!("{mode}: after `{}` {after:?}\n{}", finding.fix, finding.reproducer_sql));
        }
        let rows = "SELECT sum((xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %s', oid::regclass), \
                    false, true, '')))[1]::text::bigint)::bigint FROM pg_class WHERE relkind = 'r' AND relrowsecurity";
        let rows: Option<i64> = sqlx::query_scalar(rows).fetch_one(&mut admin).await.unwrap();
        if rows != Some(0) {
            wrong.push(format!("{mode}: {rows:?} rows left"));
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

/// A reproducer whose attack no longer means anything does not pass: it says that it does not apply. And one whose
/// finding needed the setup of hunt.toml has it in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reproducer_does_not_fall_silent() {
    let server = server().await;
    let (_folder, target) = with(
        REFERENCE,
        "CREATE FUNCTION f(p uuid) RETURNS SETOF documents LANGUAGE sql SECURITY DEFINER AS \
         'SELECT * FROM documents WHERE tenant_id = p'",
    );
    let config = Config::parse(
        "[tenants.b]\nsetup = [\"UPDATE documents SET title = 'canary-b-77-set-up' WHERE title LIKE 'canary-b%'\"]",
    );
    let report = hunt(&target, &server, Some("chaos_app"), &config.unwrap()).await.unwrap();
    let found = confirmed(&report);
    let finding = found.iter().find(|finding| finding.mode == "F44").unwrap();
    assert!(finding.reproducer_sql.contains("canary-b-77-set-up"));
    let database = apply(&target, &server).await.unwrap().database;
    let before = psql(&server, &database, &finding.reproducer_sql);
    assert!(before.0 == 3 && before.1.contains("canary-b-77-set-up"), "{before:?}");
    let mut admin = PgConnection::connect_with(&server.admin(&database)).await.unwrap();
    sqlx::raw_sql("ALTER FUNCTION f RENAME TO g").execute(&mut admin).await.unwrap();
    let after = psql(&server, &database, &finding.reproducer_sql);
    server.stop().await.unwrap();
    assert!(after.0 == 3 && after.1.contains("does not apply any more"), "{after:?}");
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
