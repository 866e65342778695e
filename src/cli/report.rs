//! `report`: judge and price journals again, and the writing of the reports' files.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::options::MoneyArgs;
use super::output::{CliError, bad_input, colour, print, width};
use crate::business_metrics::Assumptions;
use crate::observe::read_journal;
use crate::report::{self, RunReport, ScenarioReport, assemble, judge_journal};

#[derive(Debug, Args)]
pub(super) struct Report {
    /// Journals, and folders of them.
    #[arg(default_value = "target/chaos/journal")]
    journals: Vec<PathBuf>,
    #[command(flatten)]
    money: MoneyArgs,
    /// Folder of the reports; without it nothing is written.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print report.json on standard output instead of the table.
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let assumptions = self.money.assumptions()?;
        let report =
            assemble(judged(&self.journals, &assumptions)?, Vec::new()).with_year(&assumptions).map_err(bad_input)?;
        if let Some(out) = &self.out {
            write_reports(&report, out)?;
        }
        match self.json {
            true => print(&report::json(&report))?,
            false => print(&report::terminal(&report, colour(&std::io::stdout()), width()))?,
        }
        Ok(Exit::of(&report))
    }
}

/// The reports of journals, and of folders of them.
pub(super) fn judged(paths: &[PathBuf], assumptions: &Assumptions) -> Result<Vec<ScenarioReport>, CliError> {
    let mut reports = Vec::new();
    for path in journals(paths)? {
        let unusable =
            |source: Box<dyn std::error::Error + Send + Sync>| CliError::Journal { path: path.clone(), source };
        let events = read_journal(&path).map_err(|error| unusable(error.into()))?;
        reports.push(judge_journal(&events, assumptions).map_err(|error| unusable(error.into()))?);
    }
    Ok(reports)
}

/// The journals among files and folders, in the order of their paths.
fn journals(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path)
            .map_err(|error| CliError::Usage(format!("cannot read {}: {error}", path.display())))?;
        let mut below = Vec::new();
        for entry in entries {
            // What cannot be read may be a journal of a leak.
            let file =
                entry.map_err(|error| CliError::Usage(format!("cannot read {}: {error}", path.display())))?.path();
            below.extend(Some(file).filter(|file| file.extension().is_some_and(|end| end == "jsonl")));
        }
        below.sort();
        if below.is_empty() {
            return Err(CliError::Usage(format!(
                "{} holds no journal (*.jsonl); `tenant-chaos run` writes them to DIR/journal",
                path.display()
            )));
        }
        found.extend(below);
    }
    Ok(found)
}

/// Writes `report.json`, `junit.xml`, `report.md`, `report.html`, and the drawings of its year as SVG.
pub(super) fn write_reports(report: &RunReport, folder: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(CliError::io(format!("create {}", folder.display())))?;
    let files = [
        ("report.json", report::json(report)),
        ("junit.xml", report::junit(report)),
        ("report.md", report::markdown(report)),
        ("report.html", report::html(report)),
    ];
    for (name, text) in files.into_iter().chain(report::money_drawings(report)) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(CliError::io(format!("write {}", path.display())))?;
    }
    Ok(())
}
