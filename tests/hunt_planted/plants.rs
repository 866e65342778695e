//! What is planted, by the mode under which a probe must confirm it.

pub(crate) const MINE: &str = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)";

/// A table of tenants for whatever is planted on it.
pub(crate) const NOTES: &str = "CREATE TABLE notes (tenant_id uuid REFERENCES tenants, id bigint NOT NULL, body text NOT NULL, \
     file oid, is_public boolean NOT NULL DEFAULT false, status text, UNIQUE (tenant_id, id)); \
     ALTER TABLE notes ENABLE ROW LEVEL SECURITY; \
     CREATE POLICY tenant_isolation ON notes USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid); \
     GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO chaos_app;";

/// Foreign keys without the tenant.
pub(crate) const LOOSE_KEY: &str = "ALTER TABLE documents DROP CONSTRAINT documents_tenant_id_project_id_fkey; \
     ALTER TABLE projects ADD UNIQUE (id); \
     ALTER TABLE documents ADD FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE;";

/// Leaks in the reference schema, by the mode under which a probe must confirm them. `{MINE}` is the tenant's condition.
pub(crate) const PLANTED: &[(&str, &str)] = &[
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
    (
        "F07",
        "CREATE TABLE child (n int PRIMARY KEY, note text, project bigint, t uuid, \
      FOREIGN KEY (t, project) REFERENCES projects (tenant_id, id)); GRANT SELECT ON child TO chaos_app",
    ),
    ("F17", "CREATE POLICY x ON documents AS RESTRICTIVE USING (true)"),
    ("F25", "ALTER TABLE memberships ADD COLUMN revoked_at timestamptz"),
    ("F32", "CREATE POLICY x ON projects USING (tenant_id = '00000000-0000-0000-0000-000000000001' OR {MINE})"),
    ("F37", "{NOTES} CREATE POLICY x ON notes USING (is_public)"),
    ("F43", "CREATE VIEW v AS SELECT * FROM documents WHERE {MINE}; GRANT SELECT ON v TO chaos_app"),
    (
        "F45",
        "CREATE FUNCTION size() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN RETURN (SELECT count(*) FROM documents WHERE tenant_id IS NOT NULL); END'",
    ),
    (
        "F46",
        "CREATE FUNCTION spill(v text) RETURNS bool LANGUAGE plpgsql LEAKPROOF COST 0.0001 AS \
         'BEGIN RAISE NOTICE ''%'', v; RETURN true; END'",
    ),
    (
        "F53",
        "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'DECLARE other text; BEGIN \
      SELECT title INTO other FROM documents WHERE tenant_id <> NEW.tenant_id LIMIT 1; \
      RAISE WARNING ''beside %'', other; RETURN NEW; END'; \
      CREATE TRIGGER warn BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION warn()",
    ),
    (
        "F62",
        "CREATE FUNCTION cache() RETURNS SETOF text LANGUAGE plpgsql AS 'BEGIN \
      CREATE TEMP TABLE IF NOT EXISTS cached AS SELECT title AS r FROM documents; \
      RETURN QUERY SELECT r FROM cached; END'",
    ),
    (
        "F67",
        "CREATE FUNCTION enter(id text) RETURNS void LANGUAGE plpgsql AS \
         $$ BEGIN EXECUTE 'SET LOCAL app.tenant_id = ''' || id || ''''; END $$",
    ),
    ("F71", "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO chaos_app"),
];

/// The same in the schema with claims.
pub(crate) const PLANTED_CLAIMS: &[(&str, &str)] = &[
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
    ("F25", "ALTER TABLE members ADD COLUMN revoked_at timestamptz"),
    ("F35", "CREATE POLICY x ON rooms FOR UPDATE USING (team_id IN (SELECT auth.teams())) WITH CHECK (true)"),
];

/// The same where tenants are roles. A role's defaults stay on the server, so what sets one comes last.
pub(crate) const PLANTED_ROLES: &[(&str, &str)] = &[
    ("F24", "CREATE POLICY x ON shop.invoices USING (shop::text LIKE current_user || '%')"),
    ("F25", "ALTER TABLE shop.partners ADD COLUMN status text NOT NULL CHECK (status IN ('active', 'revoked'))"),
    (
        "F67",
        "CREATE FUNCTION shop.enter(id text) RETURNS void LANGUAGE plpgsql AS \
         $$ BEGIN EXECUTE 'SET LOCAL ROLE \"' || id || '\"'; END $$",
    ),
    ("F60", "ALTER ROLE shop_gateway SET role = 'canary-a-0-'"),
];
