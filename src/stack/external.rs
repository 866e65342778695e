//! The external provider: a server that someone else runs. Never touches a database that it did not create, and
//! nothing at all unless the target carries the harness's marker.
//!
//! The marker is a comment on the database that the URL names. A run holds an advisory lock there for as long as it
//! lives, so that a run whose lock nobody holds is an orphan, to be swept.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::databases::{COMMENT, drop_of_run};
use super::error::StackError;

/// What the database's comment must begin with.
pub const MARKER: &str = "tenant-chaos: may be used";
/// First half of the key of a run's advisory lock.
const LOCK_CLASS: i32 = 0x7463_6873;

/// A connection to the marked database that holds the run's lock.
#[derive(Debug)]
pub(super) struct External {
    admin: PgConnectOptions,
    lock: PgConnection,
}

impl External {
    /// Connects, checks the marker and the rights, and takes the run's lock.
    pub(super) async fn claim(url: &str, run: &str) -> Result<Self, StackError> {
        let (admin, mut lock) = marked(url).await?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext($2))")
            .bind(LOCK_CLASS)
            .bind(run)
            .fetch_one(&mut lock)
            .await
            .map_err(StackError::database("take the run's lock"))?;
        match taken {
            true => Ok(Self { admin, lock }),
            false => Err(StackError::Provider(format!("another run is called {run}; start again"))),
        }
    }

    pub(super) fn admin(&self) -> &PgConnectOptions {
        &self.admin
    }

    /// Gives the lock back.
    pub(super) async fn release(self) -> Result<(), StackError> {
        self.lock.close().await.map_err(StackError::database("leave the server"))
    }
}

/// Drops what dead runs have left on a marked server; returns what was removed.
pub(super) async fn sweep(url: &str) -> Result<Vec<String>, StackError> {
    let (_, mut connection) = marked(url).await?;
    let comments: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT shobj_description(oid, 'pg_database') FROM pg_database \
         WHERE starts_with(shobj_description(oid, 'pg_database'), $1)",
    )
    .bind(COMMENT)
    .fetch_all(&mut connection)
    .await
    .map_err(StackError::database("list databases of earlier runs"))?;
    let mut removed = Vec::new();
    for run in comments.iter().filter_map(|comment| comment.strip_prefix(COMMENT)) {
        let plain = run.chars().all(|c| c.is_ascii_alphanumeric());
        // The lock cannot just be tried: it belongs to the database that its run was given, and databases and roles of
        // all runs on the server are listed here.
        let orphan: bool = sqlx::query_scalar(
            "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 \
             AND classid::bigint = $1 AND objid::bigint = (hashtext($2)::bigint & 4294967295))",
        )
        .bind(i64::from(LOCK_CLASS))
        .bind(run)
        .fetch_one(&mut connection)
        .await
        .map_err(StackError::database("look for an earlier run's lock"))?;
        if plain && orphan {
            drop_of_run(&mut connection, run).await?;
            removed.push(format!("databases and roles of run {run}"));
        }
    }
    connection.close().await.map_err(StackError::database("leave the server"))?;
    Ok(removed)
}

async fn marked(url: &str) -> Result<(PgConnectOptions, PgConnection), StackError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StackError::Provider(format!("the database URL cannot be read: {error}")))?
        .application_name("tenant-chaos administrator");
    let mut connection =
        PgConnection::connect_with(&options).await.map_err(StackError::database("connect to the given database"))?;
    let (database, user, comment, may): (String, String, Option<String>, bool) = sqlx::query_as(
        "SELECT current_database()::text, current_user::text, \
                shobj_description((SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_database'), \
                (SELECT rolsuper OR (rolcreatedb AND rolcreaterole AND rolbypassrls) FROM pg_roles \
                 WHERE rolname = current_user)",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(StackError::database("look at the given database"))?;
    if !comment.is_some_and(|comment| comment.starts_with(MARKER)) {
        return Err(StackError::Provider(format!(
            "database `{database}` does not carry the harness's marker, so it is left alone. If its server may be \
             broken on purpose, say so as its owner and run again: \
             COMMENT ON DATABASE \"{database}\" IS '{MARKER}';"
        )));
    }
    if !may {
        return Err(StackError::Provider(format!(
            "role `{user}` cannot create databases and roles of every kind; run as a superuser: \
             ALTER ROLE \"{user}\" CREATEDB CREATEROLE BYPASSRLS;"
        )));
    }
    Ok((options, connection))
}
