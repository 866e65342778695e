//! A replica follows its primary, wherever both run.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::error::StackError;
use crate::scenario::Replica;

/// It must be connected to its primary within this.
const ATTACH_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks at the primary.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until a replica streams from this primary. With [`Replica::Sync`] every commit waits for it from then on.
pub(super) async fn follows(primary: &PgConnectOptions, kind: Replica) -> Result<(), StackError> {
    let trouble = |what: &'static str| StackError::database(what);
    let mut admin = PgConnection::connect_with(primary).await.map_err(trouble("look at the replica"))?;
    let attached = async {
        loop {
            let streaming: i64 =
                sqlx::query_scalar("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
                    .fetch_one(&mut admin)
                    .await?;
            if streaming > 0 {
                return Ok::<_, sqlx::Error>(());
            }
            // The primary has no condition to await.
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(ATTACH_LIMIT, attached).await {
        Ok(attached) => attached.map_err(trouble("look at the replica"))?,
        Err(_) => return Err(StackError::Provider(format!("the replica does not stream within {ATTACH_LIMIT:?}"))),
    }
    if kind == Replica::Sync {
        for statement in [
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "ALTER SYSTEM SET synchronous_commit = 'remote_apply'",
            "SELECT pg_reload_conf()",
        ] {
            sqlx::raw_sql(statement).execute(&mut admin).await.map_err(trouble("make the replica synchronous"))?;
        }
    }
    admin.close().await.map_err(trouble("leave the primary"))
}
