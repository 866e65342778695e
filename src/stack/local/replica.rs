//! A streaming replica beside its primary, in the same folder.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::member::{Home, Member};
use crate::scenario::Replica;
use crate::stack::error::StackError;

/// Its data folder.
pub(super) const DATA: &str = "replica";
/// It must be connected to its primary within this.
const ATTACH_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks at the primary.
const LOOK: Duration = Duration::from_millis(20);

/// Copies the primary, starts the copy as its replica and waits until it streams. With [`Replica::Sync`] every commit
/// waits for it from then on.
pub(super) async fn start(home: &Home, primary: &Member, kind: Replica) -> Result<Member, StackError> {
    let mut copy = home.command("pg_basebackup");
    copy.arg("--host").arg(&home.folder).arg(format!("--port={}", primary.port()));
    copy.arg("--pgdata").arg(home.folder.join(DATA));
    copy.args([
        "--username=postgres",
        "--wal-method=stream",
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--no-sync",
    ]);
    let output = copy.output().await.map_err(StackError::io("run pg_basebackup"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(StackError::Provider(format!("pg_basebackup failed: {said}")));
    }
    let replica = Member::start(home, DATA).await?;
    let trouble = |what: &'static str| StackError::database(what);
    let mut admin =
        PgConnection::connect_with(&home.admin(primary.port())).await.map_err(trouble("look at the replica"))?;
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
    admin.close().await.map_err(trouble("leave the primary"))?;
    Ok(replica)
}
