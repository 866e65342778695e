//! `price RUN`: a finished run in dollars.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::answer::{Common, JOURNALS, Table, write_svg};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};
use crate::pricing::{PricedRun, YEARS, Year, YearLine};
use crate::report::{self, RunReport};

#[derive(Debug, Args)]
pub(super) struct PriceRun {
    /// Journals, folders of them, or a report.json.
    #[arg(default_value = JOURNALS)]
    run: Vec<PathBuf>,
    /// Years to simulate; without it 100,000, or as the report has them.
    #[arg(long)]
    years: Option<usize>,
    /// Seed of the simulation; without it that of all reports.
    #[arg(long)]
    seed: Option<u64>,
    /// Write the loss exceedance curve as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Answer<'a> {
    sentence: String,
    scenarios: Vec<ScenarioLine<'a>>,
    year: &'a Year,
}

#[derive(Serialize)]
struct ScenarioLine<'a> {
    scenario: &'a str,
    price: &'a PricedRun,
}

impl PriceRun {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let mut report = self.common.run(&self.run)?;
        if self.years.is_some() || self.seed.is_some() {
            let (years, seed) = (self.years.unwrap_or(YEARS), self.seed.unwrap_or(report::YEAR_SEED));
            report = report.with_years(&*self.common.assumptions()?, years, seed).map_err(bad_input)?;
        }
        let year = year_of(&report)?;
        if let Some(path) = &self.svg {
            write_svg(path, report::loss_curve_of(year))?;
        }
        let line = |scenario: &'_ crate::report::ScenarioReport| scenario.price.cost_usd;
        let mut scenarios: Vec<_> = report.scenarios.iter().collect();
        scenarios.sort_by_key(|scenario| std::cmp::Reverse(line(scenario)));
        let answer = Answer {
            sentence: year.sentence(),
            scenarios: scenarios
                .iter()
                .map(|each| ScenarioLine { scenario: &each.header.scenario, price: &each.price })
                .collect(),
            year,
        };
        self.common.answer(&answer, || answer.text())
    }
}

/// The year of a report.
pub(super) fn year_of(report: &RunReport) -> Result<&Year, CliError> {
    report
        .year
        .as_ref()
        .ok_or_else(|| CliError::Usage("the report has no year of losses; price its journals instead".to_owned()))
}

impl Answer<'_> {
    fn text(&self) -> String {
        let mut table = Table::new(["scenario", "customers lose", "vendor loses", "in the run", "finding"]);
        for each in self.scenarios.iter().filter(|each| !each.price.findings.is_empty()) {
            for (place, finding) in each.price.findings.iter().enumerate() {
                table.row([
                    if place == 0 { each.scenario.to_owned() } else { String::new() },
                    finding.at_scale.customer.to_string(),
                    finding.at_scale.vendor.to_string(),
                    finding.observed.customer.max(finding.observed.vendor).to_string(),
                    format!("{} {}", finding.code, finding.model),
                ]);
            }
        }
        format!("{}\n\n{}\n\n{}", self.sentence, table.text(), year_text(self.year))
    }
}

/// A year as two tables and what stands behind them.
pub(super) fn year_text(year: &Year) -> String {
    let mut lines = Table::new([
        "a year of",
        "at modes",
        "expected",
        "nine in ten from",
        "1 in 20 above",
        "1 in 100 above",
        "mean of worst 1 in 20",
    ]);
    let mut line = |name: &str, line: &YearLine| {
        if !line.risks.is_empty() {
            let cells = [line.at_modes, line.expected, line.p05, line.p95, line.p99, line.tail95];
            let [modes, expected, p05, p95, p99, tail] = cells.map(|amount| amount.to_string());
            lines.row([name.to_owned(), modes, expected, p05, p95, p99, tail]);
        }
    };
    line("the vendor", &year.vendor);
    line("its customers", &year.customer);
    let mut risks = Table::new([
        "risk",
        "seen",
        "per year",
        "typical",
        "mean",
        "1 in 20 above",
        "expected a year",
        "share",
        "seen in",
    ]);
    for risk in year.vendor.risks.iter().chain(&year.customer.risks) {
        risks.row([
            risk.name.clone(),
            super::answer::whole(risk.count as f64),
            format!("{:.3}", risk.per_year),
            risk.typical.to_string(),
            risk.mean.to_string(),
            risk.p95.to_string(),
            risk.expected.to_string(),
            super::answer::percent(risk.share),
            format!("{} {}", risk.code, risk.scenario),
        ]);
    }
    let mut defences = Table::new(["planted, so defended: a year without it", "vendor", "customers"]);
    for defence in year.defences.iter().take(10) {
        defences.row([
            defence.scenario.clone(),
            defence.expected.vendor.to_string(),
            defence.expected.customer.to_string(),
        ]);
    }
    let mut parts = Vec::new();
    if !year.vendor.risks.is_empty() || !year.customer.risks.is_empty() {
        parts.extend([lines.text(), risks.text()]);
    }
    if !year.defences.is_empty() {
        parts.push(defences.text());
    }
    parts.push(format!(
        "{} simulated years, seed {}, assumptions {}; `price assumptions` says where they come from",
        super::answer::whole(year.years as f64),
        year.seed,
        year.assumptions_hash
    ));
    parts.join("\n\n")
}
