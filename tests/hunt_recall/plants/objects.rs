//! Views, functions, keys, sequences and messages that go past policies: F41 to F53.

use super::How::{In, Sql};
use super::Plant;

pub(super) const PLANTS: &[Plant] = &[
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
];
