//! Failure modes and how each is planted: `{NAME}` is a word of the schema (styles.rs).

use super::styles::Style;

/// One failure mode.
pub(crate) struct Plant {
    pub(crate) mode: &'static str,
    /// In a few words.
    pub(crate) what: &'static str,
    how: &'static [How],
}

/// How it is planted in a schema, the first that is for it.
enum How {
    /// In every schema.
    Sql(&'static str),
    /// In one schema.
    In(&'static str, &'static str),
    /// In how the application's requests say who they are.
    Enter(&'static str),
    /// It has no meaning in this schema.
    No(&'static str, &'static str),
    /// It cannot be planted in any.
    Never(&'static str),
}
use How::{Enter, In, Never, No, Sql};

/// What is planted.
pub(crate) enum Planted {
    /// Beside the schema.
    Sql(String),
    /// In hunt.toml.
    Config(String),
    /// Nothing, and why.
    Nothing(&'static str),
}

impl Plant {
    pub(crate) fn of(&self, style: &Style) -> Planted {
        for how in self.how {
            match how {
                Sql(sql) => return Planted::Sql(style.fill(sql)),
                In(name, sql) if *name == style.name => return Planted::Sql(style.fill(sql)),
                No(name, why) if *name == style.name => return Planted::Nothing(why),
                Enter(statement) => return Planted::Config(config(style, statement)),
                Never(why) => return Planted::Nothing(why),
                In(..) | No(..) => {}
            }
        }
        Planted::Nothing("no way to plant it is known")
    }
}

/// A hunt.toml whose requests enter with this statement.
fn config(style: &Style, statement: &str) -> String {
    let statement = ["false", "true"].into_iter().fold(statement.to_owned(), |text, is_local| {
        text.replace(&format!("{{ENTER_{is_local}}}"), &style.enter.replace("{IS_LOCAL}", is_local))
    });
    let mut text = format!("[context]\nenter = [{statement:?}]\n");
    for (tenant, id) in ["a", "b"].into_iter().zip(style.ids) {
        text += &format!("[tenants.{tenant}]\nvariables = {{ id = {id:?} }}\n");
        if !style.setup.is_empty() {
            text += &format!("setup = [{:?}]\n", style.setup.replace("{id}", id));
        }
    }
    text
}

const SETTING: &str = "no setting says who a request is";
const POOL: &str = "between the application and its pool; provoked by scenarios/isolation";

pub(crate) const PLANTS: &[Plant] = &[
    Plant {
        mode: "F01",
        what: "row security never enabled",
        how: &[Sql(
            "DO $$ DECLARE p record; BEGIN FOR p IN SELECT policyname FROM pg_policies WHERE tablename = '{T}' LOOP \
             EXECUTE format('DROP POLICY %I ON {T}', p.policyname); END LOOP; END $$; \
             ALTER TABLE {T} DISABLE ROW LEVEL SECURITY",
        )],
    },
    Plant {
        mode: "F02",
        what: "policies, row security off",
        how: &[Sql("ALTER TABLE {T} DISABLE ROW LEVEL SECURITY")],
    },
    Plant {
        mode: "F03",
        what: "the application owns the table, not forced",
        how: &[Sql("ALTER TABLE {T} OWNER TO {APP}; ALTER TABLE {T} NO FORCE ROW LEVEL SECURITY")],
    },
    Plant {
        mode: "F04",
        what: "the application is a member of the owner",
        how: &[Sql("CREATE ROLE planted_owner; ALTER TABLE {T} OWNER TO planted_owner; \
             ALTER TABLE {T} NO FORCE ROW LEVEL SECURITY; GRANT planted_owner TO {APP}")],
    },
    Plant {
        mode: "F05",
        what: "the application's role has BYPASSRLS",
        how: &[
            In(
                "roles",
                "ALTER ROLE {LOGIN} BYPASSRLS; GRANT USAGE ON SCHEMA {PATH} TO {LOGIN}; GRANT SELECT ON {T} TO {LOGIN}",
            ),
            Sql("ALTER ROLE {LOGIN} BYPASSRLS"),
        ],
    },
    Plant {
        mode: "F06",
        what: "SET ROLE reaches an exempt role",
        how: &[Sql("CREATE ROLE planted_service BYPASSRLS; GRANT USAGE ON SCHEMA {PATH} TO planted_service; \
             GRANT SELECT ON {T} TO planted_service; GRANT planted_service TO {LOGIN}")],
    },
    Plant {
        mode: "F07",
        what: "a child table without policy",
        how: &[Sql(
            "CREATE TABLE planted_child (n int PRIMARY KEY, note text, t {TYPE} NOT NULL, p {KEY_TYPE} NOT NULL, \
             FOREIGN KEY (t, p) REFERENCES {T} ({TID}, {KEY})); GRANT SELECT ON planted_child TO {APP}",
        )],
    },
    Plant {
        mode: "F08",
        what: "a copy of the table (LIKE INCLUDING ALL)",
        how: &[Sql("CREATE TABLE planted_copy (LIKE {T} INCLUDING ALL); GRANT SELECT ON planted_copy TO {APP}")],
    },
    Plant {
        mode: "F09",
        what: "a partition is granted, without policy",
        how: &[Sql("ALTER TABLE {PARTITION} DISABLE ROW LEVEL SECURITY; GRANT SELECT ON {PARTITION} TO {APP}")],
    },
    Plant {
        mode: "F10",
        what: "an inheritance child",
        how: &[Sql("CREATE TABLE planted_heir () INHERITS ({T}); GRANT SELECT ON planted_heir TO {APP}")],
    },
    Plant {
        mode: "F11",
        what: "a foreign table with a shared mapping",
        how: &[Sql(
            "CREATE EXTENSION postgres_fdw SCHEMA pg_catalog; DO $$ BEGIN EXECUTE format('CREATE SERVER planted FOREIGN DATA WRAPPER \
             postgres_fdw OPTIONS (host %L, port %L, dbname %L)', split_part(current_setting('unix_socket_directories'), ',', 1), \
             current_setting('port'), current_database()); \
             EXECUTE format('CREATE USER MAPPING FOR PUBLIC SERVER planted OPTIONS (user %L, password_required ''false'')', current_user); \
             END $$; CREATE FOREIGN TABLE planted_foreign ({TEXT} text) SERVER planted OPTIONS (schema_name '{PATH}', table_name '{T}'); \
             GRANT SELECT ON planted_foreign TO {APP}",
        )],
    },
    Plant {
        mode: "F12",
        what: "a materialised view",
        how: &[Sql(
            "CREATE MATERIALIZED VIEW planted_view AS SELECT * FROM {T}; GRANT SELECT ON planted_view TO {APP}",
        )],
    },
    Plant {
        mode: "F13",
        what: "a trigger copies rows into a search table",
        how: &[Sql("CREATE TABLE planted_search (n serial, found text); GRANT SELECT ON planted_search TO {APP}; \
             CREATE FUNCTION planted_copy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
             INSERT INTO {PATH}.planted_search (found) VALUES (NEW.{TEXT}); RETURN NEW; END $$; \
             CREATE TRIGGER planted AFTER INSERT ON {T} FOR EACH ROW EXECUTE FUNCTION planted_copy()")],
    },
    Plant {
        mode: "F14",
        what: "rows are sent as notifications",
        how: &[Sql("CREATE FUNCTION planted_tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM pg_notify('changes', NEW::text); RETURN NEW; END $$; \
             CREATE TRIGGER planted AFTER INSERT OR UPDATE ON {T} FOR EACH ROW EXECUTE FUNCTION planted_tell()")],
    },
    Plant { mode: "F15", what: "USING (true)", how: &[Sql("CREATE POLICY planted ON {T} USING (true)")] },
    Plant {
        mode: "F16",
        what: "a second permissive policy",
        how: &[Sql("CREATE POLICY planted ON {T} FOR SELECT USING ({TEXT} = 'open')")],
    },
    Plant {
        mode: "F17",
        what: "a restrictive policy that is true",
        how: &[Sql("CREATE POLICY planted ON {T} AS RESTRICTIVE USING (true)")],
    },
    Plant {
        mode: "F18",
        what: "open without a tenant",
        how: &[
            In(
                "reference",
                "CREATE POLICY planted ON {T} USING (coalesce(current_setting('app.tenant_id', true), '') = '' OR {MINE})",
            ),
            In("claims", "CREATE POLICY planted ON {T} USING (auth.uid() IS NULL OR {MINE})"),
            In(
                "roles",
                "GRANT USAGE ON SCHEMA {PATH} TO {LOGIN}; GRANT SELECT ON {T} TO {LOGIN}; \
                 CREATE POLICY planted ON {T} USING (NOT pg_has_role(current_user, 'shop_tenant', 'USAGE') OR {MINE})",
            ),
        ],
    },
    Plant {
        mode: "F19",
        what: "rows without tenant are everybody's",
        how: &[Sql("ALTER TABLE {T} DROP CONSTRAINT {T}_pkey CASCADE; ALTER TABLE {T} ALTER {TID} DROP NOT NULL; \
             CREATE POLICY planted ON {T} USING ({TID} IS NULL OR {MINE})")],
    },
    Plant {
        mode: "F20",
        what: "a flag that any client can set",
        how: &[Sql("CREATE POLICY planted ON {T} USING (current_setting('app.bypass', true) = 'on')")],
    },
    Plant {
        mode: "F21",
        what: "a name captured in a sub-select",
        how: &[Sql("CREATE POLICY planted ON {T} USING (EXISTS (SELECT FROM {M} m WHERE m.{TID} = {TID}))")],
    },
    Plant {
        mode: "F22",
        what: "AND before OR",
        how: &[Sql("CREATE POLICY planted ON {T} USING ({MINE} AND {TEXT} IS NOT NULL OR {TEXT} = 'notice')")],
    },
    Plant {
        mode: "F23",
        what: "a policy that does not look at the row",
        how: &[
            In("reference", "CREATE POLICY planted ON {T} USING (current_setting('app.tenant_id', true) IS NOT NULL)"),
            In("claims", "CREATE POLICY planted ON {T} USING (auth.uid() IS NOT NULL)"),
            In("roles", "CREATE POLICY planted ON {T} USING (pg_has_role(current_user, 'shop_tenant', 'USAGE'))"),
        ],
    },
    Plant {
        mode: "F24",
        what: "the tenant is matched by pattern",
        how: &[
            In(
                "reference",
                "CREATE POLICY planted ON {T} USING ({TID}::text LIKE current_setting('app.tenant_id', true) || '%')",
            ),
            In(
                "claims",
                "CREATE POLICY planted ON {T} USING ({TID}::text LIKE \
                 (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb ->> 'team') || '%')",
            ),
            In("roles", "CREATE POLICY planted ON {T} USING ({TID}::text LIKE current_user || '%')"),
        ],
    },
    Plant {
        mode: "F25",
        what: "revoked memberships still count",
        how: &[Sql("ALTER TABLE {M} ADD COLUMN revoked_at timestamptz")],
    },
    Plant {
        mode: "F26",
        what: "a claim that the user can edit",
        how: &[
            No("roles", "no claims say who a request is"),
            Sql("CREATE POLICY planted ON {T} USING ({TID} = \
                 (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb -> 'user_metadata' ->> 'team')::uuid)"),
        ],
    },
    Plant {
        mode: "F27",
        what: "the membership table can be written",
        how: &[
            In("reference", "GRANT INSERT ON memberships TO {APP}"),
            In(
                "claims",
                "GRANT INSERT ON members TO {APP}; CREATE POLICY planted ON members FOR INSERT WITH CHECK (person_id = auth.uid())",
            ),
            In("roles", "CREATE POLICY planted ON partners FOR INSERT WITH CHECK (guest = current_user)"),
        ],
    },
    Plant {
        mode: "F28",
        what: "a helper that pg_temp hijacks, or an unprotected table that policies read",
        how: &[
            In("reference", "ALTER TABLE memberships DISABLE ROW LEVEL SECURITY; GRANT INSERT ON memberships TO {APP}"),
            In(
                "claims",
                "CREATE OR REPLACE FUNCTION auth.teams() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER \
                 SET search_path = public AS $$ SELECT team_id FROM members WHERE person_id = auth.uid() $$",
            ),
            In(
                "roles",
                "CREATE FUNCTION planted_shows(who name) RETURNS bool LANGUAGE plpgsql STABLE SET search_path = shop AS $$ BEGIN \
                 RETURN EXISTS (SELECT FROM partners p WHERE p.shop = who AND p.guest = current_user); END $$; \
                 CREATE POLICY planted ON {T} FOR SELECT USING (shop.planted_shows(shop))",
            ),
        ],
    },
    Plant {
        mode: "F29",
        what: "an IMMUTABLE context function",
        how: &[
            In(
                "reference",
                "CREATE FUNCTION planted_tenant() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
                 RETURN NULLIF(current_setting('app.tenant_id', true), '')::uuid; END $$; \
                 ALTER POLICY {POLICY} ON {T} USING (tenant_id = planted_tenant()) WITH CHECK (tenant_id = planted_tenant())",
            ),
            In(
                "claims",
                "CREATE FUNCTION planted_user() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
                 RETURN (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid; END $$; \
                 ALTER POLICY own ON people USING (id = planted_user())",
            ),
            In("roles", "ALTER FUNCTION me() IMMUTABLE; ALTER POLICY {POLICY} ON {T} USING (shop = shop.me())"),
        ],
    },
    Plant {
        mode: "F30",
        what: "a mistyped setting",
        how: &[
            No("roles", SETTING),
            In(
                "reference",
                "ALTER POLICY {POLICY} ON {T} USING ({TID} = NULLIF(current_setting('app.tenantid', true), '')::uuid)",
            ),
            In(
                "claims",
                "ALTER POLICY {POLICY} ON {T} USING ({TID} = \
                 (NULLIF(current_setting('request.jwt.claim', true), '')::jsonb ->> 'sub')::uuid)",
            ),
        ],
    },
    Plant {
        mode: "F31",
        what: "a policy for another role",
        how: &[Sql("CREATE ROLE planted_other; ALTER POLICY {POLICY} ON {T} TO planted_other")],
    },
    Plant {
        mode: "F32",
        what: "a hard-coded tenant",
        how: &[Sql("CREATE POLICY planted ON {T} USING ({TID} = {LITERAL} OR {MINE})")],
    },
    Plant {
        mode: "F33",
        what: "a policy that recurses",
        how: &[Sql("CREATE POLICY planted ON {T} USING ({TID} IN (SELECT o.{TID} FROM {T} o))")],
    },
    Plant {
        mode: "F34",
        what: "INSERT WITH CHECK (true)",
        how: &[Sql("CREATE POLICY planted ON {T} FOR INSERT WITH CHECK (true)")],
    },
    Plant {
        mode: "F35",
        what: "rows move to another tenant",
        how: &[Sql("CREATE POLICY planted ON {T} FOR UPDATE USING ({MINE}) WITH CHECK (true)")],
    },
    Plant { mode: "F36", what: "a blind UPDATE", how: &[Sql("CREATE POLICY planted ON {T} FOR UPDATE USING (true)")] },
    Plant {
        mode: "F37",
        what: "FOR ALL where FOR SELECT was meant",
        how: &[Sql("CREATE POLICY planted ON {T} USING ({TEXT} = 'public')")],
    },
    Plant {
        mode: "F38",
        what: "upsert and MERGE",
        how: &[Never(
            "a defect of old servers (fixed in 10.1 and 15.4), not of schemas; the version rule F73 names it",
        )],
    },
    Plant { mode: "F39", what: "TRUNCATE is granted", how: &[Sql("GRANT TRUNCATE ON {LEAF} TO {APP}")] },
    Plant {
        mode: "F40",
        what: "imports use an exempt role",
        how: &[Sql("CREATE ROLE planted_importer BYPASSRLS; GRANT USAGE ON SCHEMA {PATH} TO planted_importer; \
             GRANT SELECT, INSERT ON {T} TO planted_importer; GRANT planted_importer TO {LOGIN}")],
    },
    Plant {
        mode: "F41",
        what: "a definer view",
        how: &[Sql("CREATE VIEW planted_view AS SELECT * FROM {T}; GRANT SELECT ON planted_view TO {APP}")],
    },
    Plant {
        mode: "F42",
        what: "an invoker view on a definer view",
        how: &[Sql(
            "CREATE VIEW planted_inner AS SELECT * FROM {T}; CREATE VIEW planted_outer WITH (security_invoker) AS \
             SELECT * FROM planted_inner; GRANT SELECT ON planted_inner, planted_outer TO {APP}",
        )],
    },
    Plant {
        mode: "F43",
        what: "a tenant's view without security barrier",
        how: &[Sql(
            "CREATE VIEW planted_view AS SELECT * FROM {T} WHERE {MINE}; GRANT SELECT ON planted_view TO {APP}",
        )],
    },
    Plant {
        mode: "F44",
        what: "a definer function that returns rows",
        how: &[Sql(
            "CREATE FUNCTION planted_rows() RETURNS SETOF {T} LANGUAGE sql SECURITY DEFINER AS $$ SELECT * FROM {PATH}.{T} $$",
        )],
    },
    Plant {
        mode: "F45",
        what: "a definer function with an open search_path",
        how: &[Sql("CREATE FUNCTION planted_count() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
             RETURN (SELECT count(*) FROM {T} WHERE {MINE}); END $$")],
    },
    Plant {
        mode: "F46",
        what: "a LEAKPROOF function that leaks",
        how: &[Sql(
            "CREATE FUNCTION planted_spill(v text) RETURNS bool LANGUAGE plpgsql LEAKPROOF COST 0.0001 AS $$ BEGIN \
             RAISE NOTICE '%', v; RETURN true; END $$",
        )],
    },
    Plant {
        mode: "F47",
        what: "a foreign key without the tenant",
        how: &[Sql("ALTER TABLE {CHILD} DROP CONSTRAINT {CHILD_FK}; ALTER TABLE {PARENT} ADD UNIQUE (id); \
             ALTER TABLE {CHILD} ADD FOREIGN KEY ({CHILD_KEY}) REFERENCES {PARENT} (id)")],
    },
    Plant {
        mode: "F48",
        what: "a cascade across tenants",
        how: &[Sql("ALTER TABLE {CHILD} DROP CONSTRAINT {CHILD_FK}; ALTER TABLE {PARENT} ADD UNIQUE (id); \
             ALTER TABLE {CHILD} ADD FOREIGN KEY ({CHILD_KEY}) REFERENCES {PARENT} (id) ON DELETE CASCADE")],
    },
    Plant { mode: "F50", what: "a unique key tells", how: &[Sql("ALTER TABLE {T} ADD UNIQUE ({TEXT})")] },
    Plant {
        mode: "F51",
        what: "a foreign key tells",
        how: &[Sql("ALTER TABLE {CHILD} DROP CONSTRAINT {CHILD_FK}; ALTER TABLE {PARENT} ADD UNIQUE (id); \
             ALTER TABLE {CHILD} ADD FOREIGN KEY ({CHILD_KEY}) REFERENCES {PARENT} (id)")],
    },
    Plant {
        mode: "F52",
        what: "a sequence tells how much others do",
        how: &[
            In("claims", "GRANT USAGE, SELECT ON SEQUENCE rooms_id_seq TO {APP}"),
            In(
                "roles",
                "CREATE SEQUENCE planted_numbers; ALTER SEQUENCE planted_numbers OWNER TO shop_owner; \
                 ALTER SEQUENCE planted_numbers OWNED BY {T}.{KEY}; \
                 ALTER TABLE {T} ALTER {KEY} SET DEFAULT nextval('planted_numbers'); \
                 GRANT USAGE, SELECT ON SEQUENCE planted_numbers TO {APP}",
            ),
            Sql(
                "CREATE SEQUENCE planted_numbers OWNED BY {T}.{KEY}; ALTER TABLE {T} ALTER {KEY} SET DEFAULT nextval('planted_numbers'); \
                 GRANT USAGE, SELECT ON SEQUENCE planted_numbers TO {APP}",
            ),
        ],
    },
    Plant {
        mode: "F53",
        what: "a message echoes another tenant's row",
        how: &[Sql(
            "CREATE FUNCTION planted_tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE other text; BEGIN \
             SELECT o.{TEXT} INTO other FROM {PATH}.{T} o WHERE o.{TID} <> NEW.{TID} LIMIT 1; \
             RAISE WARNING 'there is already %', other; RETURN NEW; END $$; \
             CREATE TRIGGER planted BEFORE INSERT ON {T} FOR EACH ROW EXECUTE FUNCTION planted_tell()",
        )],
    },
    Plant {
        mode: "F54",
        what: "open where no context was ever set",
        how: &[
            In(
                "roles",
                "GRANT USAGE ON SCHEMA {PATH} TO {LOGIN}; GRANT SELECT ON {T} TO {LOGIN}; \
                 CREATE POLICY planted ON {T} USING (current_user = session_user OR {MINE})",
            ),
            Sql("CREATE POLICY planted ON {T} USING (current_setting('{SETTING}', true) IS NULL OR {MINE})"),
        ],
    },
    Plant { mode: "F55", what: "the context is set for the session", how: &[Enter("SELECT {ENTER_false}")] },
    Plant { mode: "F56", what: "SET LOCAL outside of a transaction", how: &[Never(POOL)] },
    Plant {
        mode: "F57",
        what: "the empty setting after RESET is open",
        how: &[
            No("roles", SETTING),
            Sql("CREATE POLICY planted ON {T} USING (current_setting('{SETTING}', true) = '' OR {MINE})"),
        ],
    },
    Plant {
        mode: "F58",
        what: "an outer value comes back after a savepoint",
        how: &[Enter(
            "DO $$ BEGIN IF coalesce(current_setting('chaos.known', true), '') = '' THEN PERFORM {ENTER_false}; \
                 PERFORM set_config('chaos.known', 'yes', false); ELSE PERFORM {ENTER_true}; END IF; END $$",
        )],
    },
    Plant {
        mode: "F59",
        what: "what a reset leaves behind",
        how: &[
            No("roles", "the same as F55 there: RESET ALL keeps the role"),
            Sql("ALTER ROLE {LOGIN} SET {SETTING} = '{VALUE}'"),
        ],
    },
    Plant {
        mode: "F60",
        what: "a tenant pinned for a database or role",
        how: &[
            In("roles", "ALTER ROLE {LOGIN} SET role = '{VALUE}'"),
            Sql(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {SETTING} = %L', current_database(), '{VALUE}'); END $$",
            ),
        ],
    },
    Plant {
        mode: "F61",
        what: "setting the context fails, and nobody notices",
        how: &[Enter("DO $$ BEGIN PERFORM {ENTER_false}; EXCEPTION WHEN OTHERS THEN NULL; END $$")],
    },
    Plant {
        mode: "F62",
        what: "a temporary table outlives the request",
        how: &[Sql("CREATE FUNCTION planted_cache() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN \
             CREATE TEMP TABLE IF NOT EXISTS cached AS SELECT t.{TEXT} AS r FROM {PATH}.{T} t; \
             RETURN QUERY SELECT r FROM cached; END $$")],
    },
    Plant { mode: "F65", what: "requests share one connection", how: &[Never(POOL)] },
    Plant {
        mode: "F67",
        what: "a string-built SET",
        how: &[
            No("roles", SETTING),
            Sql("CREATE FUNCTION planted_enter(id text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
                 EXECUTE 'SET LOCAL {SETTING} = ''' || id || ''''; END $$"),
        ],
    },
    Plant {
        mode: "F68",
        what: "RESET ROLE in a request",
        how: &[
            In(
                "roles",
                "GRANT USAGE ON SCHEMA {PATH} TO {LOGIN}; GRANT SELECT ON {T} TO {LOGIN}; \
                 CREATE POLICY planted ON {T} FOR SELECT TO {LOGIN} USING (true)",
            ),
            Never("no tenant is a role"),
        ],
    },
    Plant {
        mode: "F70",
        what: "a migration leaves row security off",
        how: &[Sql("ALTER TABLE {T} DISABLE ROW LEVEL SECURITY; UPDATE {T} SET {TEXT} = trim({TEXT})")],
    },
    Plant {
        mode: "F71",
        what: "default privileges open the next table",
        how: &[Sql("ALTER DEFAULT PRIVILEGES IN SCHEMA {PATH} GRANT ALL ON TABLES TO {APP}")],
    },
    Plant {
        mode: "F72",
        what: "a publication of all tables",
        how: &[Sql("CREATE PUBLICATION planted FOR ALL TABLES")],
    },
    Plant {
        mode: "F73",
        what: "a vulnerable minor version",
        how: &[Never("a server is not planted; src/hunt tests the rule with version numbers")],
    },
];
