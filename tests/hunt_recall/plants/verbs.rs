//! Commands that are checked less than reading: F34 to F40.

use super::How::{Never, Sql};
use super::Plant;

pub(super) const PLANTS: &[Plant] = &[
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
];
