//! `price`: dollars for a finished run, or the answer to one question about money; one file per question.
//!
//! Every answer names its inputs and assumptions, as text or as JSON (`--json`), and as a drawing (`--svg FILE`) where a
//! curve says more.

mod answer;
mod architecture;
mod assumptions;
mod bound;
mod breach;
mod diff;
mod downtime;
mod gate;
mod lec;
mod noisy_neighbour;
mod plans;
mod roi;
mod run;
mod tornado;

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::output::CliError;

pub(super) use roi::Roi;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Price {
    #[command(subcommand)]
    question: Option<Question>,
    #[command(flatten)]
    run: run::PriceRun,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// What a data breach of so many tenants costs, by four published models.
    Breach(breach::Breach),
    /// What an outage costs the customers, and what it costs the vendor.
    Downtime(downtime::Downtime),
    /// What one tenant that slows others down costs.
    #[command(visible_alias = "noisy-neighbour")]
    NoisyNeighbor(noisy_neighbour::NoisyNeighbour),
    /// What the tiers earn.
    Tiers(plans::Tiers),
    /// Whether a customer should be shown the next tier.
    Upgrade(plans::Upgrade),
    /// What keeping tenants apart costs, four ways.
    Architecture(architecture::Architecture),
    /// The loss exceedance curve of a run, or of the reference portfolio.
    Lec(lec::Lec),
    /// Which assumption a price hangs on.
    Tornado(tornado::Tornado),
    /// What an investment, or a measured fix, returns.
    Roi(roi::Roi),
    /// What clean probes prove, and what they leave open.
    Bound(bound::Bound),
    /// What the models assume, and where it comes from.
    Assumptions(assumptions::List),
    /// Exit 1 if a run is dearer than it may be.
    Gate(gate::Gate),
    /// What changed between two runs, in dollars.
    Diff(diff::Diff),
}

impl Price {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        match &self.question {
            None => self.run.execute(),
            Some(Question::Breach(breach)) => breach.execute(),
            Some(Question::Downtime(downtime)) => downtime.execute(),
            Some(Question::NoisyNeighbor(noisy)) => noisy.execute(),
            Some(Question::Tiers(tiers)) => tiers.execute(),
            Some(Question::Upgrade(upgrade)) => upgrade.execute(),
            Some(Question::Architecture(architecture)) => architecture.execute(),
            Some(Question::Lec(lec)) => lec.execute(),
            Some(Question::Tornado(tornado)) => tornado.execute(),
            Some(Question::Roi(roi)) => roi.execute(),
            Some(Question::Bound(bound)) => bound.execute(),
            Some(Question::Assumptions(list)) => list.execute(),
            Some(Question::Gate(gate)) => gate.execute(),
            Some(Question::Diff(diff)) => diff.execute(),
        }
    }
}
