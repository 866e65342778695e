//! Faults on single statements do what they say, and both sides stay in protocol.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tenant_chaos::faults::proxy::{Kind, OnStatement, Rule, When};

use crate::stand::{Stand, count, of_kind, sqlstate};

/// A lost context statement takes the tenant away in both protocols, with the client none the wiser; once healed it
/// is back. The tenant's own trigger touches no other tenant.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_context_is_dropped_on_the_server_only() {
    let stand = Stand::new().await;
    let mut connection = stand.connect().await;
    let mut tenant_seen = async |how: &str, tenant: &str| -> (String, String) {
        let mut transaction = connection.begin().await.unwrap();
        let told: String = match how {
            "prepared" => sqlx::query_scalar("SELECT set_config('app.tenant_id', $1, true)")
                .bind(tenant)
                .fetch_one(&mut *transaction)
                .await
                .unwrap(),
            _ => {
                let text = format!("SELECT set_config('app.tenant_id', '{tenant}', true)");
                transaction.fetch_one(sqlx::raw_sql(AssertSqlSafe(text))).await.unwrap().get(0)
            }
        };
        let seen: Option<String> = sqlx::query_scalar("SELECT current_setting('app.tenant_id', true)")
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        (told, seen.unwrap_or_default())
    };
    for how in ["prepared", "simple"] {
        assert_eq!(tenant_seen(how, "a").await, ("a".into(), "a".into()));
        let when = When { tenant: Some("a".into()), ..of_kind(Kind::Context) };
        let guard = stand.proxy.install(Rule::new(OnStatement::Swallow).when(when));
        assert_eq!(tenant_seen(how, "a").await, ("a".into(), "".into()), "{how}");
        assert_eq!(tenant_seen(how, "b").await, ("b".into(), "b".into()), "{how}");
        assert_eq!(guard.heal().touched, 1, "{how}");
        assert_eq!(tenant_seen(how, "a").await, ("a".into(), "a".into()));
    }
    stand.stop().await;
}

/// Statements are swallowed, failed, delayed, doubled and reordered, in both protocols; the session goes on after each.
#[tokio::test(flavor = "multi_thread")]
async fn statements_are_broken_one_at_a_time() {
    let stand = Stand::new().await;
    let mut direct = stand.direct().await;
    direct.execute("CREATE TABLE w (id int); CREATE TABLE log (id bigserial, what text)").await.unwrap();
    let mut connection = stand.connect().await;
    let insert = || When { table: Some("w".into()), ..of_kind(Kind::Insert) };
    for prepared in [true, false] {
        direct.execute("TRUNCATE w; TRUNCATE log").await.unwrap();
        let mut write = async |text: &'static str| match prepared {
            true => sqlx::query(text).execute(&mut connection).await.map(|done| done.rows_affected()),
            false => sqlx::raw_sql(text).execute(&mut connection).await.map(|done| done.rows_affected()),
        };
        const INSERT: &str = "INSERT INTO w VALUES (1)";

        let guard = stand.proxy.install(Rule::new(OnStatement::Swallow).when(When { first: Some(1), ..insert() }));
        assert_eq!((write(INSERT).await.unwrap(), count(&mut direct, "w").await), (1, 0), "acknowledged and lost");
        assert_eq!((write(INSERT).await.unwrap(), count(&mut direct, "w").await), (1, 1), "only the first");
        assert_eq!(guard.heal().touched, 1);

        let verdict = OnStatement::Fail { sqlstate: "40001".into(), message: "planted".into() };
        let guard = stand.proxy.install(Rule::new(verdict).when(insert()));
        assert_eq!(sqlstate(&write(INSERT).await.unwrap_err()).as_deref(), Some("40001"));
        drop(guard);
        assert_eq!((write(INSERT).await.unwrap(), count(&mut direct, "w").await), (1, 2));

        let by = Duration::from_millis(120);
        let guard = stand.proxy.install(Rule::new(OnStatement::Delay { by, jitter: Duration::ZERO }).when(insert()));
        let begun = Instant::now();
        write(INSERT).await.unwrap();
        assert!(begun.elapsed() >= by, "{:?}", begun.elapsed());
        assert_eq!(guard.heal().touched, 1);

        let guard = stand.proxy.install(Rule::new(OnStatement::Duplicate).when(insert()));
        assert_eq!(write(INSERT).await.unwrap(), 1);
        // The next statement of the session comes after the duplicate.
        write("UPDATE log SET what = ''").await.unwrap();
        assert_eq!(count(&mut direct, "w").await, 5, "three and two");
        assert_eq!(guard.heal().touched, 1);

        let first = When { first: Some(1), table: Some("log".into()), ..of_kind(Kind::Insert) };
        let guard = stand.proxy.install(Rule::new(OnStatement::Reorder).when(first));
        write("INSERT INTO log (what) VALUES ('first')").await.unwrap();
        write("INSERT INTO log (what) VALUES ('second')").await.unwrap();
        write("UPDATE w SET id = 2").await.unwrap();
        let order: Vec<String> =
            sqlx::query_scalar("SELECT what FROM log ORDER BY id").fetch_all(&mut direct).await.unwrap();
        assert_eq!(order, ["second", "first"], "prepared: {prepared}");
        assert_eq!(guard.heal().touched, 1);
    }
    stand.stop().await;
}

/// A failure within a transaction aborts it on the server, too: the client's ROLLBACK is needed and works.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_aborts_the_transaction_in_truth() {
    let stand = Stand::new().await;
    let mut connection = stand.connect().await;
    let verdict = OnStatement::Fail { sqlstate: "57014".into(), message: "planted".into() };
    for prepared in [true, false] {
        let guard = stand.proxy.install(Rule::new(verdict.clone()).when(of_kind(Kind::Select)));
        connection.execute("BEGIN").await.unwrap();
        let failed = match prepared {
            true => sqlx::query("SELECT 1").execute(&mut connection).await.map(drop),
            false => sqlx::raw_sql("SELECT 1").execute(&mut connection).await.map(drop),
        };
        assert_eq!(sqlstate(&failed.unwrap_err()).as_deref(), Some("57014"));
        drop(guard);
        let aborted = sqlx::raw_sql("SELECT 1").execute(&mut connection).await.unwrap_err();
        assert_eq!(sqlstate(&aborted).as_deref(), Some("25P02"), "prepared: {prepared}");
        connection.execute("ROLLBACK").await.unwrap();
        sqlx::query("SELECT 1").execute(&mut connection).await.unwrap();
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'tenant_chaos%'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0, "the proxy leaves no statement of its own behind");
    stand.stop().await;
}
