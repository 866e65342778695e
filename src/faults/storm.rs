//! `pool.storm`: new connections are opened and closed in a loop, straight to the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use super::{Fault, Healed, Target};

/// A connector that is refused pauses this long, so that a server that is full is not asked in a busy loop.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(20);
/// One attempt may take this long.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

pub(super) struct PoolStorm {
    clients: u32,
    connect: PgConnectOptions,
    connectors: JoinSet<()>,
    attempts: Arc<AtomicU64>,
}

impl PoolStorm {
    pub(super) fn new(clients: u32, target: &Target) -> Self {
        let connect = target.connect.clone().application_name("tenant-chaos storm");
        Self { clients, connect, connectors: JoinSet::new(), attempts: Arc::default() }
    }
}

impl Fault for PoolStorm {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        for _ in 0..self.clients {
            self.connectors.spawn(connect_again_and_again(self.connect.clone(), self.attempts.clone()));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            self.connectors.shutdown().await;
            // The shutdown waits for every connector; there is nothing left to look at.
            Healed { touched: self.attempts.load(Ordering::Relaxed), unit: "connection attempts", problem: None }
        })
    }
}

async fn connect_again_and_again(connect: PgConnectOptions, attempts: Arc<AtomicU64>) {
    loop {
        let attempt = tokio::time::timeout(ATTEMPT_LIMIT, PgConnection::connect_with(&connect)).await;
        // A server that refuses it has had the work of it, too.
        attempts.fetch_add(1, Ordering::Relaxed);
        match attempt {
            // Whether the goodbye arrives does not matter; the socket is closed.
            Ok(Ok(connection)) => drop(connection.close().await),
            _ => tokio::time::sleep(PAUSE_AFTER_REFUSAL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that is full from the start refuses every attempt, and each was one.
    #[tokio::test]
    async fn refused_attempts_count() {
        // Nobody listens where a listener was a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let connect = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).username("nobody");
        let attempts = Arc::new(AtomicU64::new(0));
        let connector = tokio::spawn(connect_again_and_again(connect, attempts.clone()));
        let two = async {
            while attempts.load(Ordering::Relaxed) < 2 {
                tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
            }
        };
        tokio::time::timeout(ATTEMPT_LIMIT, two).await.unwrap();
        connector.abort();
    }
}
