//! `price RUN`: a finished run in dollars.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::answer::{Common, JOURNALS, Table, write_svg};
use crate::cli::exit::Exit;
use crate::cli::output::CliError;
use crate::pricing::{PricedRun, Year, YearLine};
use crate::report::{RunReport, loss_curve_svg};

#[derive(Debug, Args)]
pub(super) struct PriceRun {
    /// Journals, folders of them, or a report.json.
    #[arg(default_value = JOURNALS)]
    run: Vec<PathBuf>,
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
        let report = self.common.run(&self.run)?;
        let year = year_of(&report)?;
        if let Some(path) = &self.svg {
            write_svg(
                path,
                loss_curve_svg(&[("the vendor", &year.vendor.curve), ("its customers", &year.customer.curve)]),
            )?;
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
    let mut lines = Table::new(["a year of", "expected", "1 in 20 above", "1 in 100 above", "mean of worst 1 in 20"]);
    let mut line = |name: &str, line: &YearLine| {
        if !line.risks.is_empty() {
            let cells = [line.expected, line.p95, line.p99, line.tail95].map(|amount| amount.to_string());
            let [expected, p95, p99, tail] = cells;
            lines.row([name.to_owned(), expected, p95, p99, tail]);
        }
    };
    line("the vendor", &year.vendor);
    line("its customers", &year.customer);
    let mut risks = Table::new(["risk", "per year", "typical", "mean", "expected a year", "seen in"]);
    for risk in year.vendor.risks.iter().chain(&year.customer.risks) {
        risks.row([
            risk.name.clone(),
            format!("{:.3}", risk.per_year),
            risk.typical.to_string(),
            risk.mean.to_string(),
            risk.expected.to_string(),
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
