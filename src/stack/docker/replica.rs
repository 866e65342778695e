//! A streaming replica in a container beside its primary's, from the same image, in the engine's default network.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::container::{Container, Plan, flags};
use crate::scenario::Replica;
use crate::stack::error::StackError;
use crate::stack::options::Needs;
use crate::stack::replication::follows;

/// Copies the primary and serves the copy. What the image puts into its volume is left alone. The primary may not yet
/// have read who may copy it.
const COPY_AND_SERVE: &str = r#"copy=$PGDATA/replica
until pg_basebackup --host="$1" --port="$2" --username=postgres --pgdata="$copy" --wal-method=stream \
    --write-recovery-conf --checkpoint=fast --no-sync; do
    rm -rf "$copy"
    sleep 0.1
done
shift 2
exec postgres -D "$copy" "$@""#;
/// A server's own user, in every image: a server refuses to run as root.
const USER: &str = "postgres";

impl Container {
    /// Starts a replica of this primary and waits until it streams.
    pub(super) async fn start_replica(&self, kind: Replica, needs: &Needs, keep: bool) -> Result<Self, StackError> {
        let trouble = |why: String| StackError::Provider(format!("no replica from {}: {why}", self.image));
        self.let_it_be_copied().await?;
        let primary = self.inside.clone().map_err(trouble)?;
        let command = ["sh", "-c", COPY_AND_SERVE, "sh", &primary.host, &primary.port.to_string()];
        let plan = Plan {
            environment: ("PGPASSWORD", &self.password),
            command: command.map(str::to_owned).into_iter().chain(flags(needs)).collect(),
            user: Some(USER),
            disk_bytes: None,
            keep,
        };
        let replica = Self::launch(self.docker.clone(), self.image.clone(), &self.run, self.password.clone(), plan)
            .await
            .map_err(trouble)?;
        follows(self.admin(), kind).await?;
        Ok(replica)
    }

    /// `all` in an image's pg_hba.conf is all databases, and replication is none of them.
    async fn let_it_be_copied(&self) -> Result<(), StackError> {
        let failed = || StackError::database("let the primary be copied");
        let mut admin = PgConnection::connect_with(self.admin()).await.map_err(failed())?;
        let file: String = sqlx::query_scalar("SHOW hba_file").fetch_one(&mut admin).await.map_err(failed())?;
        // `md5` takes whichever of both kinds of password the server has stored.
        let line = "host replication postgres all md5";
        for statement in [
            format!("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; echo {line} >> {file}'"),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.map_err(failed())?;
        }
        admin.close().await.map_err(failed())
    }
}
