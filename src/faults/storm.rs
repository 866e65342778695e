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
    opened: Arc<AtomicU64>,
}

impl PoolStorm {
    pub(super) fn new(clients: u32, target: &Target) -> Self {
        let connect = target.connect.clone().application_name("tenant-chaos storm");
        Self { clients, connect, connectors: JoinSet::new(), opened: Arc::default() }
    }
}

impl Fault for PoolStorm {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        for _ in 0..self.clients {
            self.connectors.spawn(connect_again_and_again(self.connect.clone(), self.opened.clone()));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            self.connectors.shutdown().await;
            let problem = (!self.connectors.is_empty()).then(|| "a connector is still running".to_owned());
            Healed { touched: self.opened.load(Ordering::Relaxed), unit: "connections", problem }
        })
    }
}

async fn connect_again_and_again(connect: PgConnectOptions, opened: Arc<AtomicU64>) {
    loop {
        let attempt = tokio::time::timeout(ATTEMPT_LIMIT, PgConnection::connect_with(&connect)).await;
        match attempt {
            // Whether the goodbye arrives does not matter; the socket is closed.
            Ok(Ok(connection)) => {
                opened.fetch_add(1, Ordering::Relaxed);
                drop(connection.close().await);
            }
            _ => tokio::time::sleep(PAUSE_AFTER_REFUSAL).await,
        }
    }
}
