//! Which requests a fault touches.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::load::stream;
use crate::scenario::{Fault, Trigger as Spec};
use crate::tenancy::RequestInfo;

/// A trigger with its counters. Decides in request order, from its own seeded stream.
pub(super) struct Trigger {
    spec: Spec,
    matching: AtomicU64,
    rng: Mutex<ChaCha8Rng>,
}

impl Trigger {
    pub(super) fn of(fault: &Fault, seed: u64, scenario: &str) -> Self {
        let rng = Mutex::new(stream(seed, scenario, &format!("trigger {}", fault.index)));
        Self { spec: fault.when.clone(), matching: AtomicU64::new(0), rng }
    }

    /// Whether this request is touched.
    pub(super) fn fires(&self, request: RequestInfo<'_>) -> bool {
        let Spec { share, nth, first, tenant, tier, operation, .. } = &self.spec;
        let matches = tenant.is_none_or(|tenant| tenant == request.tenant.slug)
            && tier.is_none_or(|tier| tier == request.tenant.slug.tier)
            && operation.is_none_or(|operation| operation == request.operation);
        if !matches {
            return false;
        }
        // Counts from 1.
        let count = self.matching.fetch_add(1, Ordering::Relaxed) + 1;
        first.is_none_or(|first| count <= first)
            && nth.is_none_or(|nth| count.is_multiple_of(nth))
            && (*share >= 1.0 || self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_bool(*share))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observe::Roster;
    use crate::scenario::{FaultAction, Fleet, Operation};
    use crate::tenancy::Directory;

    fn fired(when: Spec, requests: usize) -> Vec<usize> {
        let action = FaultAction::PoolLeak;
        let fault = Fault { index: 0, action, when, at: Duration::ZERO, lasts: Duration::ZERO };
        let trigger = Trigger::of(&fault, 1, "test");
        let directory = Directory::of(Roster::of(&Fleet { starter: 1, growth: 1, enterprise: 0, rows_per_tenant: 1 }));
        (0..requests)
            .filter(|place| {
                let tenant = directory.tenant((place % 2) as u32);
                trigger.fires(RequestInfo { tenant, operation: Operation::Read })
            })
            .collect()
    }

    /// Each condition bounds on its own, and together they all must hold.
    #[test]
    fn conditions_combine() {
        let all = Spec::default();
        assert_eq!(fired(all.clone(), 4), [0, 1, 2, 3]);
        assert_eq!(fired(Spec { nth: Some(3), ..all.clone() }, 7), [2, 5]);
        assert_eq!(fired(Spec { nth: Some(2), first: Some(5), ..all.clone() }, 20), [1, 3]);
        let growth = Some("growth-1".parse().unwrap());
        assert_eq!(fired(Spec { tenant: growth, nth: Some(2), ..all.clone() }, 8), [3, 7]);
        assert_eq!(fired(Spec { operation: Some(Operation::Write), ..all.clone() }, 8), [0usize; 0]);
        let share = fired(Spec { share: 0.2, ..all }, 10_000).len();
        assert!((1_800..2_200).contains(&share), "{share} of 10,000 at 20%");
    }
}
