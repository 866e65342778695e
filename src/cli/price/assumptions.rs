//! `price assumptions`: what the models assume.

use clap::Args;

use super::answer::{Common, Table, facts};
use crate::business_metrics::{Assumption, Key};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, print};
use crate::diagnostics::did_you_mean;
use crate::pricing::AssumptionUsed;

#[derive(Debug, Args)]
pub(super) struct List {
    /// Everything about one assumption.
    #[arg(long, value_name = "KEY")]
    explain: Option<String>,
    /// The built-in assumptions as a file to copy from.
    #[arg(long)]
    toml: bool,
    #[command(flatten)]
    common: Common,
}

impl List {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        if self.toml {
            print(crate::business_metrics::BUILT_IN)?;
            return Ok(Exit::Pass);
        }
        let assumptions = self.common.assumptions()?;
        if let Some(name) = &self.explain {
            let key = Key::of(name).ok_or_else(|| unknown(name))?;
            let value = assumptions.get(key);
            return self.common.answer(&AssumptionUsed::of(key, value), || explain(key, value));
        }
        let all: Vec<AssumptionUsed> = assumptions.iter().map(|(key, value)| AssumptionUsed::of(key, value)).collect();
        self.common.answer(&all, || {
            let mut table = Table::new(["assumption", "low", "mode", "high", "confidence", "unit"]);
            for each in &all {
                table.row([
                    each.key.clone(),
                    each.low.to_string(),
                    each.mode.to_string(),
                    each.high.to_string(),
                    each.confidence.word().to_owned(),
                    each.unit.clone(),
                ]);
            }
            format!(
                "{}\n\n`--explain KEY` says where one comes from; `--toml` prints the file to override from.",
                table.text()
            )
        })
    }
}

fn unknown(name: &str) -> CliError {
    let help = did_you_mean(name, Key::ALL.iter().map(|key| key.name())).filter(|help| help.starts_with("did"));
    let help = help.unwrap_or_else(|| "`tenant-chaos price assumptions` lists them".to_owned());
    CliError::Usage(format!("there is no assumption `{name}`: {help}"))
}

fn explain(key: Key, value: &Assumption) -> String {
    let facts = facts([
        ("value", format!("{} {} (low {}, high {})", value.mode, value.unit, value.low, value.high)),
        ("source", value.source.clone()),
        ("confidence", value.confidence.word().to_owned()),
        ("may be", key.domain().to_string()),
    ]);
    format!("{key}: {}\n{facts}", key.meaning())
}
