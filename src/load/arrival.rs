//! The schedule of arrivals: a Poisson process, seeded, the same every time.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::mix::{OperationMix, TenantMix};
use crate::scenario::Operation;

/// One request to come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// Intended start, from the start of the run.
    pub at: Duration,
    /// Place of the tenant in fleet order.
    pub tenant: u32,
    /// What for.
    pub operation: Operation,
    /// Seed of everything that the request itself draws (which row, which amount).
    pub draw: u64,
}

/// An actor's own stream: derived from the seed, the scenario and the actor, so that adding one shifts no other.
pub fn stream(seed: u64, scenario: &str, actor: &str) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(scenario.as_bytes());
    hasher.update(&[0]);
    hasher.update(actor.as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Arrivals of an open loop between two times, in order.
#[derive(Debug, Clone)]
pub struct Arrivals {
    rng: ChaCha8Rng,
    tenants: Source,
    operations: OperationMix,
    rate_per_s: f64,
    next: Duration,
    until: Duration,
}

#[derive(Debug, Clone)]
enum Source {
    Mix(std::sync::Arc<TenantMix>),
    One(u32),
}

impl Arrivals {
    /// Arrivals of the whole fleet.
    pub fn of_fleet(
        rng: ChaCha8Rng,
        tenants: std::sync::Arc<TenantMix>,
        operations: OperationMix,
        rate_per_s: f64,
        until: Duration,
    ) -> Self {
        Self { rng, tenants: Source::Mix(tenants), operations, rate_per_s, next: Duration::ZERO, until }
    }

    /// Arrivals of one tenant between two times (a flood).
    pub fn of_tenant(
        rng: ChaCha8Rng,
        tenant: u32,
        operations: OperationMix,
        rate_per_s: f64,
        from: Duration,
        until: Duration,
    ) -> Self {
        Self { rng, tenants: Source::One(tenant), operations, rate_per_s, next: from, until }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let uniform: f64 = self.rng.random();
        // Exponential gap; 1 - u is never 0. At a rate of next to nothing the gap is longer than any duration.
        let gap = Duration::try_from_secs_f64(-(1.0 - uniform).ln() / self.rate_per_s).unwrap_or(Duration::MAX);
        self.next = self.next.saturating_add(gap);
        let tenant = match &self.tenants {
            Source::Mix(mix) => mix.draw(&mut self.rng),
            Source::One(tenant) => *tenant,
        };
        let operation = self.operations.draw(&mut self.rng);
        let draw = self.rng.random();
        (self.next < self.until).then_some(Arrival { at: self.next, tenant, operation, draw })
    }
}

/// Hash over a schedule, for the report: same seed, same hash.
pub(super) fn hash_arrivals(hasher: &mut blake3::Hasher, arrivals: impl Iterator<Item = Arrival>) {
    for arrival in arrivals {
        hasher.update(&arrival.at.as_nanos().to_le_bytes());
        hasher.update(&arrival.tenant.to_le_bytes());
        hasher.update(&[arrival.operation as u8]);
        hasher.update(&arrival.draw.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Roster;
    use crate::scenario::{Fleet, Mix};

    fn arrivals(seed: u64, scenario: &str) -> Arrivals {
        let roster = Roster::of(&Fleet { starter: 3, growth: 1, enterprise: 1, rows_per_tenant: 1 });
        let mix = TenantMix::new(&roster, 1.0, &mut stream(seed, scenario, "tenants"));
        let operations = OperationMix::new(Mix { read: 7, write: 2, report: 1 });
        let rng = stream(seed, scenario, "load");
        Arrivals::of_fleet(rng, mix.into(), operations, 500.0, Duration::from_secs(20))
    }

    /// The same seed gives the same schedule; another seed or scenario another one.
    #[test]
    fn schedules_repeat() {
        let hash = |seed, scenario| {
            let mut hasher = blake3::Hasher::new();
            hash_arrivals(&mut hasher, arrivals(seed, scenario));
            hasher.finalize()
        };
        assert_eq!(hash(7, "a"), hash(7, "a"));
        assert_ne!(hash(7, "a"), hash(8, "a"));
        assert_ne!(hash(7, "a"), hash(7, "b"));
    }

    /// At a rate of nothing, or of next to nothing, nobody comes.
    #[test]
    fn no_rate_means_no_arrival() {
        for rate in [0.0, f64::MIN_POSITIVE] {
            assert_eq!(Arrivals { rate_per_s: rate, ..arrivals(1, "rate") }.next(), None, "{rate}");
        }
    }

    /// Arrivals are ordered, end in time and come at the wanted rate within five standard errors.
    #[test]
    fn arrivals_keep_their_rate() {
        let all: Vec<_> = arrivals(1, "rate").collect();
        assert!(all.is_sorted_by_key(|arrival| arrival.at));
        assert!(all.iter().all(|arrival| arrival.at < Duration::from_secs(20)));
        let wanted = 500.0 * 20.0;
        assert!((all.len() as f64 - wanted).abs() < 5.0 * f64::sqrt(wanted), "{} arrivals", all.len());
    }
}
