//! The paired sampler: all variants perform the same call, one right after the other, in an order drawn anew each time.
//!
//! What disturbs the machine for longer than a call disturbs every variant alike and cancels in the ratio; nobody
//! always follows the one that empties the caches.

use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::design::{Operation, Variant};
use super::stand::Stand;
use crate::common::{Failure, Mode, median};

/// How much is sampled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Calls of each variant per round.
    calls: usize,
    /// Rounds at most.
    most_rounds: usize,
    /// Rounds at least, however long they take.
    least_rounds: usize,
    /// No further round is begun after this.
    limit: Duration,
}

impl Effort {
    /// For the ratio of medians.
    pub(crate) fn for_ratios(mode: Mode) -> Self {
        let (most_rounds, least_rounds) = mode.pick((80, 12), (2, 2));
        Self { calls: 10, most_rounds, least_rounds, limit: Duration::from_secs(4) }
    }

    /// For the tail: the 99th percentile of 8,000 has 80 beyond it.
    pub(crate) fn for_tail(mode: Mode) -> Self {
        let (most_rounds, least_rounds) = mode.pick((160, 40), (2, 2));
        Self { calls: 50, most_rounds, least_rounds, limit: Duration::from_secs(20) }
    }
}

/// What one variant took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    /// Every call, in microseconds; the same place in two variants is the same call.
    pub(crate) calls: Vec<f64>,
    /// The median of each round, in microseconds.
    pub(crate) rounds: Vec<f64>,
}

/// Samples one operation under several variants.
pub(crate) async fn sample(
    stand: &Stand,
    operation: Operation,
    variants: &[Variant],
    effort: Effort,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Samples>, Failure> {
    // A statement has its generic plan from the sixth execution on.
    round(stand, operation, variants, effort.calls.max(10), rng).await?;
    let begun = Instant::now();
    let mut samples = vec![Samples::default(); variants.len()];
    for number in 0..effort.most_rounds {
        if number >= effort.least_rounds && begun.elapsed() > effort.limit {
            break;
        }
        let taken = round(stand, operation, variants, effort.calls, rng).await?;
        for (samples, calls) in samples.iter_mut().zip(taken) {
            samples.rounds.push(median(&calls));
            samples.calls.extend(calls);
        }
    }
    Ok(samples)
}

async fn round(
    stand: &Stand,
    operation: Operation,
    variants: &[Variant],
    calls: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Vec<f64>>, Failure> {
    let mut taken = vec![Vec::with_capacity(calls); variants.len()];
    let mut order: Vec<usize> = (0..variants.len()).collect();
    for _ in 0..calls {
        let call = stand.draw(operation, rng);
        order.shuffle(rng);
        for &place in &order {
            let Variant { policy, travel } = variants[place];
            let took = stand.client(policy).lock().await.time(travel, &stand.again(&call)).await?;
            taken[place].push(took.as_secs_f64() * 1e6);
        }
    }
    Ok(taken)
}
