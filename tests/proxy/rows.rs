//! The oracle on the wire.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tenant_chaos::faults::proxy::{Judge, Kind, OnStatement, Rule};
use tenant_chaos::observe::{Roster, TenantId};
use tenant_chaos::scenario::Fleet;

use crate::stand::{Stand, of_kind};

const FLEET: Fleet = Fleet { starter: 2, growth: 1, enterprise: 0, rows_per_tenant: 20 };

/// Rows that cross are judged against who asked: a tenant's own are fine in both formats, a context that was lost on
/// its way makes the stale tenant's rows foreign, and rows without any context are told apart.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_judged_as_they_cross() {
    let judge = Arc::new(Judge::new(["tenant_id".to_owned()]));
    let stand = Stand::with(|options| options.judge = Some(judge.clone())).await;
    let database = stand.server.clone_of_fleet(&FLEET, "judged", &|_| ()).await.unwrap();
    let mut connection = PgConnection::connect_with(&stand.through().database(&database)).await.unwrap();
    // The superuser bypasses RLS: the filter by context is in the query, as an application with a leaky view has it.
    connection.execute("SET app.tenant_id = ''").await.unwrap();
    let tenants: Vec<TenantId> = Roster::of(&FLEET).iter().map(|(_, id)| id).collect();
    let mut read = async |tenant: TenantId, text: &'static str| {
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *transaction)
            .await
            .unwrap();
        let rows = sqlx::query(text).fetch_all(&mut *transaction).await.unwrap().len() as u64;
        let simple = sqlx::raw_sql(text).fetch_all(&mut *transaction).await.unwrap().len() as u64;
        transaction.commit().await.unwrap();
        rows + simple
    };
    const OWN: &str = "SELECT id, tenant_id FROM documents \
        WHERE tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid";
    const ALL: &str = "SELECT id, tenant_id FROM documents";
    let own = read(tenants[0], OWN).await;
    assert_eq!(own, 40);
    let seen = judge.judgement();
    assert_eq!((seen.checked, seen.foreign, seen.without_context), (own, 0, 0));

    let all = read(tenants[1], ALL).await;
    let seen = judge.judgement();
    assert_eq!((seen.checked, seen.foreign, seen.owners), (own + all, all / 3 * 2, 2));
    let example = judge.take_examples().swap_remove(0);
    assert_eq!(example.asker, Some(tenants[1].to_string()));
    assert!(example.backend_pid.is_some() && example.table.as_deref() == Some("documents"), "{example}");

    // A session-level tenant is left behind; the next one's context is lost, and the client does not know.
    connection.execute(AssertSqlSafe(format!("SET app.tenant_id = '{}'", tenants[0]))).await.unwrap();
    let guard = stand.proxy.install(Rule::new(OnStatement::Swallow).when(of_kind(Kind::Context)));
    let mut transaction = connection.begin().await.unwrap();
    let context = sqlx::query("SELECT set_config('app.tenant_id', $1, true)").bind(tenants[1].to_string());
    context.execute(&mut *transaction).await.unwrap();
    let stale = sqlx::query(OWN).fetch_all(&mut *transaction).await.unwrap().len() as u64;
    transaction.commit().await.unwrap();
    drop(guard);
    assert_eq!(stale, 20);
    assert_eq!(judge.judgement().foreign, seen.foreign + stale);
    let example = judge.take_examples().pop().unwrap();
    assert_eq!((example.asker, example.bound), (Some(tenants[1].to_string()), Some(tenants[0].to_string())));

    connection.execute("RESET app.tenant_id").await.unwrap();
    let without = sqlx::query(ALL).fetch_all(&mut connection).await.unwrap().len() as u64;
    assert_eq!(judge.judgement().without_context, without);
    connection.close().await.unwrap();
    stand.stop().await;
}
