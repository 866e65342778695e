//! From the fleet of a run to the business: shares stay, numbers grow.

use std::collections::BTreeMap;

use crate::business_metrics::{Tier, TierCounts};
use crate::oracle::Finding;
use crate::scenario::Scenario;

/// What a run's numbers are scaled by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale<'a> {
    scenario: &'a Scenario,
}

/// Tenants in the run and in the business, by tier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hurt {
    pub(super) observed: TierCounts,
    pub(super) at_scale: TierCounts,
}

impl<'a> Scale<'a> {
    pub(super) fn of(scenario: &'a Scenario) -> Self {
        Self { scenario }
    }

    /// Tenants of the run.
    pub(super) fn fleet(&self) -> u64 {
        u64::from(self.scenario.fleet.tenants())
    }

    /// Tenants of the business.
    pub(super) fn business(&self) -> u64 {
        self.scenario.business.tenants
    }

    /// Records of one tenant of the business.
    pub(super) fn records_per_tenant(&self) -> u64 {
        self.scenario.business.records_per_tenant
    }

    /// Minutes until somebody has repaired it.
    pub(super) fn repair_minutes(&self) -> f64 {
        self.scenario.business.time_to_repair.as_secs_f64() / 60.0
    }

    /// Tenants of the business that stand for so many of the run.
    pub(super) fn tenants(&self, of_fleet: f64) -> f64 {
        of_fleet.min(self.fleet() as f64) / self.fleet().max(1) as f64 * self.business() as f64
    }

    /// The whole fleet.
    pub(super) fn everyone(&self) -> Hurt {
        self.spread(self.fleet() as f64)
    }

    /// Tenants of unknown tiers, spread like the fleet.
    pub(super) fn spread(&self, tenants: f64) -> Hurt {
        let fleet = &self.scenario.fleet;
        let share = tenants.min(self.fleet() as f64) / self.fleet().max(1) as f64;
        self.hurt(Tier::ALL.into_iter().map(|tier| (tier, f64::from(fleet.of(tier)) * share)).collect())
    }

    /// The tenants that a finding says were hurt, by tier if it knows.
    pub(super) fn hurt_by(&self, finding: &Finding) -> Option<Hurt> {
        let radius = &finding.blast_radius;
        match (radius.hurt_by_tier.is_empty(), radius.tenants_hurt) {
            (false, _) => Some(self.by_tier(&radius.hurt_by_tier)),
            (true, 0) => None,
            (true, hurt) => Some(self.spread(hurt as f64)),
        }
    }

    /// No tier can be hurt by more than it has.
    fn by_tier(&self, hurt: &BTreeMap<Tier, u64>) -> Hurt {
        let fleet = &self.scenario.fleet;
        let within = |tier: Tier, hurt: u64| hurt.min(u64::from(fleet.of(tier))) as f64;
        self.hurt(hurt.iter().map(|(tier, hurt)| (*tier, within(*tier, *hurt))).collect())
    }

    fn hurt(&self, observed: TierCounts) -> Hurt {
        let at_scale = Tier::ALL.into_iter().map(|tier| (tier, self.tenants(observed.of(tier)))).collect();
        Hurt { observed, at_scale }
    }
}
