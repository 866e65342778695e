//! PgBouncer in transaction mode, where it is installed: two clients, one connection to the server, and what one tenant's
//! transaction leaves to the next one's.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};

use super::catalogue::roles::quote;
use super::error::HuntError;
use super::input::without_password;
use super::seeding::run;
use crate::stack;

/// A running pooler with one connection to one database, on which everybody is the application's role. It is leased like
/// a server, so the next start finds what a killed hunt has left of it.
pub(super) struct Pooler {
    running: stack::Pooler,
    clients: [PgConnection; 2],
}

impl Pooler {
    /// Starts it; a statement through it may take `statement_limit`. The error is a sentence: without a pooler its cells
    /// are not tested.
    pub(super) async fn start(database: &PgConnectOptions, role: &str, statement_limit: &str) -> Result<Self, String> {
        if !stack::Pooler::is_installed() {
            return Err("PgBouncer is not installed".to_owned());
        }
        let (_, password) = without_password(database.to_url_lossy().as_str());
        let begin = format!("SET statement_timeout = '{statement_limit}'; SET SESSION AUTHORIZATION {}", quote(role));
        let running = stack::Pooler::of_one_connection(database, password.unwrap_or_default(), begin).await;
        let running = running.map_err(|error| error.to_string())?;
        match (connect(&running).await, connect(&running).await) {
            (Ok(first), Ok(second)) => Ok(Self { running, clients: [first, second] }),
            (Err(error), _) | (_, Err(error)) => {
                // Best effort: what is left is found by its lease.
                let _ = running.stop().await;
                Err(format!("PgBouncer does not answer: {error}"))
            }
        }
    }

    /// One tenant's transaction through the one client, then a read through the other: its texts, or what the read was
    /// answered. The outer error is that of something before it: the read was not made.
    pub(super) async fn read_after(
        &mut self,
        before: &[String],
        enter: &[String],
        read: &str,
    ) -> Result<Result<Vec<String>, sqlx::Error>, sqlx::Error> {
        let [first, second] = &mut self.clients;
        let whole = [&["BEGIN".to_owned()], before, &["COMMIT".to_owned()]].concat().join(";\n");
        if let Err(error) = run(first, whole).await {
            // The error is told, and not that of a connection which may be gone.
            drop(run(first, "ROLLBACK".to_owned()).await);
            return Err(error);
        }
        let entered = run(second, [&["BEGIN".to_owned()], enter].concat().join(";\n")).await;
        let rows = match entered {
            Ok(()) => Ok(sqlx::raw_sql(AssertSqlSafe(read.to_owned())).fetch_all(&mut *second).await),
            Err(error) => Err(error),
        };
        let closed = run(second, "ROLLBACK".to_owned()).await;
        let rows = rows?;
        closed?;
        Ok(rows.map(|rows| rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok()).collect()))
    }

    /// Ends it.
    pub(super) async fn stop(self) -> Result<(), HuntError> {
        let Self { running, clients } = self;
        for client in clients {
            // Whether the goodbye arrives does not matter: it is ended all the same.
            drop(client.close().await);
        }
        Ok(running.stop().await?)
    }
}

async fn connect(running: &stack::Pooler) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&running.connect().clone().statement_cache_capacity(0)).await
}
