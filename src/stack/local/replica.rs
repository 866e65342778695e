//! A streaming replica beside its primary, in the same folder.

use super::member::{Home, Member};
use crate::scenario::Replica;
use crate::stack::error::StackError;
use crate::stack::replication::follows;

/// Its data folder.
pub(super) const DATA: &str = "replica";

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
    follows(&home.admin(primary.port()), kind).await?;
    Ok(replica)
}
