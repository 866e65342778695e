//! `server.*`: the server itself goes wrong.

mod disk;
mod process;
mod replica;
mod snapshot;
mod strokes;

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::{Fault, Target};
use crate::scenario::ServerFault;
use crate::stack::is_full;

/// The administrator gets a place on a full server within this.
const PLACE_LIMIT: Duration = Duration::from_secs(4);
/// Pause between two tries.
const LOOK: Duration = Duration::from_millis(5);

/// The fault, not yet injected.
pub(super) fn build(fault: ServerFault, target: &Target) -> Result<Box<dyn Fault>, String> {
    let control = || target.control.clone().ok_or("the server is not this scenario's own");
    Ok(match fault {
        ServerFault::Terminate { every } => Box::new(strokes::Strokes::terminate(every, target)),
        ServerFault::CheckpointStorm { every } => Box::new(strokes::Strokes::checkpoints(every, target)),
        ServerFault::LongTransaction => Box::new(snapshot::LongTransaction::new(target)),
        ServerFault::Kill => Box::new(process::ProcessFault::new(process::Kind::Kill, control()?, target)),
        ServerFault::Pause => Box::new(process::ProcessFault::new(process::Kind::Pause, control()?, target)),
        ServerFault::CutNetwork => Box::new(process::ProcessFault::new(process::Kind::CutNetwork, control()?, target)),
        ServerFault::ShrinkConnections { to } => {
            Box::new(process::ProcessFault::new(process::Kind::Shrink { to }, control()?, target))
        }
        ServerFault::Failover => Box::new(process::ProcessFault::new(process::Kind::Failover, control()?, target)),
        ServerFault::FillDisk => Box::new(disk::FillDisk::new(control()?)),
        ServerFault::ReplicaLag { by } => Box::new(replica::Lag::new(by, control()?, target)),
        ServerFault::ReplicaCut => Box::new(replica::Cut::new(control()?)),
    })
}

/// Connections of the application to this scenario's database.
async fn application_connections(admin: &PgConnectOptions, application: &str) -> Result<u64, sqlx::Error> {
    let mut connection = connect(admin).await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE usename = $1")
        .bind(application)
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(count.unsigned_abs())
}

/// Connects, also to a server that is full: superusers have places of their own, but whoever is being refused holds one
/// until he has been told, and clients that come back again and again can hold them all.
async fn connect(admin: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let deadline = tokio::time::Instant::now() + PLACE_LIMIT;
    loop {
        match PgConnection::connect_with(admin).await {
            // The server queues nobody.
            Err(error) if is_full(&error) && tokio::time::Instant::now() < deadline => tokio::time::sleep(LOOK).await,
            outcome => return outcome,
        }
    }
}

/// Asks the administrator's database one thing that is worth one text.
async fn ask(admin: &PgConnectOptions, question: &str) -> Result<String, sqlx::Error> {
    let mut connection = connect(admin).await?;
    let answer = sqlx::query_scalar(sqlx::AssertSqlSafe(question)).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(answer)
}

/// Tells the server statements, each in a transaction of its own.
async fn tell(admin: &PgConnectOptions, statements: &[&str]) -> Result<(), sqlx::Error> {
    let mut connection = connect(admin).await?;
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(*statement)).execute(&mut connection).await?;
    }
    connection.close().await
}
