//! Findings with their price.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::business_metrics::{MicroDollars, Outage, SlaSchedule, Swing, Tier};
use crate::oracle::{Check, Code};

/// The price of one scenario's findings. Planted findings are priced like any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PricedRun {
    /// What was seen in the run itself.
    pub observed: Losses,
    /// What it means at the scale of the scenario's `[business]` and its time to repair. `cost_usd` is this one's
    /// `customer` or `vendor` line, whichever is larger; the two are never added.
    pub at_scale: Losses,
    /// Finding by finding.
    pub findings: Vec<PricedFinding>,
    /// The `cost` expectations.
    pub checks: Vec<Check>,
    /// `cost_usd`.
    pub cost_usd: MicroDollars,
    /// The assumptions that move `cost_usd` most, widest swing first; ten at most.
    #[serde(default)]
    pub swings: Vec<PricedSwing>,
}

/// What `cost_usd` is with one assumption at the ends of its range and all others at their modes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PricedSwing {
    /// The assumption's key.
    pub key: String,
    /// Its lowest plausible value.
    pub low: f64,
    /// Its highest plausible value.
    pub high: f64,
    /// `cost_usd` at the lowest.
    pub at_low: MicroDollars,
    /// `cost_usd` at the highest.
    pub at_high: MicroDollars,
}

impl From<Swing> for PricedSwing {
    fn from(swing: Swing) -> Self {
        Self {
            key: swing.key.name().to_owned(),
            low: swing.low,
            high: swing.high,
            at_low: MicroDollars::from_usd(swing.at_low),
            at_high: MicroDollars::from_usd(swing.at_high),
        }
    }
}

/// Two lines that are never added: what the customers lose and what the vendor loses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Losses {
    /// Loss of the customers (benchmark rates).
    pub customer: MicroDollars,
    /// Loss of the vendor (breach, service credits, churn, support, engineering).
    pub vendor: MicroDollars,
}

/// One finding's price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PricedFinding {
    /// The finding's code.
    pub code: Code,
    /// The model, such as `breach (anchored)`.
    pub model: String,
    /// As observed.
    pub observed: Losses,
    /// At scale.
    pub at_scale: Losses,
    /// How the numbers came about, one sentence with every input.
    pub basis: String,
    /// Of a breach: the records exposed, at scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<f64>,
    /// Of anything else that hurts: the incident, at scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<PricedIncident>,
}

/// An incident at scale, for those who have to handle it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PricedIncident {
    /// Hurt tenants of the business by tier.
    pub hurt: BTreeMap<Tier, f64>,
    /// Minutes until it is repaired.
    pub minutes: f64,
    /// Share of their requests that fail.
    pub failed_share: f64,
    /// What the customers lose in a minute.
    pub customers_per_minute: MicroDollars,
    /// Service credits.
    pub credits: MicroDollars,
    /// Share of a month's downtime that the agreement lets pass without a credit; 2 is twice of it.
    pub budget_used: f64,
}

impl PricedIncident {
    /// As the models take it.
    pub(super) fn outage(&self) -> Outage {
        let hurt = self.hurt.iter().map(|(tier, tenants)| (*tier, *tenants)).collect();
        let schedule = SlaSchedule::default();
        Outage { hurt, minutes: self.minutes, severity: self.failed_share, schedule }
    }
}
