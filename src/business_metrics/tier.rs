//! The commercial tiers. Prices and rates go by them, so they are defined here and not by the scenarios that name them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A commercial tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Smallest.
    Starter,
    /// Middle.
    Growth,
    /// Largest.
    Enterprise,
}

impl Tier {
    /// All tiers, smallest first.
    pub const ALL: [Tier; 3] = [Tier::Starter, Tier::Growth, Tier::Enterprise];

    /// The name as scenarios and the database spell it.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Starter => "starter",
            Tier::Growth => "growth",
            Tier::Enterprise => "enterprise",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tenants of each tier; fractional, because a share of a fleet is scaled to a business.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TierCounts {
    /// Tenants of tier starter.
    pub starter: f64,
    /// Tenants of tier growth.
    pub growth: f64,
    /// Tenants of tier enterprise.
    pub enterprise: f64,
}

impl TierCounts {
    /// Tenants of one tier and of no other.
    pub fn only(tier: Tier, tenants: f64) -> Self {
        let mut counts = Self::default();
        *counts.of_mut(tier) = tenants;
        counts
    }

    /// Tenants of one tier.
    pub fn of(&self, tier: Tier) -> f64 {
        match tier {
            Tier::Starter => self.starter,
            Tier::Growth => self.growth,
            Tier::Enterprise => self.enterprise,
        }
    }

    fn of_mut(&mut self, tier: Tier) -> &mut f64 {
        match tier {
            Tier::Starter => &mut self.starter,
            Tier::Growth => &mut self.growth,
            Tier::Enterprise => &mut self.enterprise,
        }
    }

    /// Tenants in all.
    pub fn total(&self) -> f64 {
        self.starter + self.growth + self.enterprise
    }

    /// Tiers that have tenants, with their number.
    pub fn iter(&self) -> impl Iterator<Item = (Tier, f64)> {
        let counts = *self;
        Tier::ALL.into_iter().map(move |tier| (tier, counts.of(tier))).filter(|(_, tenants)| *tenants != 0.0)
    }
}

impl FromIterator<(Tier, f64)> for TierCounts {
    fn from_iter<I: IntoIterator<Item = (Tier, f64)>>(tenants: I) -> Self {
        tenants.into_iter().fold(Self::default(), |mut counts, (tier, tenants)| {
            *counts.of_mut(tier) += tenants;
            counts
        })
    }
}
