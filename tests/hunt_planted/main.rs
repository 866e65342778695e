//! Proves what the hunt gives for a leak: it is confirmed under its mode, its reproducer fails with psql while it is
//! there and passes once the fix that the hunt has proven is applied, and it does not fall silent.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

#[path = "../hunting/mod.rs"]
mod hunting;
mod plants;

use std::io::Write;
use std::process::{Command, Stdio};

use hunting::{CLAIMS, REFERENCE, ROLES, server, with};
use plants::{LOOSE_KEY, MINE, NOTES, PLANTED, PLANTED_CLAIMS, PLANTED_ROLES};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tenant_chaos::hunt::{Config, Finding, FixStatus, HuntReport, HuntVerdict, Severity, Status, Target, apply, hunt};
use tenant_chaos::stack::Server;

fn confirmed(report: &HuntReport) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.status == Status::Confirmed).collect()
}

/// Every planted leak is confirmed under its mode; its reproducer fails with 3, and passes once the fix that the hunt
/// has proven is applied.
#[tokio::test(flavor = "multi_thread")]
async fn planted_leaks_are_confirmed_reproduced_and_mended() {
    let server = server().await;
    let mut wrong = Vec::new();
    let reference = PLANTED.iter().map(|planted| (planted, REFERENCE, "chaos_app"));
    let claims = PLANTED_CLAIMS.iter().map(|planted| (planted, CLAIMS, "web_user"));
    let roles = PLANTED_ROLES.iter().map(|planted| (planted, ROLES, "shop_gateway"));
    for ((mode, plant), schema, role) in reference.chain(claims).chain(roles) {
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
