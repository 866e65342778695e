//! Contexts that outlive a request or never were, and what drifts: F54 to F73.

use super::How::{Enter, In, Never, No, RuleOnly, Sql};
use super::Plant;

const SETTING: &str = "no setting says who a request is";

pub(super) const PLANTS: &[Plant] = &[
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
    Plant {
        mode: "F56",
        what: "SET LOCAL ends before the query",
        how: &[Enter("SAVEPOINT statement; SELECT {ENTER_true}; ROLLBACK TO SAVEPOINT statement")],
    },
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
            In("roles", "ALTER ROLE {LOGIN} SET role = '{A}'"),
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
        how: &[
            Sql("CREATE FUNCTION planted_cache() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN \
             CREATE TEMP TABLE IF NOT EXISTS cached AS SELECT t.{TEXT} AS r FROM {PATH}.{T} t; \
             RETURN QUERY SELECT r FROM cached; END $$"),
            RuleOnly("roles", "the temporary table is of the other tenant's role, and A's may not read it"),
        ],
    },
    Plant {
        mode: "F65",
        what: "another request's statement comes between",
        how: &[Enter("SELECT {ENTER_true}; SELECT {ENTER_other}")],
    },
    Plant {
        mode: "F67",
        what: "a string-built SET",
        how: &[
            In(
                "roles",
                "CREATE FUNCTION planted_enter(id text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
                 EXECUTE 'SET LOCAL ROLE \"' || id || '\"'; END $$",
            ),
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
        how: &[
            Sql("CREATE PUBLICATION planted FOR ALL TABLES"),
            RuleOnly("*", "what is published is read by a role with REPLICATION, never by the application's"),
        ],
    },
    Plant {
        mode: "F73",
        what: "a vulnerable minor version",
        how: &[Never("a server is not planted; src/hunt tests the rule with version numbers")],
    },
];
