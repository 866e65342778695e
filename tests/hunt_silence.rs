//! Proves that silence is not taken for isolation: what erred, was cut, or could not have shown anything is NOT TESTED,
//! what it may hide is found all the same, and a hunt that proves little does not pass.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::time::{Duration, Instant};

use tenant_chaos::hunt::{
    Baseline, Cell, Config, Finding, HuntReport, HuntVerdict, Options, Outcome, Severity, Status, Target, Trials,
    hunt_with, junit,
};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// Two tables of tenants that isolate; one has a column with the name that an alias might have.
const SCHEMA: &str = "
CREATE ROLE app LOGIN;
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE notes (tenant_id uuid NOT NULL REFERENCES tenants, id bigint PRIMARY KEY, body text NOT NULL);
CREATE TABLE times (tenant_id uuid NOT NULL REFERENCES tenants, id bigint PRIMARY KEY, t timestamptz NOT NULL, body text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE times ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY own ON times USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON notes, times TO app;
";

/// The context as hunt.toml has it, said for the transaction (`true`) or for the session (`false`).
fn context(is_local: &str, of_b: &str) -> Config {
    let text = format!(
        "[context]\nenter = [\"SELECT set_config('app.tenant', '{{tenant}}', {is_local})\"]\n\
         [tenants.a.variables]\ntenant = 'aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa'\n\
         [tenants.b.variables]\ntenant = \"{of_b}\"\n"
    );
    Config::parse(&text).unwrap()
}

async fn hunted_with(sql: &str, config: &Config, options: &Options) -> HuntReport {
    let choice = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let server = Server::start(&choice, None).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.sql");
    std::fs::write(&file, format!("{SCHEMA}{sql}")).unwrap();
    let report = hunt_with(&Target::Schema(file), &server, Some("app"), config, options).await;
    server.stop().await.unwrap();
    report.unwrap()
}

fn probes_only() -> Options {
    Options { sequences: 0, trials: Trials::Skip, ..Options::default() }
}

async fn hunted(sql: &str) -> HuntReport {
    hunted_with(sql, &Config::default(), &probes_only()).await
}

fn cells<'a>(report: &'a HuntReport, object: &str, verb: &str) -> Vec<&'a Cell> {
    let is = |cell: &&Cell| cell.object == object && cell.verb == verb;
    report.coverage.cells.iter().filter(is).collect()
}

fn confirmed(report: &HuntReport) -> Vec<&Finding> {
    let is_open = |finding: &&Finding| {
        finding.status == Status::Confirmed && matches!(finding.severity, Severity::Leak | Severity::Write)
    };
    report.findings.iter().filter(is_open).collect()
}

fn all_are(cells: &[&Cell], outcome: Outcome) -> bool {
    !cells.is_empty() && cells.iter().all(|cell| cell.outcome == outcome)
}

/// The schema alone isolates, in every state, and the hunt of it passes.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_alone_passes() {
    let report = hunted("").await;
    assert!(confirmed(&report).is_empty(), "{:#?}", confirmed(&report));
    assert!(all_are(&cells(&report, "notes", "SELECT"), Outcome::Isolated), "{:#?}", report.coverage.not_tested);
    assert_eq!((report.verdict(), report.doubts()), (HuntVerdict::Closed, vec![]));
    // States of one table are no independent trials.
    assert!(report.bound.strata < report.bound.probes && report.bound.upper > 3.0 / (report.bound.strata as f64 + 3.0));
}

/// A column may have the name of an alias: a role that sees everything is found on such a table too, and a function that
/// writes into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_called_t_hides_nothing() {
    let report = hunted(
        "CREATE ROLE service_t BYPASSRLS; GRANT service_t TO app; GRANT SELECT ON times TO service_t;
         CREATE FUNCTION wipe() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE times SET body = ''gone''';",
    )
    .await;
    let found = confirmed(&report);
    assert!(found.iter().any(|finding| finding.mode == "F06" && finding.object == "times"), "{found:#?}");
    let writes = |finding: &&&Finding| finding.verb.as_deref() == Some("CALL that writes");
    assert!(found.iter().any(|finding| writes(&finding) && finding.object == "wipe()"), "{found:#?}");
}

/// Where B's request itself errs, nothing that follows it was attacked; and through a pooler neither.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_before_the_attack_is_no_isolation() {
    let report = hunted_with("", &context("true", "no key of anybody' || 1/0 || '"), &probes_only()).await;
    let after_b = |cell: &&&Cell| cell.context_state.contains("another");
    let all = cells(&report, "notes", "SELECT");
    let cells: Vec<&Cell> = all.iter().filter(after_b).copied().collect();
    assert!(all_are(&cells, Outcome::NotTested), "{cells:#?}");
    let own = all.iter().find(|cell| cell.context_state == "own tenant").unwrap();
    assert_eq!(own.outcome, Outcome::Isolated);
}

/// A function that never returns is stopped, proves nothing, and does not take the hunt with it; nor does a trigger.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_never_returns_is_bounded() {
    let options = Options { budget: Duration::from_secs(20), ..Options::default() };
    let began = Instant::now();
    let sql = "CREATE FUNCTION wait(p uuid) RETURNS text LANGUAGE plpgsql AS $$ BEGIN LOOP PERFORM pg_sleep(60); END LOOP; END $$;
               CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600), pg_notify('told', 'x'); RETURN NEW; END $$;
               CREATE TRIGGER tell BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION tell();";
    let report = hunted_with(sql, &Config::default(), &options).await;
    // Twice the budget, and what was under way when it was used up.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let calls = cells(&report, "wait(uuid)", "CALL");
    assert!(all_are(&calls, Outcome::NotTested), "{calls:#?}");
    assert!(cells(&report, "notes", "UPDATE").iter().all(|cell| cell.outcome == Outcome::NotTested));
}

/// What the budget cuts, and a protected table that tenant A itself does not see, leave the verdict open.
#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_that_proves_little_does_not_pass() {
    let blind = "CREATE TABLE blind (tenant_id uuid REFERENCES tenants, body text);
                 ALTER TABLE blind ENABLE ROW LEVEL SECURITY; GRANT SELECT ON blind TO app;
                 CREATE POLICY own ON blind USING (tenant_id::text = current_setting('app.other', true) || 'x');";
    let report = hunted(blind).await;
    assert_eq!(report.coverage.untested_tables, ["blind"]);
    assert!(report.coverage.isolated > 20 && report.discovered.control_visible >= 2);
    assert_eq!(report.verdict(), HuntVerdict::Inconclusive);
    assert!(report.doubts().iter().any(|doubt| doubt.contains("blind")), "{:?}", report.doubts());

    // A table that no policy lets anybody read is closed, and no reason for doubt.
    let closed = "CREATE TABLE closed (tenant_id uuid REFERENCES tenants, body text);
                  ALTER TABLE closed ENABLE ROW LEVEL SECURITY; GRANT SELECT ON closed TO app;";
    assert_eq!(hunted(closed).await.verdict(), HuntVerdict::Closed);

    let options = Options { budget: Duration::from_secs(1), ..probes_only() };
    let slow =
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.7); RETURN NEW; END $$;
                CREATE TRIGGER slow BEFORE UPDATE ON notes FOR EACH STATEMENT EXECUTE FUNCTION slow();";
    let report = hunted_with(slow, &Config::default(), &options).await;
    assert!(report.coverage.cut > 0 && report.verdict() == HuntVerdict::Inconclusive, "{:?}", report.doubts());
}

/// Branches of a policy beyond those that have rows are listed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_a_limit_is_listed() {
    let branches: Vec<String> =
        (0..12).map(|at| format!("kind = 'k{at}' AND current_setting('app.kind', true) = '{at}'")).collect();
    let sql = format!(
        "ALTER TABLE notes ADD COLUMN kind text; CREATE POLICY kinds ON notes FOR SELECT USING ({});
         CREATE TABLE never (tenant_id uuid REFERENCES tenants, id int, CONSTRAINT impossible CHECK (id > 1 AND id < 1));
         ALTER TABLE never ALTER id SET NOT NULL; GRANT SELECT, INSERT, UPDATE, DELETE ON never TO app;",
        branches.join(" OR ")
    );
    let report = hunted(&sql).await;
    let beyond = cells(&report, "notes", "SELECT of a policy's branch");
    assert_eq!(beyond.iter().filter(|cell| cell.reason.as_ref().unwrap().contains("only 8")).count(), 4, "{beyond:#?}");
    for verb in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
        let cells = cells(&report, "never", verb);
        assert!(
            all_are(&cells, Outcome::NotTested) && cells[0].reason.as_ref().unwrap().contains("impossible"),
            "{verb}"
        );
    }
}

/// A channel is heard by its name as the server folds it; one that is an expression, and one on which nothing came, are
/// not tested.
#[tokio::test(flavor = "multi_thread")]
async fn channels_that_nothing_came_on_are_not_tested() {
    let report = hunted(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_notify('tenant_' || NEW.tenant_id, NEW.body); PERFORM pg_notify('keys', 'changed');
             EXECUTE 'NOTIFY Folded, ' || quote_literal(NEW.body); RETURN NEW; END $$;
         CREATE TRIGGER tell BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION tell();
         CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_notify('never', 'x'); RETURN NEW; END $$;",
    )
    .await;
    let outcome = |object: &str| cells(&report, object, "LISTEN").first().map(|cell| cell.outcome);
    assert_eq!(outcome("channel folded"), Some(Outcome::Leaking), "{:#?}", report.coverage.not_tested);
    assert_eq!(outcome("channel keys"), Some(Outcome::Isolated));
    assert_eq!(outcome("channel never"), Some(Outcome::NotTested));
    assert_eq!(outcome("channel of tell()"), Some(Outcome::NotTested));
    assert_eq!(outcome("channel tenant_"), None);
}

/// A function that shows nothing of A's to A proves nothing about B; keys of rows are tried until it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_needs_a_positive_control() {
    let report = hunted(
        "CREATE FUNCTION nothing(p uuid) RETURNS SETOF notes LANGUAGE sql STABLE AS 'SELECT * FROM notes WHERE false';
         CREATE FUNCTION mine(p bigint) RETURNS SETOF notes LANGUAGE sql STABLE AS 'SELECT * FROM notes WHERE id = p';
         CREATE FUNCTION any_note(p bigint) RETURNS SETOF notes LANGUAGE sql STABLE SECURITY DEFINER AS
             'SELECT * FROM notes WHERE id = p';",
    )
    .await;
    let nothing = cells(&report, "nothing(uuid)", "CALL");
    assert!(all_are(&nothing, Outcome::NotTested), "{nothing:#?}");
    let mine = cells(&report, "mine(bigint)", "CALL");
    assert!(all_are(&mine, Outcome::Isolated), "{mine:#?}");
    let found = confirmed(&report);
    assert!(found.iter().any(|finding| finding.object == "any_note(bigint)"), "{found:#?}");
}

/// What a baseline accepts hides nothing else: rows that whoever has no tenant sees are accepted, and a tenant that is
/// left on a connection is still found, with a verdict and a test case of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_finding_hides_no_other() {
    let public = "CREATE POLICY anonymous ON notes FOR SELECT USING (current_setting('app.tenant', true) IS NULL);";
    let left = context("false", "bbbbbbbb-0000-4000-8000-bbbbbbbbbbbb");
    let mut report = hunted_with(public, &left, &probes_only()).await;
    let found: Vec<Finding> = confirmed(&report).into_iter().filter(|f| f.object == "notes").cloned().collect();
    let anonymous = found.iter().find(|finding| finding.context_state.as_deref() == Some("never set")).unwrap();
    let recycled = found.iter().find(|finding| finding.mode == "F55").unwrap();
    assert_ne!(anonymous.fingerprint, recycled.fingerprint);
    let accept = |fingerprint: &str| format!("[[accepted]]\nfingerprint = '{fingerprint}'\nreason = 'public'\n");
    let others = report.findings.iter().filter(|f| f.object != "notes").map(|f| accept(&f.fingerprint));
    let accepted = others.collect::<String>() + &accept(&anonymous.fingerprint);
    let mut whole = accepted.clone();
    Baseline::parse(&accepted).unwrap().apply(&mut report);
    assert_eq!(report.verdict(), HuntVerdict::Confirmed);
    let xml = junit(&report);
    assert!(xml.contains("type=\"leak\"") && xml.contains("recycled after another tenant"), "{xml}");

    found.iter().for_each(|finding| whole += &accept(&finding.fingerprint));
    Baseline::parse(&whole).unwrap().apply(&mut report);
    assert_ne!(report.verdict(), HuntVerdict::Confirmed, "{:#?}", confirmed(&report));
}

/// A function with its caller's rights is nothing new only where the very table that it reads is open anyway.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_not_hidden_by_another_table() {
    let report = hunted(
        "CREATE POLICY all_times ON times USING (true);
         CREATE POLICY flagged ON notes FOR SELECT USING (current_setting('app.bypass', true) = 'open sesame');
         CREATE FUNCTION every_note() RETURNS SETOF notes LANGUAGE sql SET app.bypass = 'open sesame' AS 'SELECT * FROM notes';
         CREATE FUNCTION every_time() RETURNS SETOF times LANGUAGE sql AS 'SELECT * FROM times';",
    )
    .await;
    let found = confirmed(&report);
    let has = |object: &str| found.iter().any(|finding| finding.object == object);
    assert!(has("times") && has("every_note()"), "{found:#?}");
    assert!(!has("every_time()"), "{found:#?}");
    let passed_on = cells(&report, "every_time()", "CALL");
    let table = found.iter().find(|finding| finding.object == "times").unwrap();
    assert!(passed_on.iter().all(|cell| cell.finding.as_ref() == Some(&table.fingerprint)), "{passed_on:#?}");
}

/// A function that writes leaves rows that a reproducer does not have: what a sequence reaches by calling one is listed,
/// and no finding.
#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_called_a_writer_is_no_finding() {
    let options = Options { sequences: 400, trials: Trials::Skip, ..Options::default() };
    let report = hunted_with(
        "CREATE TABLE shares (tenant_id uuid PRIMARY KEY REFERENCES tenants, note text);
         ALTER TABLE shares ENABLE ROW LEVEL SECURITY;
         CREATE FUNCTION is_shared(p uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS
             $$ SELECT EXISTS (SELECT FROM shares WHERE tenant_id = p AND note LIKE 'open%') $$;
         CREATE POLICY shared ON notes FOR SELECT USING (is_shared(tenant_id));
         CREATE FUNCTION publish() RETURNS void LANGUAGE sql SECURITY DEFINER AS
             $$ UPDATE shares SET note = 'open' WHERE tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid $$;",
        &Config::default(),
        &options,
    )
    .await;
    let by_call = |sequence: &&tenant_chaos::hunt::Sequence| sequence.statements.iter().any(|s| s.contains("publish("));
    let found: Vec<_> = confirmed(&report).into_iter().filter(|finding| finding.object == "notes").collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(report.search.sequences.iter().any(|s| by_call(&s)), "{:#?}", report.search);
}
