//! Proves the static audit on a real server: bad input names its line, an existing database is cloned without its
//! rows, an isolating schema has no leak, and each planted failure mode is found.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tenant_chaos::hunt::{Audit, Finding, HuntError, Severity, Target, apply, audit, open_read_only};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

async fn server() -> Server {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    Server::start(&options, None).await.unwrap()
}

async fn reference(server: &Server) -> String {
    apply(&Target::Schema(REFERENCE.into()), server).await.unwrap().database
}

async fn admin(server: &Server, database: &str) -> PgConnection {
    PgConnection::connect_with(&server.admin(database)).await.unwrap()
}

/// A statement that fails is named by file and line, to the token where the server says so; a missing role is created;
/// a file that undoes another is left out.
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1.sql"), "CREATE TABLE a (id int);\nGRANT SELECT ON a TO nobody_yet;\n")
        .unwrap();
    std::fs::write(folder.path().join("1.down.sql"), "DROP TABLE nothing").unwrap();
    let target = Target::Schema(folder.path().into());
    assert_eq!(apply(&target, &server).await.unwrap().created_roles, ["nobody_yet"]);

    std::fs::write(folder.path().join("2.sql"), "SELECT 1;\n\nSELECT\n  1,\n  missing_column;\n").unwrap();
    let error = apply(&target, &server).await.unwrap_err();
    assert!(error.is_input());
    let HuntError::Sql { path, line, message, .. } = error else { panic!("{error}") };
    assert!(path.ends_with("2.sql") && line == 5, "{}:{line}", path.display());
    assert!(message.contains("missing_column") && message.contains("42703"), "{message}");

    // What a file does not commit would be gone, and the rest be called closed.
    std::fs::write(folder.path().join("2.sql"), "BEGIN;\nCREATE TABLE b (id int);\n").unwrap();
    let error = apply(&target, &server).await.unwrap_err();
    assert!(error.is_input() && error.to_string().contains("2.sql") && error.to_string().contains("COMMIT"), "{error}");
    std::fs::write(
        folder.path().join("2.sql"),
        "BEGIN; CREATE TABLE b (id int); COMMIT; SET SESSION AUTHORIZATION nobody_yet",
    )
    .unwrap();
    std::fs::write(folder.path().join("3.sql"), "CREATE TABLE c (id int);").unwrap();
    let mut connection = admin(&server, &apply(&target, &server).await.unwrap().database).await;
    let owners = "SELECT string_agg(DISTINCT relowner::regrole::text, ' ') FROM pg_class WHERE relname IN ('b', 'c')";
    let owners: String = sqlx::query_scalar(owners).fetch_one(&mut connection).await.unwrap();
    assert_ne!(owners, "nobody_yet");

    let nothing = Target::Schema(folder.path().join("none"));
    assert!(apply(&nothing, &server).await.unwrap_err().is_input());
    let mut connection = admin(&server, &reference(&server).await).await;
    let error = audit(&mut connection, Some("nobody")).await.unwrap_err();
    assert!(error.is_input() && error.to_string().contains("\"nobody\" does not exist"), "{error}");
    server.stop().await.unwrap();
}

/// Of an existing database the structure is cloned and no row; what opens it cannot write.
#[tokio::test(flavor = "multi_thread")]
async fn an_existing_database_is_not_touched() {
    let server = server().await;
    let live = reference(&server).await;
    let mut owner = admin(&server, &live).await;
    let insert = "INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), 'a@b', 'secret')";
    sqlx::raw_sql(insert).execute(&mut owner).await.unwrap();
    let mut url = server.admin(&live).to_url_lossy();
    url.set_query(None);
    let url = url.to_string();
    let clone = apply(&Target::Database(url.clone()), &server).await.unwrap();
    let mut connection = admin(&server, &clone.database).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut connection).await.unwrap();
    let policies: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_policy").fetch_one(&mut connection).await.unwrap();
    assert_eq!((rows, policies > 5), (0, true));

    let mut read_only = open_read_only(&url).await.unwrap();
    let found = audit(&mut read_only, None).await.unwrap();
    assert!(!found.is_open());
    let written = sqlx::raw_sql("DELETE FROM users").execute(&mut read_only).await.unwrap_err();
    assert_eq!(written.as_database_error().unwrap().code().as_deref(), Some("25006"), "{written}");
    server.stop().await.unwrap();
}

/// The reference schema isolates: the application's role is found and nothing says leak or write.
#[tokio::test(flavor = "multi_thread")]
async fn the_reference_schema_is_closed() {
    let server = server().await;
    let mut connection = admin(&server, &reference(&server).await).await;
    let found = audit(&mut connection, None).await.unwrap();
    assert_eq!((found.app_role.as_str(), found.tenant_columns[0].as_str()), ("chaos_app", "tenant_id"));
    assert_eq!((found.tables, found.protected_tables), (11, 11));
    let open: Vec<_> =
        found.findings.iter().filter(|f| matches!(f.severity, Severity::Leak | Severity::Write)).collect();
    assert!(open.is_empty(), "{open:#?}");
    server.stop().await.unwrap();
}

const MINE: &str = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)";

/// A table whose tenant column has another spelling, and its tenant's condition.
const NOTES: &str = "CREATE TABLE notes (id int, \"tenantId\" uuid); ALTER TABLE notes ENABLE ROW LEVEL SECURITY; \
                     ALTER TABLE notes FORCE ROW LEVEL SECURITY; GRANT SELECT ON notes TO chaos_app;";
const OURS: &str = "\"tenantId\" = NULLIF(current_setting('app.tenant_id', true), '')::uuid";

/// Failure modes and how to plant them. `{MINE}` stands for the tenant's condition.
const PLANTED: &[(&str, &str)] = &[
    ("F01", "DROP POLICY tenant_isolation ON documents; ALTER TABLE documents DISABLE ROW LEVEL SECURITY"),
    ("F02", "ALTER TABLE documents DISABLE ROW LEVEL SECURITY"),
    ("F03", "ALTER TABLE documents OWNER TO chaos_app; ALTER TABLE documents NO FORCE ROW LEVEL SECURITY"),
    (
        "F04",
        "CREATE ROLE own4; ALTER TABLE orders OWNER TO own4; ALTER TABLE orders NO FORCE ROW LEVEL SECURITY; GRANT own4 TO chaos_app",
    ),
    ("F05", "ALTER ROLE chaos_app BYPASSRLS"),
    ("F06", "CREATE ROLE service6 BYPASSRLS; GRANT service6 TO chaos_app"),
    (
        "F07",
        "CREATE TABLE child (id int PRIMARY KEY, t uuid, p bigint, FOREIGN KEY (t, p) REFERENCES projects); GRANT SELECT ON child TO chaos_app",
    ),
    ("F01", "CREATE TABLE documents2 (LIKE documents INCLUDING ALL); GRANT SELECT ON documents2 TO chaos_app"),
    ("F09", "ALTER TABLE audit_events_2025 DISABLE ROW LEVEL SECURITY; GRANT SELECT ON audit_events_2025 TO chaos_app"),
    ("F10", "CREATE TABLE old_documents () INHERITS (documents); GRANT SELECT ON old_documents TO chaos_app"),
    ("F12", "CREATE MATERIALIZED VIEW m AS SELECT * FROM documents; GRANT SELECT ON m TO chaos_app"),
    (
        "F13",
        "CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER c AFTER INSERT ON documents FOR EACH ROW EXECUTE FUNCTION copy()",
    ),
    ("F15", "CREATE POLICY x ON documents USING (true)"),
    ("F16", "CREATE POLICY x ON documents FOR SELECT USING (title = 'open')"),
    ("F17", "CREATE POLICY x ON documents AS RESTRICTIVE USING (true)"),
    ("F18", "CREATE POLICY x ON documents USING (coalesce(current_setting('app.tenant_id', true), '') = '' OR {MINE})"),
    ("F18", "CREATE POLICY x ON documents USING (current_setting('app.tenant_id', true) IS NULL OR {MINE})"),
    (
        "F18",
        "CREATE POLICY x ON documents USING (CASE WHEN current_setting('app.tenant_id', true) = '' THEN true ELSE {MINE} END)",
    ),
    (
        "F18",
        "CREATE POLICY x ON documents USING (tenant_id = coalesce(NULLIF(current_setting('app.tenant_id', true), '')::uuid, tenant_id))",
    ),
    // What restricts has a branch for a missing tenant of its own, or is for another command.
    (
        "F15",
        "CREATE POLICY x ON documents USING (true); CREATE POLICY floor ON documents AS RESTRICTIVE USING (current_setting('app.tenant_id', true) IS NULL OR {MINE})",
    ),
    (
        "F36",
        "CREATE POLICY x ON documents USING (true); CREATE POLICY floor ON documents AS RESTRICTIVE FOR SELECT USING ({MINE})",
    ),
    (
        "F35",
        "CREATE POLICY x ON documents FOR UPDATE USING ({MINE}) WITH CHECK (true); CREATE POLICY floor ON documents AS RESTRICTIVE FOR UPDATE USING ({MINE}) WITH CHECK (true)",
    ),
    ("F01", "CREATE TABLE notes (id int, \"tenantId\" uuid); GRANT SELECT ON notes TO chaos_app"),
    ("F19", "{NOTES} CREATE POLICY x ON notes USING (\"tenantId\" IS NULL OR {OURS})"),
    (
        "F21",
        "{NOTES} CREATE POLICY x ON notes USING (EXISTS (SELECT FROM notes n WHERE n.\"tenantId\" = n.\"tenantId\"))",
    ),
    ("F32", "{NOTES} CREATE POLICY x ON notes USING (\"tenantId\" = '00000000-0000-0000-0000-000000000001' OR {OURS})"),
    (
        "F19",
        "ALTER TABLE documents DROP CONSTRAINT documents_pkey; ALTER TABLE documents ALTER tenant_id DROP NOT NULL; CREATE POLICY x ON documents USING (tenant_id IS NULL OR {MINE})",
    ),
    ("F20", "CREATE POLICY x ON documents USING (current_setting('app.bypass', true) = 'on')"),
    ("F20", "CREATE POLICY x ON documents USING ({MINE} OR current_setting('app.bypass', true)::bool)"),
    (
        "F20",
        "CREATE POLICY x ON documents USING ({MINE} OR (current_setting('app.role', true) = 'admin' AND title <> ''))",
    ),
    ("F21", "CREATE POLICY x ON documents USING (EXISTS (SELECT FROM memberships m WHERE m.tenant_id = tenant_id))"),
    ("F23", "CREATE POLICY x ON documents USING (current_setting('app.tenant_id', true) IS NOT NULL)"),
    ("F24", "CREATE POLICY x ON documents USING (tenant_id::text LIKE current_setting('app.tenant_id', true) || '%')"),
    (
        "F26",
        "CREATE POLICY x ON documents USING (tenant_id = (current_setting('request.jwt.claims', true)::jsonb -> 'user_metadata' ->> 't')::uuid)",
    ),
    ("F28", "ALTER TABLE memberships DISABLE ROW LEVEL SECURITY; GRANT INSERT ON memberships TO chaos_app"),
    (
        "F29",
        "CREATE FUNCTION ctx() RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT current_setting('app.tenant_id', true)::uuid $$; CREATE POLICY x ON documents USING (tenant_id = ctx())",
    ),
    ("F32", "CREATE POLICY x ON documents USING (tenant_id = '00000000-0000-0000-0000-000000000001' OR {MINE})"),
    ("F34", "CREATE POLICY x ON documents FOR INSERT WITH CHECK (true)"),
    ("F35", "CREATE POLICY x ON documents FOR UPDATE USING ({MINE}) WITH CHECK (true)"),
    ("F36", "CREATE POLICY x ON documents FOR UPDATE USING (true) WITH CHECK ({MINE})"),
    ("F37", "CREATE POLICY x ON documents USING (title = 'public')"),
    ("F39", "GRANT TRUNCATE ON documents TO chaos_app"),
    ("F41", "CREATE VIEW v AS SELECT * FROM documents; GRANT SELECT ON v TO chaos_app"),
    ("F43", "CREATE VIEW v AS SELECT * FROM documents WHERE {MINE}; GRANT SELECT ON v TO chaos_app"),
    ("F44", "CREATE FUNCTION f() RETURNS SETOF documents LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM documents'"),
    (
        "F44",
        "{NOTES} ALTER TABLE notes RENAME TO \"orders (2024)\"; CREATE FUNCTION f() RETURNS SETOF \"orders (2024)\" LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM \"orders (2024)\"'",
    ),
    ("F45", "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"),
    ("F46", "CREATE FUNCTION f(text) RETURNS bool LANGUAGE sql LEAKPROOF AS 'SELECT true'"),
    (
        "F47",
        "ALTER TABLE projects ADD UNIQUE (id); ALTER TABLE documents ADD FOREIGN KEY (project_id) REFERENCES projects (id)",
    ),
    (
        "F48",
        "ALTER TABLE projects ADD UNIQUE (id); ALTER TABLE documents ADD FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE",
    ),
    ("F50", "ALTER TABLE documents ADD UNIQUE (title)"),
    (
        "F51",
        "ALTER TABLE projects ADD UNIQUE (id); ALTER TABLE documents ADD FOREIGN KEY (project_id) REFERENCES projects (id)",
    ),
    ("F60", "ALTER ROLE chaos_app SET app.tenant_id = '00000000-0000-0000-0000-000000000001'"),
    ("F60", "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET app.tenant_id = ''x''', current_database()); END $$"),
    ("F71", "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO chaos_app"),
    ("F72", "CREATE PUBLICATION p FOR ALL TABLES"),
];

/// What looks like a failure mode and isolates.
const CLOSED: &[&str] = &[
    // A soft delete beside the tenant.
    "ALTER TABLE documents ADD deleted_at timestamptz; ALTER POLICY tenant_isolation ON documents USING (tenant_id = current_setting('app.tenant_id', true)::uuid AND deleted_at IS NULL)",
    "ALTER TABLE documents ADD deleted_at timestamptz; ALTER POLICY tenant_isolation ON documents USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND deleted_at IS NULL)",
    // It denies where no tenant is set.
    "ALTER POLICY tenant_isolation ON documents USING (CASE WHEN current_setting('app.tenant_id', true) = '' THEN false ELSE {MINE} END)",
    // A restrictive policy asks for the tenant, whatever others let through.
    "CREATE POLICY x ON documents USING (true); CREATE POLICY floor ON documents AS RESTRICTIVE USING ({MINE})",
    "CREATE POLICY x ON documents USING (title = 'public'); CREATE POLICY floor ON documents AS RESTRICTIVE USING ({MINE} AND title <> '')",
    "CREATE POLICY x ON documents USING (current_setting('app.tenant_id', true) IS NULL OR current_setting('app.bypass', true) = 'on' OR tenant_id = '00000000-0000-0000-0000-000000000001'); CREATE POLICY floor ON documents AS RESTRICTIVE USING ({MINE})",
    "CREATE POLICY x ON documents FOR SELECT USING (true); CREATE POLICY floor ON documents AS RESTRICTIVE FOR SELECT USING ({MINE})",
    // A flag that narrows.
    "ALTER POLICY tenant_isolation ON documents USING ({MINE} AND current_setting('app.role', true) = 'admin')",
    // Settings that say no tenant, or are for others.
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET auto_explain.log_min_duration = ''1s''', current_database()); END $$",
    "ALTER ROLE chaos_app SET pgrst.db_schemas = 'public'",
    "CREATE ROLE reporter; ALTER ROLE reporter SET app.tenant_id = '00000000-0000-0000-0000-000000000001'",
    // Names that are no regular expressions.
    "{NOTES} ALTER TABLE notes RENAME TO \"audit(2024\"; CREATE FUNCTION \"f[\"() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'; CREATE POLICY x ON \"audit(2024\" USING (\"tenantId\" = \"f[\"())",
];

/// What isolates is not called a leak, however much it looks like one.
#[tokio::test(flavor = "multi_thread")]
async fn what_isolates_is_left_alone() {
    let server = server().await;
    let mut connection = admin(&server, &reference(&server).await).await;
    let clean = audit(&mut connection, Some("chaos_app")).await.unwrap();
    let mut wrong = Vec::new();
    for sql in CLOSED {
        let found = planted(&mut connection, sql).await;
        let is_open = |f: &&Finding| matches!(f.severity, Severity::Leak | Severity::Write);
        let new = found.findings.iter().filter(|f| !clean.findings.contains(f)).filter(is_open);
        wrong.extend(new.map(|f| format!("{} {}: {sql}", f.mode, f.evidence)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stop().await.unwrap();
}

/// The audit with something planted, which is rolled back.
async fn planted(connection: &mut PgConnection, sql: &str) -> Audit {
    let sql = sql.replace("{NOTES}", NOTES).replace("{MINE}", MINE).replace("{OURS}", OURS);
    sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
    let planted = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut *connection).await;
    planted.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let found = audit(connection, Some("chaos_app")).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    sqlx::raw_sql("ROLLBACK").execute(connection).await.unwrap();
    found
}

/// Every planted failure mode is found under its id; rolled back, it is gone, so the finding comes from the planting.
#[tokio::test(flavor = "multi_thread")]
async fn planted_modes_are_found() {
    let server = server().await;
    let mut connection = admin(&server, &reference(&server).await).await;
    let clean = audit(&mut connection, Some("chaos_app")).await.unwrap();
    let mut missed = Vec::new();
    for (mode, sql) in PLANTED {
        let found = planted(&mut connection, sql).await;
        let new: Vec<_> = found.findings.iter().filter(|f| !clean.findings.contains(f)).map(|f| &f.mode).collect();
        if !new.contains(&&(*mode).to_owned()) {
            missed.push(format!("{mode}, found only {new:?}: {sql}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    server.stop().await.unwrap();
}
