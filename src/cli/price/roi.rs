//! `price roi`, and `roi`: what an investment returns, planned or measured.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::answer::{Common, Table, facts, percent, usd, whole};
use crate::business_metrics::{CashFlows, Key, RoiDistribution, Simulation};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};
use crate::pricing::{FixReturn, Investment, LossLine, ScenarioPrice, fix_return};
use crate::report::{RunReport, ScenarioReport};

#[derive(Debug, Args)]
pub(in crate::cli) struct Roi {
    /// What it costs now, US dollars.
    #[arg(long, default_value_t = 75_000.0, allow_negative_numbers = true)]
    cost: f64,
    /// Runs without the fix: journals, folders of them, or a report.json.
    #[arg(long, num_args = 1.., value_name = "RUN", requires = "after", conflicts_with = "benefit")]
    before: Vec<PathBuf>,
    /// Runs with it.
    #[arg(long, num_args = 1.., value_name = "RUN", requires = "before")]
    after: Vec<PathBuf>,
    /// Whose losses are prevented.
    #[arg(long, value_enum, default_value_t = Whose::Vendor)]
    line: Whose,
    /// Benefit of each year, US dollars, separated by commas; the last one recurs.
    #[arg(long, value_delimiter = ',', value_name = "DOLLARS", allow_negative_numbers = true)]
    benefit: Vec<f64>,
    /// Years.
    #[arg(long, default_value_t = 5)]
    years: usize,
    /// Yearly discount rate; without it, the assumption.
    #[arg(long, allow_negative_numbers = true)]
    rate: Option<f64>,
    /// Years to simulate.
    #[arg(long, default_value_t = 100_000)]
    simulate: usize,
    /// Seed of the simulation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Whose {
    /// The vendor's.
    Vendor,
    /// Its customers'.
    Customers,
}

#[derive(Serialize)]
struct Planned {
    cost: f64,
    benefits: Vec<f64>,
    rate: f64,
    net_roi_first_year: f64,
    net_roi: f64,
    npv: f64,
    npv_index: f64,
    irr: Option<f64>,
    payback_years: Option<f64>,
    discounted_payback_years: Option<f64>,
    build: bool,
}

impl Roi {
    pub(in crate::cli) fn execute(&self) -> Result<Exit, CliError> {
        match (self.before.is_empty(), self.benefit.is_empty()) {
            (false, _) => self.measured(),
            (true, false) => self.planned(),
            (true, true) => {
                Err(CliError::Usage("give `--before RUN --after RUN`, or `--benefit` of each year".to_owned()))
            }
        }
    }

    fn planned(&self) -> Result<Exit, CliError> {
        let point = self.common.point()?;
        let rate = self.rate.unwrap_or(point.get(Key::DiscountRate));
        let last = self.benefit.last().copied().unwrap_or_default();
        let benefits: Vec<f64> =
            self.benefit.iter().copied().chain(std::iter::repeat(last)).take(self.years.min(101)).collect();
        let first = benefits.first().copied().unwrap_or_default();
        let flows = CashFlows::new(self.cost, benefits.clone()).map_err(bad_input)?;
        let one_year = CashFlows::new(self.cost, vec![first]).map_err(bad_input)?.net_roi();
        let answer = Planned {
            cost: self.cost,
            benefits,
            rate,
            net_roi_first_year: one_year,
            net_roi: flows.net_roi(),
            npv: flows.npv(rate).map_err(bad_input)?,
            npv_index: flows.npv_index(rate).map_err(bad_input)?,
            irr: flows.irr(),
            payback_years: flows.payback_years(),
            discounted_payback_years: flows.discounted_payback_years(rate).map_err(bad_input)?,
            build: one_year > point.get(Key::RoiThreshold),
        };
        self.common.answer(&answer, || answer.text(point.get(Key::RoiThreshold)))
    }

    fn measured(&self) -> Result<Exit, CliError> {
        let assumptions = self.common.assumptions()?;
        let (before, after) = (self.common.run(&self.before)?, self.common.run(&self.after)?);
        let rate = self.rate.unwrap_or(assumptions.get(Key::DiscountRate).mode);
        let investment = Investment { cost: self.cost, horizon: self.years, rate };
        let line = if self.line == Whose::Vendor { LossLine::Vendor } else { LossLine::Customer };
        let simulation = Simulation::new(self.simulate, self.seed).map_err(bad_input)?;
        let returned = fix_return(&prices(&before), &prices(&after), investment, line, &assumptions, simulation)
            .map_err(bad_input)?;
        self.common.answer(&returned, || self.text(&returned, rate))
    }

    fn text(&self, returned: &FixReturn, rate: f64) -> String {
        let whose = if returned.line == LossLine::Vendor { "the vendor" } else { "its customers" };
        let Some(roi) = &returned.roi else {
            return format!("Neither run lost {whose} anything, so there is nothing that the fix could return.");
        };
        let mut kinds = Table::new(["failure", "typical event before", "after"]);
        for kind in &returned.kinds {
            kinds.row([kind.name.to_owned(), kind.before.to_string(), kind.after.to_string()]);
        }
        format!(
            "The fix cuts the expected annual loss of {whose} from {} to {}.\n{}\n\n{}",
            returned.before,
            returned.after,
            return_text(roi, self.cost, self.years, rate),
            kinds.text()
        )
    }
}

fn prices(report: &RunReport) -> Vec<ScenarioPrice<'_>> {
    report.scenarios.iter().map(ScenarioReport::priced).collect()
}

fn return_text(roi: &RoiDistribution, cost: f64, years: usize, rate: f64) -> String {
    let [p05, p50, p95] = roi.npv.map(usd);
    let [i05, i50, i95] = roi.irr.map(|rate| rate.map_or("-100% (nothing comes back)".to_owned(), percent));
    let [q05, q50, q95] = roi.payback.map(|paid| match paid {
        Some(years) => format!("within {}", length(years)),
        None => format!("not within {years} years"),
    });
    facts([
        ("cost", usd(cost)),
        ("benefit a year", format!("{} on average", usd(roi.mean_benefit))),
        ("NPV", format!("{} on average over {years} years at {}", usd(roi.mean_npv), percent(rate))),
        ("NPV range", format!("5% of futures below {p05}, half below {p50}, 5% above {p95}")),
        ("P(NPV > 0)", format!("{} of {} futures", percent(roi.p_npv_positive), whole(roi.futures as f64))),
        ("IRR range", format!("5% of futures below {i05}, half below {i50}, 5% above {i95}")),
        ("paid back", format!("in {} of futures; {}", percent(roi.p_paid_back), payback(roi.payback_years))),
        ("payback range", format!("5% of futures {q05}, half {q50}, 95% {q95}")),
        ("net ROI", format!("{} over {years} years", percent(roi.net_roi))),
    ])
}

fn payback(years: Option<f64>) -> String {
    years.map_or("never, by the average benefit".to_owned(), |years| {
        format!("after {}, by the average benefit", length(years))
    })
}

fn length(years: f64) -> String {
    if years < 1.0 { format!("{:.2} months", years * 12.0) } else { format!("{years:.2} years") }
}

impl Planned {
    fn text(&self, threshold: f64) -> String {
        let say = |build| if build { "build it" } else { "reconsider" };
        facts([
            ("cost", usd(self.cost)),
            (
                "net ROI, first year",
                format!("{}: {} (threshold {})", percent(self.net_roi_first_year), say(self.build), percent(threshold)),
            ),
            ("net ROI, all years", percent(self.net_roi)),
            ("NPV", format!("{} over {} years at {}", usd(self.npv), self.benefits.len(), percent(self.rate))),
            ("NPV / cost", percent(self.npv_index)),
            ("IRR", self.irr.map_or("none".to_owned(), percent)),
            ("payback", payback(self.payback_years).replace(", by the average benefit", "")),
            ("discounted payback", payback(self.discounted_payback_years).replace(", by the average benefit", "")),
        ])
    }
}
