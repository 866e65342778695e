//! What a policy's condition lets through: F15 to F33.

use super::How::{In, No, Sql};
use super::Plant;

const SETTING: &str = "no setting says who a request is";

pub(super) const PLANTS: &[Plant] = &[
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
        how: &[Sql("CREATE POLICY planted ON {T} USING ({TID} = \
                 (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb -> 'user_metadata' ->> 'team')::{TYPE})")],
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
];
