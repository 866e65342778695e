//! Which tenant asks, and for what.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::observe::Roster;
use crate::scenario::{Mix, Operation};

/// Draws tenants by a Zipf law over fleet order shuffled by the seed: rank k has weight `k^-skew`.
#[derive(Debug, Clone)]
pub struct TenantMix {
    by_rank: Vec<u32>,
    /// Cumulative weights by rank, normalised to 1.
    cumulative: Vec<f64>,
}

impl TenantMix {
    /// The mix of a fleet. `skew` 0 draws all tenants alike.
    pub fn new(roster: &Roster, skew: f64, rng: &mut ChaCha8Rng) -> Self {
        let mut by_rank: Vec<u32> = (0..roster.len() as u32).collect();
        // Fisher-Yates, so that tiers are spread over the ranks.
        for last in (1..by_rank.len()).rev() {
            by_rank.swap(last, rng.random_range(0..=last));
        }
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=by_rank.len())
            .map(|rank| {
                sum += (rank as f64).powf(-skew);
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|weight| *weight /= sum);
        Self { by_rank, cumulative }
    }

    /// The place in fleet order of the next tenant.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> u32 {
        let point: f64 = rng.random();
        let rank = self.cumulative.partition_point(|weight| *weight < point);
        self.by_rank[rank.min(self.by_rank.len() - 1)]
    }

    /// The share of requests that a tenant makes, 0..=1.
    pub fn share(&self, tenant: u32) -> f64 {
        let rank = self.by_rank.iter().position(|other| *other == tenant);
        rank.map_or(0.0, |rank| self.cumulative[rank] - if rank == 0 { 0.0 } else { self.cumulative[rank - 1] })
    }
}

/// Draws operations by weight.
#[derive(Debug, Clone, Copy)]
pub struct OperationMix {
    mix: Mix,
}

impl OperationMix {
    /// The mix; at least one weight is positive (checked by `scenario`).
    pub fn new(mix: Mix) -> Self {
        Self { mix }
    }

    /// The next operation.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Operation {
        let Mix { read, write, report } = self.mix;
        match rng.random_range(0..read + write + report) {
            point if point < read => Operation::Read,
            point if point < read + write => Operation::Write,
            _ => Operation::Report,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Fleet;
    use rand::SeedableRng;

    const FLEET: Fleet = Fleet { starter: 8, growth: 1, enterprise: 1, rows_per_tenant: 1 };

    /// Shares sum to one, and draws follow them, flat and skewed.
    #[test]
    fn draws_follow_the_shares() {
        for skew in [0.0, 1.1] {
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            let mix = TenantMix::new(&Roster::of(&FLEET), skew, &mut rng);
            let mut drawn = [0u32; 10];
            (0..100_000).for_each(|_| drawn[mix.draw(&mut rng) as usize] += 1);
            let shares: Vec<f64> = (0..10).map(|tenant| mix.share(tenant)).collect();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (tenant, share) in shares.iter().enumerate() {
                let seen = f64::from(drawn[tenant]) / 100_000.0;
                assert!((seen - share).abs() < 0.01, "tenant {tenant}: {seen} drawn, {share} wanted (skew {skew})");
            }
            assert_eq!(shares.iter().any(|share| *share > 0.2), skew > 0.0);
        }
    }
}
