//! `price tornado`: which assumption a price hangs on.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::answer::{Common, Table, usd, write_svg};
use crate::business_metrics::{
    self, Assumptions, BreachModel, DowntimeModel, InputError, Key, MicroDollars, NoisyNeighbourModel, Point,
    RankCorrelation, Risk, Tier, TierCounts, rank_correlations, reference_portfolio,
};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};
use crate::pricing::PricedSwing;
use crate::report::tornado_svg;

/// Bars that are shown.
const TOP: usize = 10;

#[derive(Debug, Args)]
pub(super) struct Tornado {
    /// Journals of a run, folders of them, or a report.json: the price of its dearest scenario. Without any, `--of`.
    run: Vec<PathBuf>,
    /// The failure whose typical price is looked at (the brief's leak of fifty tenants, enterprise outage of 45 minutes, two
    /// hundred slowed tenants), or the expected loss of a year of all three.
    #[arg(long, value_enum, default_value_t = Failure::Breach, conflicts_with = "run")]
    of: Failure,
    /// Draws for the rank correlation.
    #[arg(long, default_value_t = 4_000)]
    draws: usize,
    /// Write the bars as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Failure {
    /// Data of fifty tenants exposed.
    Breach,
    /// An enterprise outage of 45 minutes.
    Downtime,
    /// Two hundred tenants slowed down.
    NoisyNeighbor,
    /// A year of all three: the expected annual loss.
    Year,
}

#[derive(Serialize)]
struct Answer {
    price_of: String,
    cost: MicroDollars,
    swings: Vec<PricedSwing>,
    /// Over draws of all assumptions; only for a failure, because a run is not priced thousands of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank_correlations: Option<Vec<RankCorrelation>>,
}

impl Tornado {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let answer = if self.run.is_empty() { self.of_failure()? } else { self.of_run()? };
        if let Some(path) = &self.svg {
            write_svg(path, tornado_svg(answer.cost, &answer.swings))?;
        }
        self.common.answer(&answer, || answer.text())
    }

    fn of_run(&self) -> Result<Answer, CliError> {
        let report = self.common.run(&self.run)?;
        let dearest = report.scenarios.into_iter().max_by_key(|scenario| scenario.price.cost_usd);
        let dearest = dearest.ok_or_else(|| CliError::Usage("the run has no scenario".to_owned()))?;
        Ok(Answer {
            price_of: format!("scenario `{}` at scale", dearest.header.scenario),
            cost: dearest.price.cost_usd,
            swings: dearest.price.swings,
            rank_correlations: None,
        })
    }

    fn of_failure(&self) -> Result<Answer, CliError> {
        let assumptions = self.common.assumptions()?;
        let price = |point: &Point| self.of.price(point, &assumptions);
        let swings = swings(&assumptions, price).map_err(bad_input)?;
        // The seed is fixed: the correlations are a picture of the model and not a sample of the world.
        let mut correlations = rank_correlations(&assumptions, self.draws, 1, price).map_err(bad_input)?;
        correlations.retain(|each| swings.iter().any(|swing| swing.key == each.key.name()));
        Ok(Answer {
            price_of: self.of.name().to_owned(),
            cost: MicroDollars::from_usd(price(&assumptions.point()).map_err(bad_input)?),
            swings,
            rank_correlations: Some(correlations),
        })
    }
}

fn swings(
    assumptions: &Assumptions,
    price: impl Fn(&Point) -> Result<f64, InputError>,
) -> Result<Vec<PricedSwing>, InputError> {
    let swings = business_metrics::tornado(assumptions, price)?;
    Ok(swings.into_iter().take(TOP).map(PricedSwing::from).collect())
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Failure::Breach => "a leak of fifty tenants",
            Failure::Downtime => "an enterprise outage of 45 minutes",
            Failure::NoisyNeighbor => "two hundred slowed tenants",
            Failure::Year => "a year of all three, expected",
        }
    }

    fn price(self, point: &Point, assumptions: &Assumptions) -> Result<f64, InputError> {
        match self {
            Failure::Breach => BreachModel::of(point).median(50.0 * point.get(Key::BreachRecordsPerTenant)),
            Failure::Downtime => DowntimeModel::of(point).cost(Tier::Enterprise, 45.0, 1.0, 10.0),
            Failure::Year => {
                let risks = reference_portfolio(&assumptions.fixed(point))?;
                Ok(risks.iter().map(Risk::expected_annual_loss).sum())
            }
            Failure::NoisyNeighbor => {
                Ok(NoisyNeighbourModel::of(point).cost(&TierCounts::only(Tier::Starter, 200.0))?.total())
            }
        }
    }
}

impl Answer {
    fn text(&self) -> String {
        let mut table = Table::new(["assumption", "from", "to", "price at low", "price at high", "rank correlation"]);
        for swing in &self.swings {
            let correlation = self.rank_correlations.iter().flatten().find(|each| each.key.name() == swing.key);
            table.row([
                swing.key.clone(),
                swing.low.to_string(),
                swing.high.to_string(),
                swing.at_low.to_string(),
                swing.at_high.to_string(),
                correlation.map_or("-".to_owned(), |each| format!("{:+.2}", each.spearman)),
            ]);
        }
        let cost = usd(self.cost.usd());
        if self.swings.is_empty() {
            return format!("{}: {cost}; no assumption moves it", self.price_of);
        }
        format!("{}: {cost}; one assumption at a time, the others at their modes\n{}", self.price_of, table.text())
    }
}
