//! `price noisy-neighbor`: what slowing others down costs the vendor.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, EventRange, Tier, facts, usd, whole};
use crate::business_metrics::{HandlingCost, NoisyNeighbourModel, TierCounts, noisy_neighbour_risk};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};

#[derive(Debug, Args)]
pub(super) struct NoisyNeighbour {
    /// Tenants that were slowed down.
    #[arg(long, default_value_t = 200.0, allow_negative_numbers = true)]
    tenants: f64,
    /// Their tier.
    #[arg(long, value_enum, default_value_t = Tier::Starter)]
    tier: Tier,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Answer {
    tenants: f64,
    total_usd: f64,
    range: EventRange,
    cost: HandlingCost,
    terms: String,
}

impl NoisyNeighbour {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let assumptions = self.common.assumptions()?;
        let (model, hurt) =
            (NoisyNeighbourModel::of(&assumptions.point()), TierCounts::only(self.tier.into(), self.tenants));
        let cost = model.cost(&hurt).map_err(bad_input)?;
        let range = noisy_neighbour_risk(&hurt, &assumptions)
            .and_then(|risk| EventRange::of(risk.name(), risk.severity()))
            .map_err(bad_input)?;
        let answer = Answer { tenants: self.tenants, total_usd: cost.total(), range, cost, terms: model.terms() };
        self.common.answer(&answer, || {
            let facts = facts([
                ("vendor loses", usd(answer.total_usd)),
                ("over all ranges", answer.range.text()),
                ("  tickets", usd(cost.tickets)),
                ("  engineers", usd(cost.engineering)),
                ("  churn", usd(cost.churn)),
                ("assumed", answer.terms.clone()),
            ]);
            format!("One tenant slows {} others down\n{facts}", whole(answer.tenants))
        })
    }
}
