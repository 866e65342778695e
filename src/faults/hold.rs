//! `pool.hold` and `pool.idle-in-transaction`: connections are taken from the application's pool and kept.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

use super::{Fault, Healed, Target};
use crate::tenancy::{PooledConnection, Tenancy};

/// How long the fault waits for one connection of a busy pool before it tries again.
const PATIENCE: Duration = Duration::from_millis(500);
/// Pause after a connection was not to be had.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(20);
/// How long the undo of one connection may take.
const UNDO_LIMIT: Duration = Duration::from_secs(2);

/// What the held connections do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Posture {
    /// Nothing.
    Idle,
    /// They sit in a transaction that has read a row, so that its snapshot holds back vacuum.
    InTransaction,
}

pub(super) struct PoolHold {
    connections: u32,
    posture: Posture,
    tenancy: Arc<Tenancy>,
    taker: Option<JoinHandle<()>>,
    held: Arc<tokio::sync::Mutex<Vec<PooledConnection>>>,
    touched: u64,
}

impl PoolHold {
    pub(super) fn new(connections: u32, posture: Posture, target: &Target) -> Self {
        let tenancy = target.executor.tenancy().clone();
        Self { connections, posture, tenancy, taker: None, held: Arc::default(), touched: 0 }
    }
}

impl Fault for PoolHold {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        let (tenancy, held) = (self.tenancy.clone(), self.held.clone());
        let (wanted, posture) = (self.connections as usize, self.posture);
        // Takes its turn in the pool's queue like any request, so it must not hold up the schedule.
        self.taker = Some(tokio::spawn(async move {
            let mut count = 0;
            while count < wanted {
                let Ok(mut connection) = tenancy.pool().acquire_within(PATIENCE).await else {
                    // A server that refuses connections does so at once; it is not to be asked in a busy loop.
                    tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
                    continue;
                };
                if posture == Posture::InTransaction {
                    let opened = sqlx::raw_sql("BEGIN; SELECT count(*) FROM tenants").execute(&mut connection.pg).await;
                    if opened.is_err() {
                        continue;
                    }
                }
                held.lock().await.push(connection);
                count += 1;
            }
        }));
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            if let Some(taker) = self.taker.take() {
                taker.abort();
                // Aborted or finished: either way it takes no more.
                let _ = taker.await;
            }
            let mut problem = None;
            for mut connection in self.held.lock().await.drain(..) {
                self.touched += 1;
                if self.posture == Posture::InTransaction {
                    let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut connection.pg);
                    if !matches!(tokio::time::timeout(UNDO_LIMIT, rollback).await, Ok(Ok(_))) {
                        drop(PooledConnection::take(connection));
                        problem = Some("a held transaction could not be rolled back; its connection was closed".into());
                    }
                }
            }
            let unit = "connections";
            Healed { touched: self.touched, unit, problem }
        })
    }
}

impl Drop for PoolHold {
    fn drop(&mut self) {
        if let Some(taker) = &self.taker {
            taker.abort();
        }
    }
}
