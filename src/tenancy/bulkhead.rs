//! Per-tier bulkheads over one pool: a tier that floods can fill its own share and no more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::scenario::Tier;

/// The right to hold one connection; freed on drop.
#[derive(Debug)]
pub struct BulkheadPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// One semaphore per tier that has a bound.
#[derive(Debug, Default)]
pub struct Bulkheads {
    tiers: BTreeMap<Tier, Arc<Semaphore>>,
}

impl Bulkheads {
    /// Bulkheads as shares of a pool; each at least one connection.
    pub fn of(shares: &BTreeMap<Tier, f64>, pool_size: u32) -> Self {
        let permits = |share: f64| ((f64::from(pool_size) * share).floor() as usize).max(1);
        Self { tiers: shares.iter().map(|(tier, share)| (*tier, Arc::new(Semaphore::new(permits(*share))))).collect() }
    }

    /// Waits for a place in the tier's bulkhead; `None` if none came free in time.
    pub async fn enter(&self, tier: Tier, wait: Duration) -> Option<BulkheadPermit> {
        let Some(semaphore) = self.tiers.get(&tier) else {
            return Some(BulkheadPermit { _permit: None });
        };
        if let Ok(permit) = semaphore.clone().try_acquire_owned() {
            return Some(BulkheadPermit { _permit: Some(permit) });
        }
        let permit = tokio::time::timeout(wait, semaphore.clone().acquire_owned()).await.ok()?.ok()?;
        Some(BulkheadPermit { _permit: Some(permit) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tier that fills its share is refused, and the other tiers are not.
    #[tokio::test]
    async fn a_full_bulkhead_refuses_only_its_own_tier() {
        let bulkheads = Bulkheads::of(&BTreeMap::from([(Tier::Starter, 0.4)]), 5);
        let wait = Duration::from_millis(5);
        let first = bulkheads.enter(Tier::Starter, wait).await;
        let second = bulkheads.enter(Tier::Starter, wait).await;
        assert!(first.is_some() && second.is_some());
        assert!(bulkheads.enter(Tier::Starter, wait).await.is_none());
        assert!(bulkheads.enter(Tier::Growth, wait).await.is_some());
        drop(second);
        assert!(bulkheads.enter(Tier::Starter, wait).await.is_some());
    }
}
