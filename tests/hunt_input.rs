//! Proves what `audit` and `hunt` say to input that they cannot use, that an unsafe schema is a finding and no crash,
//! and that of a live database no row is read or written.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tenant_chaos::hunt::{Config, Target, apply, audit_applied, hunt, json};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// `tenant-chaos` with a schema of its own in `schema.sql` of a new folder, in which it runs.
fn given(schema: &str) -> (tempfile::TempDir, Command) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.sql"), schema).unwrap();
    let mut command = Command::cargo_bin("tenant-chaos").unwrap();
    command.current_dir(folder.path()).env("TENANT_CHAOS_PROVIDER", "local").env("NO_COLOR", "1");
    (folder, command)
}

const HUNT: [&str; 3] = ["hunt", "--schema", "schema.sql"];

const NOTES: &str = "CREATE TABLE notes (tenant_id uuid NOT NULL, id int NOT NULL, body text, PRIMARY KEY (tenant_id, id));\n\
                     GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO app;\n";

const POLICY: &str = "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;\n\
                      CREATE POLICY own ON notes USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);\n";

/// A schema that does not apply: file, line and the server's words, by both commands.
#[test]
fn a_schema_that_does_not_apply_is_located() {
    for command in ["audit", "hunt"] {
        let (_folder, mut program) =
            given("CREATE TABLE a (id int);\n\nCREATE TABLE b (\n  id int,\n  other missing_type\n);\n");
        let words = contains("schema.sql:5").and(contains("missing_type")).and(contains("does not exist"));
        program.args([command, "--schema", "schema.sql"]).assert().code(2).stderr(words);
    }
    let (_folder, mut program) = given("");
    program.args(["hunt", "--schema", "nowhere"]).assert().code(2).stderr(contains("nowhere"));
}

/// A role that does not exist is named, and so is what to name instead.
#[test]
fn a_role_that_does_not_exist_is_named() {
    let (_folder, mut program) = given(&format!("{NOTES}{POLICY}"));
    let words = contains("\"nobody\" does not exist").and(contains("grants rights to"));
    program.args(HUNT).args(["--app-role", "nobody"]).assert().code(2).stderr(words);
}

/// A configuration with an unknown key: the key and its line, before any server is started.
#[test]
fn an_unknown_key_is_named() {
    let (folder, mut program) = given(&format!("{NOTES}{POLICY}"));
    std::fs::write(folder.path().join("hunt.toml"), "app_role = 'app'\n\n[tenants.a]\nvariabels = { id = '1' }\n")
        .unwrap();
    let words = contains("hunt.toml").and(contains("variabels")).and(contains("line 4"));
    program.args(HUNT).args(["--config", "hunt.toml"]).assert().code(2).stderr(words);
}

/// No policy at all: every table with a tenant column leaks, confirmed. Where no table is a tenant's, nothing can be
/// tested, and that is not called safe.
#[test]
fn no_policy_at_all_is_a_leak_or_nothing_tested() {
    let (folder, mut program) = given(NOTES);
    program.args(HUNT).args(["--out", "out"]).assert().code(1).stdout(contains("F01"));
    let found = report(folder.path());
    let confirmed = |finding: &&serde_json::Value| finding["status"] == "confirmed" && finding["object"] == "notes";
    assert!(found["findings"].as_array().unwrap().iter().any(|finding| confirmed(&finding)));

    let (_folder, mut program) =
        given("CREATE TABLE rates (id int PRIMARY KEY, rate numeric); GRANT SELECT ON rates TO app;");
    program.args(HUNT).assert().code(3);
}

/// A superuser as the application's role is a finding, which the probes confirm; the same schema has none without it.
#[test]
fn a_superuser_as_application_is_a_finding() {
    let schema = format!("CREATE ROLE boss SUPERUSER;\n{NOTES}{POLICY}");
    let (folder, mut program) = given(&schema);
    program.args(HUNT).args(["--app-role", "boss", "--out", "out"]).assert().code(1).stdout(contains("F05"));
    let found = report(folder.path());
    let of_role = |finding: &&serde_json::Value| finding["mode"] == "F05" && finding["object"] == "boss";
    assert!(found["findings"].as_array().unwrap().iter().any(|finding| of_role(&finding)));
    let (_folder, mut program) = given(&schema);
    program.args(HUNT).assert().code(0);
}

/// A context that hunt.toml says is tried in every state that a discovered one is: a policy that is open for an empty
/// setting is found open, in the state of that name too.
#[test]
fn a_context_that_is_given_is_tried_in_every_state() {
    let (folder, mut program) = given(&format!(
        "{NOTES}{POLICY}CREATE POLICY jobs ON notes FOR SELECT USING (current_setting('app.tenant', true) = '');\n"
    ));
    let enter = "enter = [\"SELECT set_config('app.tenant', '{id}', true) -- as the application does\"]";
    let ids = ["a", "b"].map(|name| {
        format!("[tenants.{name}]\nvariables = {{ id = '{0}-0000-4000-8000-{1}' }}\n", name.repeat(8), name.repeat(12))
    });
    std::fs::write(folder.path().join("hunt.toml"), format!("[context]\n{enter}\n{}", ids.concat())).unwrap();
    program.args(HUNT).args(["--config", "hunt.toml", "--out", "out"]).assert().code(1);
    let found = report(folder.path());
    assert_eq!(found["discovered"]["control_visible"], 1);
    let cells = found["coverage"]["cells"].as_array().unwrap();
    let outcome = |state: &str| {
        let is = |cell: &&serde_json::Value| cell["verb"] == "SELECT" && cell["context_state"] == state;
        cells.iter().find(is).map(|cell| cell["outcome"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(outcome("own tenant").as_deref(), Some("isolated"), "{cells:#?}");
    assert_eq!(outcome("empty").as_deref(), Some("leaking"));
    for state in ["bogus", "pattern", "forged: a quote"] {
        assert_eq!(outcome(state).as_deref(), Some("isolated"), "{state}");
    }
    // What was set and is reset is empty.
    for state in ["after RESET", "after DISCARD ALL"] {
        assert_eq!(outcome(state).as_deref(), Some("leaking"), "{state}");
    }
}

/// A tenant that is pinned for a role or for the database leaks where no tenant is set, and a change of the policies does
/// not mend it: none is called a proven fix because the trial's session is not pinned.
#[test]
fn a_pinned_tenant_is_mended_by_no_policy() {
    let tenant = "aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa";
    for pin in [
        format!("ALTER ROLE app SET app.tenant = '{tenant}';"),
        format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET app.tenant = %L', current_database(), '{tenant}'); END $$;"
        ),
    ] {
        let (folder, mut program) = given(&format!("{NOTES}{POLICY}{pin}"));
        program.args(HUNT).args(["--out", "out"]).assert().code(1);
        let found = report(folder.path());
        let findings = found["findings"].as_array().unwrap();
        let leak = findings.iter().find(|f| f["status"] == "confirmed" && f["context_state"] == "never set").unwrap();
        let is_mended = leak["fix_status"] == "proven" && !leak["fix"].as_str().unwrap().contains("REVOKE");
        assert!(!is_mended, "{pin}: {leak:#}");
    }
}

fn report(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("out/hunt.json")).unwrap()).unwrap()
}

/// Of a live database the structure is cloned. The server's own counters say that no row was read or written, and
/// nothing of its rows is in the report.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_database_is_not_touched() {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let (live, own) = (Server::start(&options, None).await.unwrap(), Server::start(&options, None).await.unwrap());
    let mut owner = PgConnection::connect_with(&live.admin("postgres")).await.unwrap();
    let rows = "INSERT INTO notes SELECT gen_random_uuid(), n, 'a secret of ours' FROM generate_series(1, 50) n;";
    let schema = format!("CREATE ROLE app; {NOTES}{POLICY}{rows}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(schema)).execute(&mut owner).await.unwrap();
    // Counters are handed over when a session ends.
    owner.close().await.unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let mut before = counters(&live).await;
    while !before.contains("50") && std::time::Instant::now() < deadline {
        before = counters(&live).await;
    }
    assert!(before.contains("50"), "{before}");

    let mut url = live.admin("postgres").to_url_lossy();
    url.set_query(None);
    let report = hunt(&Target::Database(url.to_string()), &own, None, &Config::default()).await.unwrap();
    assert_eq!(counters(&live).await, before);
    assert_eq!(report.discovered.control_visible, 1, "{:#?}", report.coverage.not_tested);
    assert!(!json(&report).contains("a secret of ours"));
    let mut admin = PgConnection::connect_with(&live.admin("postgres")).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname LIKE 'chaos%'")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(left, 0);
    admin.close().await.unwrap();
    own.stop().await.unwrap();
    live.stop().await.unwrap();
}

/// What sessions of a live database begin with is part of what is hunted: settings of roles and of the database, and who
/// may log in. Its version is what is reported, not that of the throw-away server.
#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_tenant_of_a_live_database_is_found() {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let (live, own) = (Server::start(&options, None).await.unwrap(), Server::start(&options, None).await.unwrap());
    let mut owner = PgConnection::connect_with(&live.admin("postgres")).await.unwrap();
    let settings = "ALTER ROLE app SET app.tenant = 'a''b'; ALTER DATABASE postgres SET app.tenant = 'everybody''s'; \
                    ALTER ROLE app IN DATABASE postgres SET app.tenant = 'here'; ALTER ROLE app SET work_mem = '8MB'; \
                    ALTER DATABASE postgres SET default_transaction_read_only = off;";
    let schema = format!(
        "CREATE ROLE app LOGIN; CREATE ROLE reader; GRANT reader TO app WITH ADMIN OPTION; {NOTES}{POLICY}{settings}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(schema)).execute(&mut owner).await.unwrap();
    let mut url = live.admin("postgres").to_url_lossy();
    url.set_query(None);
    let applied = apply(&Target::Database(url.to_string()), &own).await.unwrap();
    owner.close().await.unwrap();
    assert!(applied.live_version.is_some_and(|version| version >= 100_000));

    let mut connection = PgConnection::connect_with(&own.admin(&applied.database)).await.unwrap();
    let found = audit_applied(&mut connection, &applied, Some("app")).await.unwrap();
    let pinned = found.findings.iter().filter(|finding| finding.mode == "F60").map(|finding| finding.evidence.as_str());
    assert_eq!(pinned.collect::<Vec<_>>(), ["app.tenant=a'b", "app.tenant=here", "app.tenant=everybody's"]);
    let query = "SELECT rolcanlogin AND (SELECT bool_and(admin_option) FROM pg_auth_members WHERE member = r.oid) \
                 AND NOT EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) x WHERE x ~ '^(work_mem|default)') \
                 FROM pg_roles r WHERE rolname = 'app'";
    assert!(sqlx::query_scalar::<_, bool>(query).fetch_one(&mut connection).await.unwrap());
    connection.close().await.unwrap();
    own.stop().await.unwrap();
    live.stop().await.unwrap();
}

/// What the server has counted for the table: rows read by scans and by index, inserted, updated and deleted.
async fn counters(server: &Server) -> String {
    let mut admin = PgConnection::connect_with(&server.admin("postgres")).await.unwrap();
    let query = "SELECT concat_ws(' ', seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del) \
                 FROM pg_stat_user_tables WHERE relname = 'notes'";
    let text = sqlx::query_scalar(query).fetch_one(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    text
}
