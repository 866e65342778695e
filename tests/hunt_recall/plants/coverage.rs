//! Objects that no policy covers, and who is exempt: F01 to F14.

use super::How::{In, Sql};
use super::Plant;

pub(super) const PLANTS: &[Plant] = &[
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
];
