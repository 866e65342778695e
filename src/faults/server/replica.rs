//! The replica is behind: it applies late, or receives nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinHandle;

use super::{ask, tell};
use crate::faults::{Fault, Healed, Target};
use crate::load::{Executor, Request, Step};
use crate::stack::Control;

/// Pause between two reads of one's own write.
const READ_EVERY: Duration = Duration::from_millis(20);
/// A replica must have taken a setting, and one that was cut off must stream again, within this.
const ATTACH_LIMIT: Duration = Duration::from_secs(8);
/// Pause between two looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// `server.replica-lag`.
pub(super) struct Lag {
    by: Duration,
    control: Control,
    executor: Arc<Executor>,
    replica: Option<PgConnectOptions>,
    reader: Option<JoinHandle<()>>,
    reads: Arc<AtomicU64>,
}

impl Lag {
    pub(super) fn new(by: Duration, control: Control, target: &Target) -> Self {
        let executor = target.executor.clone();
        Self { by, control, executor, replica: None, reader: None, reads: Arc::default() }
    }

    async fn delay(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let replica = self.control.replica_admin().await.ok_or("there is no replica")?;
        self.replica = Some(replica.clone());
        let delay = format!("ALTER SYSTEM SET recovery_min_apply_delay = '{}ms'", self.by.as_millis());
        tell(&replica, &[&delay, "SELECT pg_reload_conf()"]).await?;
        self.reader = Some(tokio::spawn(read_own_writes(self.executor.clone(), self.reads.clone())));
        Ok(())
    }

    async fn catch_up(&mut self) -> Result<Option<String>, sqlx::Error> {
        let Some(replica) = &self.replica else { return Ok(None) };
        tell(replica, &["ALTER SYSTEM RESET recovery_min_apply_delay", "SELECT pg_reload_conf()"]).await?;
        // The signal to reload is taken when the server gets to it.
        let deadline = tokio::time::Instant::now() + ATTACH_LIMIT;
        loop {
            let delay = ask(replica, "SHOW recovery_min_apply_delay").await?;
            if delay == "0" {
                return Ok(None);
            }
            if tokio::time::Instant::now() > deadline {
                return Ok(Some(format!("recovery_min_apply_delay is still {delay} after {ATTACH_LIMIT:?}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Fault for Lag {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.delay().await.map_err(|error| error.to_string()) })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            if let Some(reader) = self.reader.take() {
                reader.abort();
                let _ = reader.await;
            }
            let problem = self.catch_up().await.unwrap_or_else(|error| Some(error.to_string()));
            Healed { touched: self.reads.load(Ordering::Relaxed), unit: "reads of one's own write", problem }
        })
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.abort();
        }
    }
}

/// Whoever wrote last reads its write back, as a page does that shows what was just saved.
async fn read_own_writes(executor: Arc<Executor>, reads: Arc<AtomicU64>) {
    loop {
        tokio::time::sleep(READ_EVERY).await;
        let Some(write) = executor.ledger().last() else { continue };
        let at = executor.now();
        executor.recorder().intend(at, write.tenant);
        let step = Step::OrderRead { client_ref: write.client_ref as i64 };
        let failed = executor.execute(Request { at, tenant: write.tenant, step }).await;
        reads.fetch_add(u64::from(failed.is_none()), Ordering::Relaxed);
    }
}

/// `server.replica-cut`.
pub(super) struct Cut {
    control: Control,
    /// The replica and where its primary is, known before it is cut off.
    before: Option<(PgConnectOptions, String)>,
    touched: u64,
}

impl Cut {
    pub(super) fn new(control: Control) -> Self {
        Self { control, before: None, touched: 0 }
    }

    async fn cut(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let replica = self.control.replica_admin().await.ok_or("there is no replica")?;
        let primary = ask(&replica, "SHOW primary_conninfo").await?;
        self.before = Some((replica.clone(), primary));
        tell(&replica, &["ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"]).await?;
        let deadline = tokio::time::Instant::now() + ATTACH_LIMIT;
        while self.receivers().await? > 0 {
            if tokio::time::Instant::now() > deadline {
                return Err("the replica still receives".into());
            }
            tokio::time::sleep(LOOK).await;
        }
        self.touched = 1;
        Ok(())
    }

    /// Replicas that the primary is sending to.
    async fn receivers(&self) -> Result<u64, sqlx::Error> {
        let count = ask(&self.control.admin(), "SELECT count(*)::text FROM pg_stat_replication").await?;
        Ok(count.parse().unwrap_or(0))
    }

    async fn attach(&mut self) -> Result<Option<String>, sqlx::Error> {
        let Some((replica, primary)) = &self.before else { return Ok(None) };
        let back = format!("ALTER SYSTEM SET primary_conninfo = '{}'", primary.replace('\'', "''"));
        tell(replica, &[&back, "SELECT pg_reload_conf()"]).await?;
        // One that was promoted meanwhile follows nobody.
        if ask(replica, "SELECT pg_is_in_recovery()::text").await? == "false" {
            return Ok(None);
        }
        let deadline = tokio::time::Instant::now() + ATTACH_LIMIT;
        while self.receivers().await? == 0 {
            if tokio::time::Instant::now() > deadline {
                return Ok(Some(format!("the replica does not stream again within {ATTACH_LIMIT:?}")));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(None)
    }
}

impl Fault for Cut {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.cut().await.map_err(|error| error.to_string()) })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            let problem = self.attach().await.unwrap_or_else(|error| Some(error.to_string()));
            Healed { touched: self.touched, unit: "replicas", problem }
        })
    }
}
