//! Connections are cut at the very place that a rule names.

use sqlx::{Connection, Executor, PgConnection};
use tenant_chaos::faults::proxy::{Cut, Kind, OnStatement, Rule, When};

use crate::stand::{Stand, count, of_kind};

/// The connection is cut exactly between BEGIN and the context, and between the context and the first query.
#[tokio::test(flavor = "multi_thread")]
async fn cuts_fall_between_two_statements() {
    let stand = Stand::new().await;
    for (after, done) in [(Kind::Begin, 1), (Kind::Context, 2)] {
        let when = When { after: Some(after), ..When::default() };
        let guard = stand.proxy.install(Rule::new(OnStatement::CutBefore(Cut::Reset)).when(when));
        let mut connection = stand.connect().await;
        let mut outcomes = Vec::new();
        for text in ["BEGIN", "SELECT set_config('app.tenant_id', 'a', true)", "SELECT 1"] {
            outcomes.push(sqlx::raw_sql(text).execute(&mut connection).await.is_ok());
            if outcomes.last() == Some(&false) {
                break;
            }
        }
        assert_eq!((outcomes.len(), outcomes.last()), (done + 1, Some(&false)), "after {after:?}");
        assert_eq!(guard.heal().touched, 1);
    }
    stand.stop().await;
}

/// A client that retries when the acknowledgement of its COMMIT is lost writes twice, and once with an idempotency key;
/// without a retry its one write is there although it was never acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_doubles_blind_retries_only() {
    let stand = Stand::new().await;
    let mut direct = stand.direct().await;
    direct.execute("CREATE TABLE blind (ref int); CREATE TABLE keyed (ref int UNIQUE)").await.unwrap();
    for cut in [Cut::Reset, Cut::Close] {
        direct.execute("TRUNCATE blind; TRUNCATE keyed").await.unwrap();
        // Every fifth COMMIT, of the retries as well.
        let when = When { nth: Some(5), ..of_kind(Kind::Commit) };
        let guard = stand.proxy.install(Rule::new(OnStatement::CutAfterReply(cut)).when(when));
        let mut retries = 0;
        for reference in 0..40 {
            let write = |connection: PgConnection| async move {
                let mut connection = connection;
                let mut transaction = connection.begin().await?;
                sqlx::query("INSERT INTO blind VALUES ($1)").bind(reference).execute(&mut *transaction).await?;
                sqlx::query("INSERT INTO keyed VALUES ($1) ON CONFLICT DO NOTHING")
                    .bind(reference)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await
            };
            while write(stand.connect().await).await.is_err() {
                retries += 1;
            }
        }
        let effect = guard.heal();
        assert!(effect.touched >= 8, "{effect:?}");
        assert_eq!(effect.touched, retries, "every lost acknowledgement was retried");
        let doubled = "(SELECT ref FROM blind GROUP BY ref HAVING count(*) > 1) AS doubled";
        assert_eq!(count(&mut direct, doubled).await as u64, effect.touched, "each of them was written twice");
        assert_eq!(count(&mut direct, "keyed").await, 40, "and once where there is a key");
    }
    stand.stop().await;
}

/// Autocommit statements commit at the end of their batch: an acknowledgement is lost there, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_autocommitted_write_can_lose_its_acknowledgement() {
    let stand = Stand::new().await;
    let mut direct = stand.direct().await;
    direct.execute("CREATE TABLE w (id int)").await.unwrap();
    let guard = stand.proxy.install(Rule::new(OnStatement::CutAfterReply(Cut::Reset)).when(of_kind(Kind::Insert)));
    for prepared in [true, false] {
        let mut connection = stand.connect().await;
        let unheard = match prepared {
            true => sqlx::query("INSERT INTO w VALUES (1)").execute(&mut connection).await,
            false => sqlx::raw_sql("INSERT INTO w VALUES (1)").execute(&mut connection).await,
        };
        assert!(unheard.is_err());
    }
    assert_eq!(count(&mut direct, "w").await, 2);
    assert_eq!(guard.heal().touched, 2);
    stand.stop().await;
}
