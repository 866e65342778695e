//! The load's plan: everything about it that is known before it starts.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::arrival::{Arrival, Arrivals, hash_arrivals, stream};
use super::mix::{OperationMix, TenantMix};
use crate::observe::Roster;
use crate::scenario::{Load, LoadShape, Operation, Scenario};

/// Draws of each closed-loop client that go into the schedule's hash; how many it will need is not known before.
const CLIENT_DRAWS: usize = 64;

/// Who asks when, for a whole run.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    load: Load,
    seed: u64,
    scenario: Arc<str>,
    tenants: Arc<TenantMix>,
    operations: OperationMix,
    until: Duration,
}

impl LoadPlan {
    /// The plan of a scenario under a seed.
    pub fn of(scenario: &Scenario, seed: u64, roster: &Roster) -> Self {
        let mut rng = stream(seed, &scenario.name, "tenants");
        let phases = &scenario.phases;
        Self {
            tenants: TenantMix::new(roster, scenario.load.skew, &mut rng).into(),
            operations: OperationMix::new(scenario.load.mix),
            load: scenario.load.clone(),
            seed,
            scenario: scenario.name.as_str().into(),
            until: phases.baseline + phases.inject + phases.recover,
        }
    }

    /// Open or closed.
    pub fn shape(&self) -> LoadShape {
        self.load.shape
    }

    /// Requests in flight at most.
    pub fn max_in_flight(&self) -> u32 {
        self.load.max_in_flight
    }

    /// When the load ends, from the start of the run.
    pub fn until(&self) -> Duration {
        self.until
    }

    /// The seed in force.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The scenario's name.
    pub fn scenario(&self) -> &str {
        &self.scenario
    }

    /// The next tenant and operation of a closed-loop client.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> (u32, Operation) {
        (self.tenants.draw(rng), self.operations.draw(rng))
    }

    /// The arrivals of an open loop; none for a closed one.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + Send + 'static {
        let open = match self.load.shape {
            LoadShape::Open { rate_per_s } => {
                let rng = stream(self.seed, &self.scenario, "load");
                Some(Arrivals::of_fleet(rng, self.tenants.clone(), self.operations, rate_per_s, self.until))
            }
            LoadShape::Closed { .. } => None,
        };
        open.into_iter().flatten()
    }

    /// The arrivals of a flood: one tenant at `times` its own rate between two times.
    pub fn flood(&self, fault: usize, tenant: u32, times: f64, from: Duration, until: Duration) -> Arrivals {
        let rng = stream(self.seed, &self.scenario, &format!("fault {fault}"));
        Arrivals::of_tenant(rng, tenant, self.operations, self.rate_of(tenant) * times, from, until)
    }

    /// How often a tenant asks, per second. In a closed loop, where nobody has a rate of its own, 10 per second.
    fn rate_of(&self, tenant: u32) -> f64 {
        match self.load.shape {
            LoadShape::Open { rate_per_s } => rate_per_s * self.tenants.share(tenant),
            LoadShape::Closed { .. } => 10.0,
        }
    }

    /// Hash over every planned arrival, phase and fault.
    pub fn schedule_hash(&self, scenario: &Scenario) -> String {
        let mut hasher = blake3::Hasher::new();
        hash_arrivals(&mut hasher, self.arrivals());
        if let LoadShape::Closed { clients } = self.load.shape {
            for client in 0..clients {
                let mut rng = stream(self.seed, &self.scenario, &format!("client {client}"));
                for _ in 0..CLIENT_DRAWS {
                    let (tenant, operation) = self.draw(&mut rng);
                    hasher.update(&tenant.to_le_bytes()).update(&[operation as u8]);
                }
            }
        }
        hasher.update(format!("{:?}{:?}{:?}", scenario.phases, scenario.faults, self.seed).as_bytes());
        hasher.finalize().to_hex()[..16].to_owned()
    }
}
