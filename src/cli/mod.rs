//! The command line: one file per subcommand. Results go to standard output, everything else to standard error.

mod audit;
mod check;
mod clean;
mod exit;
mod hunt;
mod list;
mod options;
mod output;
mod plan;
mod price;
mod progress;
mod proxy;
mod report;
mod run;
mod schema;
mod stops;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use exit::Exit;
use output::{CliError, explain};

/// Breaks multi-tenant Postgres on purpose, checks every row that comes back, and prices every failure.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 everything held, 1 a scenario failed, 2 bad input, 3 inconclusive, 4 the harness or its \
                        stack failed.\nRUST_LOG=tenant_chaos=debug shows what the harness does."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios against a real Postgres, judge and price them.
    Run(run::Run),
    /// List the scenarios.
    List(list::List),
    /// Validate scenario files; start nothing.
    Check(check::Check),
    /// Show what a run would do: stack, fleet, faults by time, undo, worst-case price; start nothing.
    Plan(plan::Plan),
    /// Judge and price journals of finished runs again; no database needed.
    Report(report::Report),
    /// Price finished runs, or one failure at a time; gate and compare runs by price.
    Price(Box<price::Price>),
    /// What a fix returns, from runs without and with it (`price roi`).
    Roi(price::Roi),
    /// Find in a schema's catalogue how one tenant can reach another's data; read-only.
    Audit(audit::Audit),
    /// Prove or break the isolation of a schema with probes, in a throw-away database.
    Hunt(hunt::Hunt),
    /// Print the JSON Schema of a format.
    Schema(schema::Schema),
    /// Sit between an application and its database: do a scenario's faults on the wire, and judge the rows that cross.
    Proxy(proxy::ProxyArgs),
    /// Remove what killed runs have left behind.
    Clean(clean::Clean),
}

impl Command {
    fn execute(&self) -> Result<Exit, CliError> {
        match self {
            Command::Run(run) => run.execute(),
            Command::List(list) => list.execute(),
            Command::Check(check) => check.execute(),
            Command::Plan(plan) => plan.execute(),
            Command::Report(report) => report.execute(),
            Command::Price(price) => price.execute(),
            Command::Roi(roi) => roi.execute(),
            Command::Audit(audit) => audit.execute(),
            Command::Hunt(hunt) => hunt.execute(),
            Command::Schema(schema) => schema.execute(),
            Command::Proxy(proxy) => proxy.execute(),
            Command::Clean(clean) => clean.execute(),
        }
    }
}

/// Parses the command line, runs the subcommand, maps its outcome to an exit code.
pub fn main() -> ExitCode {
    // Clap ends the program itself: 0 after help and version, 2 after a mistake.
    let cli = Cli::parse();
    show_logs();
    cli.command.execute().unwrap_or_else(explain).into()
}

/// Logs go to standard error: warnings, or what `RUST_LOG` asks for.
fn show_logs() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && output::colour(&std::io::stderr()) == crate::report::Colour::On)
        .without_time();
    // A host program may have set one already.
    let _ = subscriber.try_init();
}
