//! The three schemas, and the words by which a plant that holds for all of them speaks of each.

/// A schema that isolates, in one of three styles.
pub(crate) struct Style {
    pub(crate) name: &'static str,
    /// A file, or a folder of migrations.
    pub(crate) path: &'static str,
    /// The role that the application connects as.
    pub(crate) login: &'static str,
    /// `{NAME}` in a plant, and what stands there.
    words: &'static [(&'static str, &'static str)],
    /// How a request says who it is, for plants in the application's own statements: of the session where
    /// `{IS_LOCAL}` is false.
    pub(crate) enter: &'static str,
    /// A's and B's value of `{id}` in it.
    pub(crate) ids: [&'static str; 2],
    /// SQL that makes them.
    pub(crate) setup: &'static str,
}

impl Style {
    /// Puts this schema's words into a plant.
    pub(crate) fn fill(&self, plant: &str) -> String {
        self.words.iter().fold(plant.to_owned(), |text, (name, word)| text.replace(&format!("{{{name}}}"), word))
    }
}

pub(crate) static STYLES: [Style; 3] = [
    Style {
        name: "reference",
        path: concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"),
        login: "chaos_app",
        words: &[
            ("PATH", "public"),
            ("T", "documents"),
            ("TID", "tenant_id"),
            ("TYPE", "uuid"),
            ("KEY", "id"),
            ("KEY_TYPE", "bigint"),
            ("TEXT", "title"),
            ("POLICY", "tenant_isolation"),
            ("APP", "chaos_app"),
            ("LOGIN", "chaos_app"),
            ("MINE", "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"),
            ("M", "memberships"),
            ("PARTITION", "audit_events_2025"),
            ("LITERAL", "'00000000-0000-0000-0000-000000000001'"),
            ("A", "aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa"),
            ("SETTING", "app.tenant_id"),
            ("VALUE", "aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa"),
            ("PARENT", "projects"),
            ("LEAF", "documents"),
            ("CHILD", "documents"),
            ("CHILD_KEY", "project_id"),
            ("CHILD_FK", "documents_tenant_id_project_id_fkey"),
        ],
        enter: "set_config('app.tenant_id', '{id}', {IS_LOCAL})",
        ids: ["aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa", "bbbbbbbb-0000-4000-8000-bbbbbbbbbbbb"],
        setup: "",
    },
    Style {
        name: "claims",
        path: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/claims.sql"),
        login: "web_user",
        words: &[
            ("PATH", "public"),
            ("T", "rooms"),
            ("TID", "team_id"),
            ("TYPE", "uuid"),
            ("KEY", "id"),
            ("KEY_TYPE", "int"),
            ("TEXT", "label"),
            ("POLICY", "member"),
            ("APP", "web_user"),
            ("LOGIN", "web_user"),
            ("MINE", "team_id IN (SELECT auth.teams())"),
            ("M", "members"),
            ("PARTITION", "readings_2025"),
            ("LITERAL", "'00000000-0000-0000-0000-000000000001'"),
            ("A", "aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa"),
            ("SETTING", "request.jwt.claims"),
            ("VALUE", "{\"sub\": \"aaaaaaaa-0002-4000-8000-aaaaaaaaaaaa\"}"),
            ("PARENT", "rooms"),
            ("LEAF", "bookings"),
            ("CHILD", "bookings"),
            ("CHILD_KEY", "room_id"),
            ("CHILD_FK", "bookings_team_id_room_id_fkey"),
        ],
        enter: "set_config('request.jwt.claims', jsonb_build_object('sub', '{id}')::text, {IS_LOCAL})",
        ids: ["aaaaaaaa-0002-4000-8000-aaaaaaaaaaaa", "bbbbbbbb-0002-4000-8000-bbbbbbbbbbbb"],
        setup: "",
    },
    Style {
        name: "roles",
        path: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/roles.sql"),
        login: "shop_gateway",
        words: &[
            ("PATH", "shop"),
            ("T", "invoices"),
            ("TID", "shop"),
            ("TYPE", "name"),
            ("KEY", "id"),
            ("KEY_TYPE", "bigint"),
            ("TEXT", "subject"),
            ("POLICY", "own_shop"),
            ("APP", "shop_tenant"),
            ("LOGIN", "shop_gateway"),
            ("MINE", "shop.is_mine(shop)"),
            ("M", "partners"),
            ("PARTITION", "visits_2025"),
            ("LITERAL", "'shop_acme'"),
            ("A", "canary-a-0-"),
            ("SETTING", "role"),
            ("VALUE", "shop_acme"),
            ("PARENT", "customers"),
            ("LEAF", "lines"),
            ("CHILD", "invoices"),
            ("CHILD_KEY", "customer"),
            ("CHILD_FK", "invoices_shop_customer_fkey"),
        ],
        enter: "set_config('role', '{id}', {IS_LOCAL})",
        ids: ["canary-a-0-", "canary-b-0-"],
        setup: "DO $$ BEGIN CREATE ROLE \"{id}\"; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
                GRANT shop_tenant TO \"{id}\"; GRANT \"{id}\" TO shop_gateway",
    },
];
