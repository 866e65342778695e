//! Proves that every kind of probe can find something: for each verb there is a planted leak in whose hunt a cell of that
//! verb leaks. A probe that nothing makes fail would prove nothing where it finds nothing.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod hunting;

use std::collections::BTreeSet;

use hunting::{CLAIMS, REFERENCE, server, with};
use tenant_chaos::hunt::{Config, HuntReport, Options, Outcome, Trials, hunt_with};
use tenant_chaos::stack::Server;

/// Tables, views and keys.
const TABLES: &str = "
CREATE TABLE open (tenant_id uuid REFERENCES tenants, id bigint NOT NULL, body text NOT NULL, file oid,
    PRIMARY KEY (tenant_id, id));
GRANT ALL ON open TO chaos_app;
CREATE VIEW v AS SELECT * FROM documents;
GRANT SELECT, UPDATE, DELETE ON v TO chaos_app;
ALTER TABLE orders ADD UNIQUE (client_ref);
ALTER TABLE documents DROP CONSTRAINT documents_tenant_id_project_id_fkey;
ALTER TABLE projects ADD UNIQUE (id);
ALTER TABLE documents ADD FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE;
CREATE TABLE hints (id int, project bigint REFERENCES projects (id));
GRANT SELECT, INSERT ON hints TO chaos_app;
CREATE TABLE own (tenant_id uuid REFERENCES tenants, id bigint NOT NULL, body text NOT NULL);
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON own USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
ALTER TABLE own OWNER TO chaos_app;
CREATE EXTENSION postgres_fdw SCHEMA pg_catalog;
DO $$ BEGIN
    EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
        split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
    EXECUTE format('CREATE USER MAPPING FOR PUBLIC SERVER here OPTIONS (user %L, password_required ''false'')', current_user);
END $$;
CREATE FOREIGN TABLE far (tenant_id uuid, id bigint, note text) SERVER here OPTIONS (table_name 'orders');
GRANT SELECT, UPDATE ON far TO chaos_app;
ALTER TABLE memberships ADD COLUMN revoked_at timestamptz;";

/// Functions, and objects that no policy guards.
const OBJECTS: &str = "
CREATE FUNCTION read_all() RETURNS SETOF documents LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM public.documents';
CREATE FUNCTION write_all(p uuid) RETURNS void LANGUAGE sql SECURITY DEFINER AS
    'UPDATE public.documents SET body = ''gone'' WHERE tenant_id = p';
CREATE FUNCTION size() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN RETURN (SELECT count(*) FROM documents); END';
CREATE FUNCTION spill(v text) RETURNS bool LANGUAGE plpgsql LEAKPROOF COST 0.0001 AS
    'BEGIN RAISE NOTICE ''%'', v; RETURN true; END';
CREATE FUNCTION cache() RETURNS SETOF text LANGUAGE plpgsql AS
    'BEGIN CREATE TEMP TABLE IF NOT EXISTS cached AS SELECT title AS r FROM public.documents; RETURN QUERY SELECT r FROM cached; END';
CREATE FUNCTION enter(id text) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'SET LOCAL app.tenant_id = ''' || id || ''''; END $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('changes', NEW::text); RETURN NEW; END $$;
CREATE TRIGGER tell AFTER INSERT ON projects FOR EACH ROW EXECUTE FUNCTION tell();
CREATE SEQUENCE ticket OWNED BY documents.id;
GRANT SELECT, USAGE ON SEQUENCE ticket TO chaos_app;
CREATE VIEW filtered AS SELECT * FROM usage_events
    WHERE tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT ON filtered TO chaos_app;
CREATE POLICY floor ON orders AS RESTRICTIVE USING (true);
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO chaos_app;";

/// Memberships that can be written, a function that believes a temporary table, and a context that plans keep.
const MEMBERSHIPS: &str = "
CREATE POLICY enter ON members FOR INSERT WITH CHECK (person_id = auth.uid());
CREATE POLICY change ON members FOR UPDATE USING (person_id = auth.uid());
GRANT INSERT, UPDATE ON members TO web_user;
ALTER TABLE teams DROP CONSTRAINT teams_id_lead_fkey;";
const SHADOWED: &str = "
CREATE OR REPLACE FUNCTION auth.teams() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    AS 'SELECT team_id FROM members WHERE person_id = auth.uid()';";
const KEPT: &str = "
CREATE FUNCTION who() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid; END $$;
ALTER POLICY own ON people USING (id = who());";

/// A verb, or an object and a verb, and the plant whose hunt must show it.
const CAUGHT: &[(&str, &str)] = &[
    ("tables", "open SELECT"),
    ("tables", "open COPY TO"),
    ("tables", "open INSERT"),
    ("tables", "open COPY FROM"),
    ("tables", "open UPDATE"),
    ("tables", "open UPDATE into another tenant"),
    ("tables", "open MERGE"),
    ("tables", "open INSERT ON CONFLICT"),
    ("tables", "open DELETE"),
    ("tables", "open TRUNCATE"),
    ("tables", "v SELECT"),
    ("tables", "v UPDATE"),
    ("tables", "v DELETE"),
    ("tables", "far SELECT"),
    ("tables", "far COPY TO"),
    ("tables", "far UPDATE"),
    ("tables", "pg_stats SELECT"),
    ("tables", "(large objects) lo_get"),
    ("tables", "documents INSERT that refers to another tenant"),
    ("tables", "projects DELETE that reaches another tenant"),
    ("tables", "orders INSERT that asks a unique key"),
    ("tables", "hints INSERT that asks a foreign key"),
    ("tables", "memberships SELECT by an ended membership"),
    ("objects", "read_all() CALL"),
    ("objects", "write_all(uuid) CALL that writes"),
    ("objects", "size() CREATE TEMP VIEW, then CALL"),
    ("objects", "documents SELECT with a LEAKPROOF condition"),
    ("objects", "filtered SELECT with a leaky condition"),
    ("objects", "cache() CALL, then SELECT from temporary tables"),
    ("objects", "enter(text) CALL with SQL in an argument"),
    ("objects", "channel changes LISTEN"),
    ("objects", "ticket SELECT"),
    ("objects", "ticket nextval"),
    ("objects", "orders SELECT beside an open policy"),
    ("memberships", "members INSERT, then SELECT"),
    ("memberships", "members UPDATE, then SELECT"),
    ("shadowed", "auth.teams() CREATE TEMP TABLE, then SELECT"),
    ("kept", "people SELECT in PL/pgSQL"),
    ("kept", "people EXECUTE"),
    ("half reset", "tenants temporary table of another tenant"),
    ("half reset", "tenants cursor of another tenant"),
    ("half reset", "tenants prepared statement of another tenant"),
    ("half reset", "tenants advisory lock of another tenant"),
    ("half reset", "tenants subscription of another tenant"),
];

async fn leaking(server: &Server, schema: &str, sql: &str, role: &str, config: &str) -> BTreeSet<String> {
    let (_folder, target) = with(schema, sql);
    let options = Options { sequences: 0, trials: Trials::Skip, ..Options::default() };
    let config = Config::parse(config).unwrap();
    let report: HuntReport = hunt_with(&target, server, Some(role), &config, &options).await.unwrap();
    let leaks = report.coverage.cells.iter().filter(|cell| cell.outcome == Outcome::Leaking);
    leaks.map(|cell| format!("{} {}", cell.object, cell.verb)).collect()
}

/// Every verb is caught. A pool that does not discard what a connection holds leaves it to the next tenant; one that does
/// leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_probe_can_find_something() {
    let server = server().await;
    let mut missed = Vec::new();
    for (name, schema, sql, role, config) in [
        ("tables", REFERENCE, TABLES, "chaos_app", ""),
        ("objects", REFERENCE, OBJECTS, "chaos_app", ""),
        ("memberships", CLAIMS, MEMBERSHIPS, "web_user", ""),
        ("shadowed", CLAIMS, SHADOWED, "web_user", ""),
        ("kept", CLAIMS, KEPT, "web_user", ""),
        ("half reset", REFERENCE, "", "chaos_app", "reset = ['RESET ALL']"),
        ("whole reset", REFERENCE, "", "chaos_app", "reset = ['DISCARD ALL']"),
    ] {
        let leaking = leaking(&server, schema, sql, role, config).await;
        let wanted: Vec<&str> = CAUGHT.iter().filter(|(plant, _)| *plant == name).map(|(_, verb)| *verb).collect();
        let lost: Vec<&&str> = wanted.iter().filter(|verb| !leaking.contains(**verb)).collect();
        if !lost.is_empty() || (wanted.is_empty() && !leaking.is_empty()) {
            missed.push(format!("{name}: not {lost:?}, but {leaking:?}"));
        }
    }
    server.stop().await.unwrap();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
