//! `server.long-transaction`: a transaction keeps an old snapshot, so that no row that died since can be vacuumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

use crate::faults::{Fault, Healed, Target};

/// Pause between two updates of the documents.
const UPDATE_EVERY: Duration = Duration::from_millis(50);
/// Rows of one update at most.
const UPDATE: &str = "UPDATE documents SET title = title WHERE id <= 5";
/// Dead rows that a vacuum could not remove.
const DEAD: &str = "SELECT pg_stat_get_dead_tuples('documents'::regclass)";
/// A vacuum after the snapshot is gone must have removed them within this: a request may still be under way.
const VACUUM_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two vacuums.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct LongTransaction {
    admin: PgConnectOptions,
    /// Holds the snapshot.
    holder: Option<PgConnection>,
    updates: Option<JoinHandle<()>>,
    updated: Arc<AtomicU64>,
    touched: u64,
}

impl LongTransaction {
    pub(super) fn new(target: &Target) -> Self {
        let admin = target.admin.clone();
        Self { admin, holder: None, updates: None, updated: Arc::default(), touched: 0 }
    }

    async fn hold(&mut self) -> Result<(), sqlx::Error> {
        let mut holder = PgConnection::connect_with(&self.admin).await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM tenants")
            .execute(&mut holder)
            .await?;
        self.holder = Some(holder);
        let updater = PgConnection::connect_with(&self.admin).await?;
        let updated = self.updated.clone();
        self.updates = Some(tokio::spawn(async move {
            if let Err(error) = update_again_and_again(updater, &updated).await {
                tracing::debug!(%error, "the updates behind the old snapshot ended");
            }
        }));
        Ok(())
    }

    async fn release(&mut self) -> Result<Option<String>, sqlx::Error> {
        if let Some(updates) = self.updates.take() {
            updates.abort();
            let _ = updates.await;
        }
        let Some(holder) = self.holder.take() else { return Ok(None) };
        let mut admin = PgConnection::connect_with(&self.admin).await?;
        self.touched = dead_after_a_vacuum(&mut admin).await?;
        holder.close().await?;
        let deadline = tokio::time::Instant::now() + VACUUM_LIMIT;
        loop {
            let dead = dead_after_a_vacuum(&mut admin).await?;
            if dead == 0 {
                admin.close().await?;
                return Ok(None);
            }
            if tokio::time::Instant::now() > deadline {
                return Ok(Some(format!("{dead} dead rows cannot be vacuumed, {VACUUM_LIMIT:?} after the snapshot")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Fault for LongTransaction {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.hold().await.map_err(|error| error.to_string()) })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            let problem = self.release().await.unwrap_or_else(|error| Some(error.to_string()));
            Healed { touched: self.touched, unit: "dead rows that no vacuum removed", problem }
        })
    }
}

impl Drop for LongTransaction {
    fn drop(&mut self) {
        if let Some(updates) = &self.updates {
            updates.abort();
        }
    }
}

async fn update_again_and_again(mut connection: PgConnection, updated: &AtomicU64) -> Result<(), sqlx::Error> {
    loop {
        let rows = sqlx::raw_sql(UPDATE).execute(&mut connection).await?.rows_affected();
        updated.fetch_add(rows, Ordering::Relaxed);
        tokio::time::sleep(UPDATE_EVERY).await;
    }
}

async fn dead_after_a_vacuum(admin: &mut PgConnection) -> Result<u64, sqlx::Error> {
    sqlx::raw_sql("VACUUM documents").execute(&mut *admin).await?;
    let dead: i64 = sqlx::query_scalar(DEAD).fetch_one(admin).await?;
    Ok(dead.unsigned_abs())
}
