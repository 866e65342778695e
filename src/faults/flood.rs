//! `flood.rate`: one tenant asks at k times its own rate, open loop, beside the load of everyone.

use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

use super::{Fault, Healed, Target};
use crate::load::{Arrivals, Executor, Load};

/// Requests of a flood in flight at most; arrivals beyond that are dropped and counted like all others.
const MAX_IN_FLIGHT: u32 = 1_024;

pub(super) struct FloodRate {
    arrivals: Option<Arrivals>,
    executor: Arc<Executor>,
    running: Option<Load>,
    cancel: CancellationToken,
    sent: Arc<AtomicU64>,
}

impl FloodRate {
    pub(super) fn new(arrivals: Arrivals, target: &Target) -> Self {
        let executor = target.executor.clone();
        Self {
            arrivals: Some(arrivals),
            executor,
            running: None,
            cancel: CancellationToken::new(),
            sent: Arc::default(),
        }
    }
}

impl Fault for FloodRate {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        if let Some(arrivals) = self.arrivals.take() {
            let sent = self.sent.clone();
            let counted = arrivals.inspect(move |_| {
                sent.fetch_add(1, Ordering::Relaxed);
            });
            self.running = Some(Load::of_arrivals(counted, MAX_IN_FLIGHT, &self.executor, &self.cancel));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            self.cancel.cancel();
            let problem = match self.running.take() {
                // Bounded: the pacer stops at once and every request has a deadline.
                Some(running) => running.finish().await.err(),
                None => None,
            };
            Healed { touched: self.sent.load(Ordering::Relaxed), unit: "extra requests", problem }
        })
    }
}

impl Drop for FloodRate {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
