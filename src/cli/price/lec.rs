//! `price lec`: the loss exceedance curve.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::answer::{Common, Table, usd, write_svg};
use crate::business_metrics::{
    LossCurve, MicroDollars, RiskYears, Simulation, believed_portfolio, common_cause, reference_portfolio,
};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};
use crate::pricing::CurvePoint;
use crate::report::{self, Marks, loss_curve_svg};

#[derive(Debug, Args)]
pub(super) struct Lec {
    /// Journals of a run, folders of them, or a report.json; without any, the reference portfolio (a leak of fifty tenants,
    /// an enterprise outage of 45 minutes, two hundred slowed tenants).
    run: Vec<PathBuf>,
    /// Years of the reference portfolio to simulate.
    #[arg(long, default_value_t = 100_000)]
    years: usize,
    /// Seed of the reference portfolio.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw the reference portfolio's frequencies from their ranges, or counts, instead of taking them as known.
    #[arg(long)]
    believed: bool,
    /// Share of the rarest failure's events that set off all of them at once.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true)]
    common_cause: f64,
    /// Threads; the result is the same.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Write the curve as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Shares of years whose loss is shown.
const RETURN: [(f64, &str); 5] =
    [(0.5, "1 in 2"), (0.9, "1 in 10"), (0.95, "1 in 20"), (0.99, "1 in 100"), (0.999, "1 in 1,000")];

#[derive(Serialize)]
struct Reference {
    years: usize,
    seed: u64,
    frequencies: &'static str,
    common_cause: f64,
    expected_usd: f64,
    simulated_mean_95: (f64, f64),
    risks: Vec<ReferenceRisk>,
    exceeded: Vec<Exceeded>,
    tail_mean_95_usd: f64,
    curve: Vec<CurvePoint>,
}

#[derive(Serialize)]
struct ReferenceRisk {
    name: String,
    per_year: f64,
    expected_usd: f64,
    simulated_usd: f64,
}

#[derive(Serialize)]
struct Exceeded {
    share_of_years: f64,
    loss_usd: f64,
    loss_95: (f64, f64),
}

impl Lec {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        if self.run.is_empty() { self.reference() } else { self.of_run() }
    }

    fn of_run(&self) -> Result<Exit, CliError> {
        let report = self.common.run(&self.run)?;
        let year = report.year.ok_or_else(|| CliError::Usage("the report has no year of losses".to_owned()))?;
        if let Some(path) = &self.svg {
            write_svg(path, report::loss_curve_of(&year))?;
        }
        self.common.answer(&year, || super::run::year_text(&year))
    }

    fn reference(&self) -> Result<Exit, CliError> {
        let assumptions = self.common.assumptions()?;
        let risks = if self.believed { believed_portfolio(&assumptions) } else { reference_portfolio(&assumptions) };
        let risks = risks.and_then(|risks| common_cause(&risks, self.common_cause)).map_err(bad_input)?;
        let simulation = Simulation::new(self.years, self.seed).map_err(bad_input)?.threads(self.threads);
        let years = simulation.portfolio(&risks).map_err(bad_input)?;
        let answer = Reference::of(self, years.risks, &years.curve);
        if let Some(path) = &self.svg {
            write_svg(
                path,
                loss_curve_svg(
                    &[("reference portfolio", &answer.curve)],
                    Marks { years: Some(self.years as u64), tolerance: None },
                ),
            )?;
        }
        self.common.answer(&answer, || answer.text())
    }
}

impl Reference {
    fn of(asked: &Lec, risks: Vec<RiskYears>, curve: &LossCurve) -> Self {
        let exceeded = RETURN.map(|(p, _)| Exceeded {
            share_of_years: 1.0 - p,
            loss_usd: curve.var(p),
            loss_95: curve.var_interval(p),
        });
        let risk = |risk: RiskYears| ReferenceRisk {
            name: risk.name,
            per_year: risk.per_year,
            expected_usd: risk.expected,
            simulated_usd: risk.simulated,
        };
        let points = curve.points(60).into_iter();
        Self {
            years: asked.years,
            seed: asked.seed,
            frequencies: if asked.believed { "believed" } else { "known" },
            common_cause: asked.common_cause,
            expected_usd: risks.iter().map(|risk| risk.expected).sum(),
            simulated_mean_95: curve.mean_interval(),
            risks: risks.into_iter().map(risk).collect(),
            exceeded: exceeded.into(),
            tail_mean_95_usd: curve.tvar(0.95),
            curve: points.map(|(loss, share)| CurvePoint { loss: MicroDollars::from_usd(loss), share }).collect(),
        }
    }

    fn text(&self) -> String {
        let mut risks = Table::new(["risk", "per year", "expected a year", "simulated"]);
        for risk in &self.risks {
            risks.row([
                risk.name.clone(),
                format!("{:.3}", risk.per_year),
                usd(risk.expected_usd),
                usd(risk.simulated_usd),
            ]);
        }
        let mut losses = Table::new(["years that lose more", "than", "95% between", "and"]);
        for (exceeded, (_, words)) in self.exceeded.iter().zip(RETURN) {
            let (low, high) = exceeded.loss_95;
            losses.row([words.to_owned(), usd(exceeded.loss_usd), usd(low), usd(high)]);
        }
        let (low, high) = self.simulated_mean_95;
        format!(
            "Expected annual loss {} (simulated: {} to {} with 95% confidence)\n{}\n\n{}\n\nmean of the worst year in twenty: {}\n\
             {} years, seed {}, frequencies {}; customers' and vendor's risks side by side: a yardstick, nobody's loss",
            usd(self.expected_usd),
            usd(low),
            usd(high),
            risks.text(),
            losses.text(),
            usd(self.tail_mean_95_usd),
            super::answer::whole(self.years as f64),
            self.seed,
            self.frequencies
        )
    }
}
