//! `price bound`: what clean probes prove.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, facts, percent, usd, whole};
use crate::business_metrics::{LeakRate, LeakYear};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};
use crate::stats::required_probes;

#[derive(Debug, Args)]
pub(super) struct Bound {
    /// Independent probes: each policy, command, role and path counts once.
    #[arg(long)]
    probes: u64,
    /// Those that leaked.
    #[arg(long, default_value_t = 0)]
    leaks: u64,
    /// Queries of a year that the rate is applied to.
    #[arg(long, default_value_t = 1e9, allow_negative_numbers = true)]
    queries: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Answer {
    rate: LeakRate,
    queries: f64,
    expected: LeakYear,
    at_bound: LeakYear,
    probes_for: [(f64, u64); 3],
}

impl Bound {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let rate = LeakRate::of(self.leaks, self.probes).map_err(bad_input)?;
        let [expected, at_bound] = rate.year(self.queries, &self.common.point()?).map_err(bad_input)?;
        let probes_for = [1e-3, 1e-4, 1e-6].map(|share| (share, required_probes(share, 0.05)));
        let answer = Answer { rate, queries: self.queries, expected, at_bound, probes_for };
        self.common.answer(&answer, || answer.text())
    }
}

impl Answer {
    fn text(&self) -> String {
        let rate = &self.rate;
        let year = |year: &LeakYear| {
            format!(
                "{} leaks a year; at least one with a chance of {}: {} (mean of a one-tenant breach)",
                whole(year.leaks),
                percent(year.chance),
                usd(year.expected_loss)
            )
        };
        let needed = self.probes_for.map(|(share, probes)| format!("{} for {}", whole(probes as f64), percent(share)));
        let facts = facts([
            ("leak rate", format!("at most {} with 95% confidence", percent(rate.upper_95))),
            ("two-sided", two_sided(rate.interval_95)),
            ("expected", percent(rate.expected)),
            ("at expected", year(&self.expected)),
            ("at bound", year(&self.at_bound)),
            ("clean probes", format!("needed: {}", needed.join(", "))),
        ]);
        format!(
            "{} of {} probes leaked; a year has {} queries\n{facts}\n\nA missing policy fails always, so probes of one path \
             are one probe; no number of them replaces a check of the policies.",
            whole(rate.leaks as f64),
            whole(rate.probes as f64),
            whole(self.queries)
        )
    }
}

/// Without a leak there is no lower end to print.
fn two_sided((low, high): (f64, f64)) -> String {
    if low > 0.0 { format!("{} to {}", percent(low), percent(high)) } else { format!("at most {}", percent(high)) }
}
