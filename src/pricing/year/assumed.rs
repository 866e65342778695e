//! The assumptions behind a year, with where they come from, and a hash that tells two sets of them apart.

use serde::{Deserialize, Serialize};

use super::select::ScenarioPrice;
use crate::business_metrics::{Assumption, Assumptions, Confidence, Key};

/// An assumption behind the prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AssumptionUsed {
    /// Its key.
    pub key: String,
    /// Lowest plausible value.
    pub low: f64,
    /// The value that was used.
    pub mode: f64,
    /// Highest plausible value.
    pub high: f64,
    /// Unit.
    pub unit: String,
    /// Where it comes from.
    pub source: String,
    /// How far it can be trusted.
    pub confidence: Confidence,
}

impl AssumptionUsed {
    /// One of the assumptions, by name.
    pub fn of(key: Key, assumption: &Assumption) -> Self {
        let Assumption { low, mode, high, unit, source, confidence, .. } = assumption.clone();
        Self { key: key.name().to_owned(), low, mode, high, unit, source, confidence }
    }
}

/// What moves a price, and what every year needs.
pub(super) fn used(scenarios: &[ScenarioPrice<'_>], assumptions: &Assumptions) -> Vec<AssumptionUsed> {
    let always = [
        Key::BreachSigma,
        Key::FrequencyLeak,
        Key::FrequencyOutage,
        Key::FrequencyNoisyNeighbour,
        Key::IncidentChurn,
        Key::DowntimeEnterprise,
    ];
    let moves = |key: Key| {
        scenarios.iter().flat_map(|each| &each.price.swings).any(|swing| swing.key == key.name())
            || always.contains(&key)
    };
    assumptions.iter().filter(|(key, _)| moves(*key)).map(|(key, value)| AssumptionUsed::of(key, value)).collect()
}

/// Of every value: the same for the same assumptions, whatever they are called.
pub(super) fn hash(assumptions: &Assumptions) -> String {
    let mut hasher = blake3::Hasher::new();
    for (key, Assumption { low, mode, high, .. }) in assumptions.iter() {
        hasher.update(format!("{key} {low:e} {mode:e} {high:e}\n").as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
