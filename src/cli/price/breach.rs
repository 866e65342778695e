//! `price breach`: what a leak of so many tenants costs.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, Table, facts, percent, plural, usd, whole};
use crate::business_metrics::{
    BreachEstimate, BreachModel, BreachSplit, Key, MicroDollars, Range, RegulatoryFine, compare_breach_models,
    exposed_records,
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
    /// Also show the expected fine of a firm with this worldwide annual turnover, US dollars. It is not added: published
    /// breach costs have fines in them.
    #[arg(long, value_name = "DOLLARS", allow_negative_numbers = true)]
    turnover: Option<f64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Fine {
    probability: f64,
    typical_usd: f64,
    cap_usd: f64,
    expected_usd: f64,
}

#[derive(Serialize)]
struct Answer {
    records: f64,
    formula: String,
    typical_usd: f64,
    mean_usd: f64,
    p05_usd: f64,
    p95_usd: f64,
    fine: Option<Fine>,
    split: BreachSplit,
    models: [BreachEstimate; 4],
}

impl Breach {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let point = self.common.point()?;
        let each = self.records_per_tenant.unwrap_or(point.get(Key::BreachRecordsPerTenant));
        let records = exposed_records(self.tenants, each).map_err(bad_input)?;
        let model = BreachModel::of(&point);
        let fine = self
            .turnover
            .map(|turnover| RegulatoryFine::of_turnover(turnover, &point))
            .transpose()
            .map_err(bad_input)?;
        let typical_usd = model.median(records).map_err(bad_input)?;
        let answer = Answer {
            records,
            formula: model.formula(&whole(records)),
            typical_usd,
            mean_usd: model.mean(records).map_err(bad_input)?,
            p05_usd: model.quantile(records, 0.05).map_err(bad_input)?,
            p95_usd: model.quantile(records, 0.95).map_err(bad_input)?,
            fine: fine.map(|fine| Fine {
                probability: fine.probability(),
                typical_usd: fine.median(),
                cap_usd: fine.cap(),
                expected_usd: fine.mean(),
            }),
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
            ("nine in ten", format!("between {} and {}", usd(self.p05_usd), usd(self.p95_usd))),
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
        let fine = self.fine.as_ref().map_or(String::new(), |fine| {
            format!(
                "\n\nA fine: {} expected ({} pay one, typically {}, at most {}); in published breach costs already, so not added.",
                usd(fine.expected_usd),
                percent(fine.probability),
                usd(fine.typical_usd),
                usd(fine.cap_usd)
            )
        });
        format!("{head}\n{facts}\n\n{}{fine}", table.text())
    }
}
