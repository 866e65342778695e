//! `check`: validate scenario files, start nothing.

use clap::Args;

use super::exit::Exit;
use super::options::Selection;
use super::output::{CliError, print, print_json};
use crate::scenario;

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    selection: Selection,
    /// Print diagnostics as JSON on standard output.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let Selection { paths, filter } = &self.selection;
        match scenario::load(paths, filter.as_deref()) {
            Ok(scenarios) if self.json => {
                let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
                print_json(&serde_json::json!({ "scenarios": names, "diagnostics": [] }))?;
            }
            Ok(scenarios) => print(&format!("{} scenarios are sound", scenarios.len()))?,
            Err(diagnostics) if self.json => {
                print_json(&serde_json::json!({ "scenarios": [], "diagnostics": diagnostics.to_json() }))?;
                return Ok(Exit::BadInput);
            }
            Err(diagnostics) => return Err(diagnostics.into()),
        }
        Ok(Exit::Pass)
    }
}
