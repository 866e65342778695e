//! Criterion's figures: one per operation, policy and way to travel, named so that its filter selects them.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use super::design::{Breadth, Operation, Policy, Travel};
use super::stand::Stand;

/// Short, because there are many: what is compared is compared in the table.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args()
}

/// Runs the figures of one database: `rls_overhead/<rows>/<operation>/<policy>/<travel>`.
pub(crate) fn run(criterion: &mut Criterion, runtime: &Runtime, stand: &Stand, breadth: Breadth) {
    for operation in Operation::ALL {
        let mut group = criterion.benchmark_group(format!("rls_overhead/{}/{}", stand.rows, operation.name()));
        for travel in Travel::ALL {
            for &policy in breadth.policies(travel).iter().filter(|policy| **policy != Policy::Control) {
                group.bench_function(BenchmarkId::new(policy.name(), travel.name()), |bencher| {
                    let rng = Mutex::new(ChaCha8Rng::seed_from_u64(0));
                    let times = |count| time(stand, operation, policy, travel, &rng, count);
                    bencher.to_async(runtime).iter_custom(times);
                });
            }
        }
        group.finish();
    }
}

/// The sum over `count` calls; putting the context on an autocommit session is not part of it.
async fn time(
    stand: &Stand,
    operation: Operation,
    policy: Policy,
    travel: Travel,
    rng: &Mutex<ChaCha8Rng>,
    count: u64,
) -> Duration {
    let (mut rng, mut client) = (rng.lock().await, stand.client(policy).lock().await);
    let mut sum = Duration::ZERO;
    for _ in 0..count {
        let call = stand.draw(operation, &mut rng);
        sum += client.time(travel, &call).await.expect("what was proved before the measurement still holds");
    }
    sum
}
