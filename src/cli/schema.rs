//! `schema`: the JSON Schema of a format, for editors and for whoever reads our output.

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::output::{CliError, print};
use crate::{report, scenario};

#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Which format.
    #[arg(value_enum, default_value_t = Format::Scenario)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Scenario files.
    Scenario,
    /// `report.json`.
    Report,
}

impl Schema {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        match self.format {
            Format::Scenario => print(&scenario::json_schema())?,
            Format::Report => print(&report::json_schema())?,
        }
        Ok(Exit::Pass)
    }
}
