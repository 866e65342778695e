//! `price breach`: what a leak of so many tenants costs.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, Table, facts, plural, usd, whole};
use crate::business_metrics::{
    AnchoredBreach, BreachEstimate, BreachSplit, Key, MicroDollars, Range, compare_breach_models,
};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};

#[derive(Debug, Args)]
pub(super) struct Breach {
    /// Tenants whose data were exposed.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    tenants: f64,
    /// Records of each; without it, the assumption.
    #[arg(long, alias = "records", value_name = "RECORDS", allow_negative_numbers = true)]
    records_per_tenant: Option<f64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Answer {
    records: f64,
    formula: String,
    typical_usd: f64,
    mean_usd: f64,
    split: BreachSplit,
    models: [BreachEstimate; 4],
}

impl Breach {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let point = self.common.point()?;
        let records = self.tenants * self.records_per_tenant.unwrap_or(point.get(Key::BreachRecordsPerTenant));
        let model = AnchoredBreach::of(&point);
        let typical_usd = model.median(records).map_err(bad_input)?;
        let answer = Answer {
            records,
            formula: model.formula(&whole(records)),
            typical_usd,
            mean_usd: model.mean(records).map_err(bad_input)?,
            split: BreachSplit::of(MicroDollars::from_usd(typical_usd), &point),
            models: compare_breach_models(records, &point).map_err(bad_input)?,
        };
        self.common.answer(&answer, || answer.text(self.tenants))
    }
}

impl Answer {
    fn text(&self, tenants: f64) -> String {
        let split = &self.split;
        let head = format!("A breach of {} ({})", plural(self.records, "record"), plural(tenants, "tenant"));
        let facts = facts([
            ("typical", format!("{}   {}", usd(self.typical_usd), self.formula)),
            (
                "on average",
                format!(
                    "{}   half of such breaches cost less than the typical one, a few far more",
                    usd(self.mean_usd)
                ),
            ),
            (
                "made of",
                format!(
                    "detection {}, lost business {}, response {}, notification {}",
                    split.detection, split.lost_business, split.response, split.notification
                ),
            ),
        ]);
        let mut table = Table::new(["model", "typical", "19 in 20 between", "and", "data"]);
        for estimate in &self.models {
            let (low, high) = estimate.interval_usd.map_or((String::new(), String::new()), |(l, h)| (usd(l), usd(h)));
            let range = match estimate.range {
                Range::Inside => "inside its data".to_owned(),
                Range::Below(records) => format!("BELOW its smallest, {} records", whole(records)),
                Range::Above(records) => format!("ABOVE its largest, {} records", whole(records)),
            };
            table.row([estimate.model.to_owned(), usd(estimate.typical_usd), low, high, range]);
        }
        format!("{head}\n{facts}\n\n{}", table.text())
    }
}
