//! Proves the conventions of the reference schema on a real server: row security everywhere, forced, one policy per
//! table, sub-selects, composite keys, least privilege, and what the seeding promises.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use sqlx::{Connection, PgConnection};
use tenant_chaos::observe::{Roster, TenantId, owner_in};
use tenant_chaos::scenario::Fleet;
use tenant_chaos::stack::{LoginRole, ProviderChoice, Server, StackOptions, TENANT_TABLES};

const FLEET: Fleet = Fleet { starter: 3, growth: 2, enterprise: 1, rows_per_tenant: 30 };

struct Db {
    server: Server,
    name: String,
    admin: PgConnection,
}

impl Db {
    async fn new() -> Self {
        let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
        let server = Server::start(&options, None).await.unwrap();
        let name = server.clone_of_fleet(&FLEET, "schema", &|_| ()).await.unwrap();
        let admin = PgConnection::connect_with(&server.admin(&name)).await.unwrap();
        Self { server, name, admin }
    }

    async fn app(&self) -> PgConnection {
        PgConnection::connect_with(&self.server.connect_as(LoginRole::App, &self.name)).await.unwrap()
    }

    async fn strings(&mut self, query: &'static str) -> Vec<String> {
        sqlx::query_scalar(query).fetch_all(&mut self.admin).await.unwrap()
    }
}

/// Every table of the schema is under forced row security with a policy of its own, and no list of ours forgets one.
#[tokio::test(flavor = "multi_thread")]
async fn conventions_hold() {
    let mut db = Db::new().await;
    let all = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') \
               AND relname <> '_sqlx_migrations' ORDER BY relname";
    let mut tables = db.strings(all).await;
    let mut known: Vec<String> = TENANT_TABLES.map(str::to_owned).to_vec();
    tables.sort();
    known.sort();
    assert_eq!(tables, known, "TENANT_TABLES names every table");

    let unprotected = "SELECT relname::text FROM pg_class c WHERE relnamespace = 'public'::regnamespace \
         AND relkind IN ('r', 'p') AND relname <> '_sqlx_migrations' \
         AND NOT (relrowsecurity AND relforcerowsecurity AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))";
    assert_eq!(db.strings(unprotected).await, [""; 0], "without forced row security");

    let bare = "SELECT polrelid::regclass::text FROM pg_policy \
         WHERE pg_get_expr(polqual, polrelid) !~ '\\( SELECT \\(?NULLIF\\(current_setting'";
    assert_eq!(db.strings(bare).await, [""; 0], "policies that read the context outside of a sub-select");

    let keys = "SELECT c.conrelid::regclass::text FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid \
         AND a.attname = 'tenant_id' WHERE c.contype = 'p' AND c.connamespace = 'public'::regnamespace \
         AND c.conkey[1] <> a.attnum";
    assert_eq!(db.strings(keys).await, [""; 0], "keys that do not begin with the tenant");

    let owners = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relkind IN ('r', 'p', 'v') AND pg_get_userbyid(relowner) <> 'chaos_owner'";
    assert_eq!(db.strings(owners).await, [""; 0], "not the owner's");

    let views = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' \
         AND current_setting('server_version_num')::int >= 150000 \
         AND NOT coalesce('security_invoker=on' = ANY (reloptions), false)";
    assert_eq!(db.strings(views).await, [""; 0], "views with their owner's rights");

    let grants = "SELECT relname || ' ' || privilege_type FROM pg_class c, aclexplode(c.relacl) a \
         WHERE relnamespace = 'public'::regnamespace AND a.grantee = 'chaos_app'::regrole \
         AND privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')";
    assert_eq!(db.strings(grants).await, [""; 0], "more than the application needs");
    db.server.stop().await.unwrap();
}

/// Each tenant sees its own rows in every relation and nobody else's; the empty string and no context see nothing;
/// a write for another tenant is refused; partitions cannot be read around the parent.
#[tokio::test(flavor = "multi_thread")]
async fn isolation_holds_for_every_tenant() {
    let db = Db::new().await;
    let mut app = db.app().await;
    let relations = [
        "tenants",
        "users",
        "memberships",
        "projects",
        "documents",
        "usage_events",
        "audit_events",
        "tenant_documents",
    ];
    for (slug, id) in Roster::of(&FLEET).iter() {
        let mut transaction = app.begin().await.unwrap();
        set_context(&mut transaction, &id.to_string()).await;
        for relation in relations {
            let query = format!("SELECT row_to_json(r)::text FROM {relation} AS r");
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&mut *transaction).await.unwrap();
            assert!(!rows.is_empty(), "{slug} sees nothing in {relation}");
            for row in rows {
                let foreign = owner_in(&row).is_some_and(|owner| owner != slug);
                let unstamped = relation != "users" && !row.contains(&id.to_string());
                assert!(!foreign && !unstamped, "{slug} sees {row} in {relation}");
            }
        }
        transaction.rollback().await.unwrap();
    }
    for context in ["", "00000000-0000-4000-8000-000000000000"] {
        let mut transaction = app.begin().await.unwrap();
        set_context(&mut transaction, context).await;
        let seen: i64 =
            sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut *transaction).await.unwrap();
        assert_eq!(seen, 0, "context {context:?}");
        transaction.rollback().await.unwrap();
    }
    let roster = Roster::of(&FLEET);
    let mut transaction = app.begin().await.unwrap();
    set_context(&mut transaction, &roster.id(0).to_string()).await;
    let refused = sqlx::query("INSERT INTO projects (tenant_id, id, name) VALUES ($1, 999, 'x')")
        .bind(roster.id(1).0)
        .execute(&mut *transaction)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
    transaction.rollback().await.unwrap();
    let around = sqlx::query("SELECT FROM audit_events_2025").execute(&mut app).await.unwrap_err();
    assert!(around.to_string().contains("permission denied"), "{around}");
    app.close().await.unwrap();
    db.server.stop().await.unwrap();
}

async fn set_context(connection: &mut PgConnection, context: &str) {
    let set = sqlx::query("SELECT set_config('app.tenant_id', $1, true)").bind(context);
    set.execute(connection).await.unwrap();
}

/// The seeding writes what the fleet asks for, tells its progress to the end, and gives every template the same ids.
#[tokio::test(flavor = "multi_thread")]
async fn seeding_keeps_its_promises() {
    let mut db = Db::new().await;
    let last = std::sync::Mutex::new((0, 0));
    let other = Fleet { starter: 4, ..FLEET };
    let seen = |progress: tenant_chaos::stack::SeedProgress| *last.lock().unwrap() = (progress.done, progress.total);
    let clone = db.server.clone_of_fleet(&other, "other", &seen).await.unwrap();
    let (done, total) = *last.lock().unwrap();
    assert!(done == total && done > 7 * 30, "{done} of {total}");
    let documents = db.strings("SELECT count(*)::text FROM documents GROUP BY tenant_id").await;
    assert_eq!(documents, ["30"; 6]);
    let mut admin = PgConnection::connect_with(&db.server.admin(&clone)).await.unwrap();
    let ids: Vec<sqlx::types::Uuid> =
        sqlx::query_scalar("SELECT id FROM tenants ORDER BY slug").fetch_all(&mut admin).await.unwrap();
    let mut expected: Vec<(String, TenantId)> =
        Roster::of(&other).iter().map(|(slug, id)| (slug.to_string(), id)).collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(ids, expected.into_iter().map(|(_, id)| id.0).collect::<Vec<_>>());
    db.server.stop().await.unwrap();
}
