//! `run`: the main job.

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::options::{MoneyArgs, Selection, StackArgs};
use super::output::{CliError, bad_input, colour, print, width};
use super::report::write_reports;
use crate::report::{self, RunReport};
use crate::run::{RunOptions, run_catalogue};
use crate::scenario::{Pooler, Scenario};

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    money: MoneyArgs,
    /// Folder of the reports and journals.
    #[arg(long, value_name = "DIR", default_value = "target/chaos")]
    out: PathBuf,
    /// Overrides every scenario's seed.
    #[arg(long)]
    seed: Option<u64>,
    /// The pooler of scenarios that name none: pgbouncer-session, pgbouncer-transaction or none.
    #[arg(long, value_name = "NAME", value_parser = pooler)]
    pooler: Option<Pooler>,
    /// Scenarios side by side, of those that measure no latency.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Print report.json on standard output instead of the table.
    #[arg(long)]
    json: bool,
}

fn pooler(text: &str) -> Result<Pooler, String> {
    let names = || Pooler::ALL.iter().map(|pooler| pooler.name()).collect::<Vec<_>>().join(", ");
    let known = Pooler::ALL.iter().copied().find(|pooler| pooler.name() == text);
    known.ok_or_else(|| format!("`{text}` is no pooler: use one of {}", names()))
}

impl Run {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let scenarios = self.selection.load()?;
        let options = RunOptions {
            stack: self.stack.options(),
            seed: self.seed,
            pooler: self.pooler,
            journals: Some(self.out.join("journal")),
            jobs: self.jobs as usize,
            assumptions: self.money.assumptions()?,
            reporter: super::progress::reporter(),
            cancel: CancellationToken::new(),
        };
        let runtime = tokio::runtime::Runtime::new().map_err(CliError::io("start the async runtime"))?;
        let report = runtime.block_on(run_until_interrupted(&scenarios, &options))?;
        let report = report.with_year(&options.assumptions).map_err(bad_input)?;
        write_reports(&report, &self.out)?;
        match self.json {
            true => print(&report::json(&report))?,
            false => {
                print(&report::terminal(&report, colour(&std::io::stdout()), width()))?;
                print(&format!("reports: {}", self.out.display()))?;
            }
        }
        Ok(Exit::of(&report))
    }
}

/// The first interrupt ends the run in an orderly way; a second one ends the program.
async fn run_until_interrupted(scenarios: &[Scenario], options: &RunOptions) -> Result<RunReport, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::io("listen for interrupts"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::io("listen for SIGTERM"))?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(CliError::io("listen for SIGHUP"))?;
    let cancel = options.cancel.clone();
    let listener = tokio::spawn(async move {
        for patience in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            if patience {
                eprintln!("interrupted: undoing the faults and cleaning up (once more ends it at once)");
                cancel.cancel();
            } else {
                eprintln!("ended; `tenant-chaos clean` removes what is left");
                std::process::exit(Exit::Trouble.code().into());
            }
        }
    });
    let report = run_catalogue(scenarios, options).await;
    listener.abort();
    Ok(report)
}
