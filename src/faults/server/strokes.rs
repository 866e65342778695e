//! Something that the administrator does again and again: a backend is ended in mid-transaction, a checkpoint forced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

use crate::faults::{Fault, Healed, Target};

/// While no backend is in a transaction, the next look comes after this.
const LOOK: Duration = Duration::from_millis(1);
/// One backend of the application that is in a transaction now.
const TERMINATE: &str = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM ( \
       SELECT pid FROM pg_stat_activity \
        WHERE datname = current_database() AND usename = $1 AND xact_start IS NOT NULL AND pid <> pg_backend_pid() \
        ORDER BY xact_start LIMIT 1) AS victim";

#[derive(Debug, Clone, Copy)]
enum Stroke {
    Terminate,
    Checkpoint,
}

pub(super) struct Strokes {
    stroke: Stroke,
    every: Duration,
    admin: PgConnectOptions,
    application: String,
    running: Option<JoinHandle<()>>,
    struck: Arc<AtomicU64>,
}

impl Strokes {
    pub(super) fn terminate(every: Duration, target: &Target) -> Self {
        Self::new(Stroke::Terminate, every, target)
    }

    pub(super) fn checkpoints(every: Duration, target: &Target) -> Self {
        Self::new(Stroke::Checkpoint, every, target)
    }

    fn new(stroke: Stroke, every: Duration, target: &Target) -> Self {
        let application = target.connect.get_username().to_owned();
        Self { stroke, every, admin: target.admin.clone(), application, running: None, struck: Arc::default() }
    }
}

impl Fault for Strokes {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let connection = PgConnection::connect_with(&self.admin).await.map_err(|error| error.to_string())?;
            let (stroke, every) = (self.stroke, self.every);
            let (application, struck) = (self.application.clone(), self.struck.clone());
            self.running = Some(tokio::spawn(async move {
                if let Err(error) = strike(connection, stroke, every, &application, &struck).await {
                    tracing::debug!(%error, "a stroke failed, and it was the last");
                }
            }));
            Ok(())
        })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            if let Some(running) = self.running.take() {
                running.abort();
                // Its connection is closed by its drop.
                let _ = running.await;
            }
            let unit = match self.stroke {
                Stroke::Terminate => "backends",
                Stroke::Checkpoint => "checkpoints",
            };
            Healed { touched: self.struck.load(Ordering::Relaxed), unit, problem: None }
        })
    }
}

impl Drop for Strokes {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn strike(
    mut connection: PgConnection,
    stroke: Stroke,
    every: Duration,
    application: &str,
    struck: &AtomicU64,
) -> Result<(), sqlx::Error> {
    loop {
        let hit = match stroke {
            Stroke::Terminate => {
                let hit: i64 = sqlx::query_scalar(TERMINATE).bind(application).fetch_one(&mut connection).await?;
                hit > 0
            }
            Stroke::Checkpoint => {
                sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
                true
            }
        };
        struck.fetch_add(u64::from(hit), Ordering::Relaxed);
        tokio::time::sleep(if hit { every } else { LOOK }).await;
    }
}
