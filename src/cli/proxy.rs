//! `proxy`: the fault proxy alone, in front of any application in any language.

mod clock;
mod verdict;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::exit::Exit;
use super::output::{CliError, print};
use super::stops::Stops;
use crate::faults::proxy::{Encryption, Judge, Proxy, ProxyError, ProxyOptions, Reach, Upstream};
use crate::scenario::{self, FaultAction, Scenario};
use clock::{Ended, Played, play};
use verdict::{Outcome, code_of};

/// Findings are looked for this often.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
#[command(
    after_help = "Point the application at the proxy instead of at its database. Rows that cross are judged: by their tenant \
                  column, or by a canary in their text, against the tenant context that the client has set.\nThe \
                  scenario's clock starts with the first connection; without a scenario the proxy runs until it is \
                  interrupted. docs/proxy.md tells more."
)]
pub(super) struct ProxyArgs {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6543")]
    listen: SocketAddr,
    /// Listen also where other machines can reach it: whoever reaches the proxy reaches the server.
    #[arg(long)]
    listen_anywhere: bool,
    /// The server: host:port, or the path of its unix socket.
    #[arg(long, value_name = "ADDRESS")]
    upstream: Upstream,
    /// Scenario whose `network` and `protocol` faults are done; its load, stack and prices are not used.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The setting that holds the tenant context.
    #[arg(long, value_name = "NAME", default_value = "app.tenant_id")]
    setting: String,
    /// Columns that name a row's tenant.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "tenant_id")]
    tenant_column: Vec<String>,
    /// Leave requests for encryption to the server. What is encrypted cannot be judged, and no statement be touched.
    #[arg(long)]
    pass_encryption: bool,
    /// Overrides the scenario's seed.
    #[arg(long)]
    seed: Option<u64>,
}

impl ProxyArgs {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let scenario = self.scenario.as_deref().map(load).transpose()?;
        let judge = Arc::new(Judge::new(self.tenant_column.iter().cloned()));
        let options = ProxyOptions {
            listen: self.listen,
            reach: if self.listen_anywhere { Reach::Anywhere } else { Reach::Loopback },
            setting: self.setting.clone(),
            encryption: if self.pass_encryption { Encryption::PassThrough } else { Encryption::Refuse },
            judge: Some(judge.clone()),
            seed: self.seed.or(scenario.as_ref().map(|scenario| scenario.seed)).unwrap_or(1),
            ..ProxyOptions::new(self.upstream.clone())
        };
        let options = options.with_threads_of_its_own();
        // What is left to do here is to accept, and to play the scenario.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(CliError::io("start the async runtime"))?;
        runtime.block_on(self.serve(options, scenario.as_ref(), &judge))
    }

    async fn serve(&self, options: ProxyOptions, scenario: Option<&Scenario>, judge: &Judge) -> Result<Exit, CliError> {
        let stops = Stops::new()?;
        let proxy = Proxy::start(options).await.map_err(|error| match error {
            ProxyError::NotLoopback(_) => {
                CliError::Usage(format!("{error}; with --listen-anywhere that is what you want"))
            }
            ProxyError::Listen { address, source } => CliError::Io { what: format!("listen on {address}"), source },
            ProxyError::Threads(source) => CliError::Io { what: "start the proxy's threads".into(), source },
        })?;
        eprintln!("listening on {}, in front of {}", proxy.address(), self.upstream);
        let stop_at = scenario.map(|scenario| scenario.stop.leaked_rows);
        let played = tokio::select! {
            played = play(scenario, &proxy, stops) => played,
            stopped = tell_findings(judge, stop_at) => { stopped?; Played { ended: Ended::StopCondition, faults: Vec::new() } }
        };
        proxy.stop().await;
        say_examples(judge)?;
        let outcome = Outcome::of(scenario, judge.judgement(), &played);
        print(&outcome.text)?;
        Ok(outcome.exit)
    }
}

/// The scenario, with the faults that a proxy alone can do.
fn load(path: &std::path::Path) -> Result<Scenario, CliError> {
    let mut scenarios = scenario::load(&[path.to_path_buf()], None)?;
    let scenario = match (scenarios.pop(), scenarios.is_empty()) {
        (Some(scenario), true) => scenario,
        _ => return Err(CliError::Usage(format!("{} is not one scenario; name its file", path.display()))),
    };
    match scenario.faults.iter().find(|fault| !matches!(fault.action, FaultAction::Wire(_))) {
        Some(other) => Err(CliError::Usage(format!(
            "{}: {} happens in the application, where a proxy alone is not; it does `network` and `protocol` faults",
            path.display(),
            other.action.name()
        ))),
        None => Ok(scenario),
    }
}

/// Says what is found as it is found, until too much was.
async fn tell_findings(judge: &Judge, stop_at: Option<u64>) -> Result<(), CliError> {
    loop {
        tokio::time::sleep(LOOK).await;
        say_examples(judge)?;
        let seen = judge.judgement();
        if stop_at.is_some_and(|stop_at| seen.foreign + seen.without_context >= stop_at) {
            return Ok(());
        }
    }
}

fn say_examples(judge: &Judge) -> Result<(), CliError> {
    for row in judge.take_examples() {
        print(&format!("{} {row}", code_of(&row)))?;
    }
    Ok(())
}
