//! What all questions share: the assumptions, the two forms of an answer, tables, runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::business_metrics::{Assumptions, InputError, MicroDollars, Point, Severity};
use crate::cli::exit::Exit;
use crate::cli::options::MoneyArgs;
use crate::cli::output::{CliError, bad_input, print, print_json};
use crate::cli::report::judged;
use crate::diagnostics::visible;
use crate::report::{RunReport, assemble};

/// Where `tenant-chaos run` leaves its journals.
pub(super) const JOURNALS: &str = "target/chaos/journal";

/// Options of every question.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    money: MoneyArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Common {
    pub(super) fn assumptions(&self) -> Result<Arc<Assumptions>, CliError> {
        self.money.assumptions()
    }

    pub(super) fn point(&self) -> Result<Point, CliError> {
        Ok(self.assumptions()?.point())
    }

    /// Prints an answer in the form that was asked for.
    pub(super) fn answer(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<Exit, CliError> {
        match self.json {
            true => print_json(value)?,
            false => print(&safe(&text()))?,
        }
        Ok(Exit::Pass)
    }

    /// A finished run with its year: journals, folders of them, or a `report.json`, whose prices are then as they were.
    pub(super) fn run(&self, paths: &[PathBuf]) -> Result<RunReport, CliError> {
        let assumptions = self.assumptions()?;
        if let [path] = paths
            && path.extension().is_some_and(|end| end == "json")
        {
            return priced_report(path);
        }
        let report = assemble(judged(paths, &assumptions)?, Vec::new());
        report.with_year(&assumptions).map_err(bad_input)
    }
}

/// Text with the names in it made visible: a report.json may have been written by anybody.
fn safe(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

fn priced_report(path: &Path) -> Result<RunReport, CliError> {
    let unreadable =
        |error: &dyn std::fmt::Display| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(&error))
}

/// A tier on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Tier {
    /// The smallest.
    Starter,
    /// The middle one.
    Growth,
    /// The largest.
    Enterprise,
}

impl From<Tier> for crate::business_metrics::Tier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Starter => Self::Starter,
            Tier::Growth => Self::Growth,
            Tier::Enterprise => Self::Enterprise,
        }
    }
}

/// Dollars as text.
pub(super) fn usd(dollars: f64) -> String {
    MicroDollars::from_usd(dollars).to_string()
}

/// A share as percentage: `75.0%`, `0.123%`, `0.0003%`; never a bare zero for a share above it.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        size if size >= 1_000.0 => format!("{}%", whole(percent)),
        size if size >= 1.0 || size == 0.0 => format!("{percent:.1}%"),
        size if size >= 1e-9 => {
            // Three significant digits.
            let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
            format!("{}%", format!("{percent:.decimals$}").trim_end_matches('0').trim_end_matches('.'))
        }
        _ => format!("{percent:.2e}%"),
    }
}

/// A number and its noun.
pub(super) fn plural(number: f64, noun: &str) -> String {
    format!("{} {noun}{}", whole(number), if number == 1.0 { "" } else { "s" })
}

/// A number with thousands marks; one decimal below a thousand if it has any.
pub(super) fn whole(number: f64) -> String {
    if number.fract() != 0.0 && number.abs() < 1_000.0 {
        return format!("{number:.1}");
    }
    // Money has the marks.
    let text = MicroDollars::from_usd(number.round()).to_string();
    text.replace('$', "")
}

/// Rows under headings; the first column flush left, the others flush right.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| visible(&cell).into_owned()).to_vec());
    }

    pub(super) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let widths: Vec<usize> =
            (0..columns).map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The range of one event's cost over the ranges of all assumptions.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct EventRange {
    mean_usd: f64,
    p05_usd: f64,
    p95_usd: f64,
}

impl EventRange {
    /// Of many draws, always the same.
    pub(super) fn of(name: &str, severity: &Severity) -> Result<Self, InputError> {
        const DRAWS: usize = 100_000;
        let events = severity.sample(name, DRAWS, 1)?;
        Ok(Self { mean_usd: severity.mean(), p05_usd: events.var(0.05), p95_usd: events.var(0.95) })
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{} on average, nine in ten between {} and {}",
            usd(self.mean_usd),
            usd(self.p05_usd),
            usd(self.p95_usd)
        )
    }
}

/// Names and values, one to a line.
pub(super) fn facts<const N: usize>(facts: [(&str, String); N]) -> String {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    facts.iter().map(|(name, value)| format!("{name:<width$}  {value}")).collect::<Vec<_>>().join("\n")
}

/// Writes a drawing, and says where.
pub(super) fn write_svg(path: &Path, svg: Option<String>) -> Result<(), CliError> {
    let svg = svg.ok_or_else(|| CliError::Usage("there is nothing to draw: no loss was found".to_owned()))?;
    std::fs::write(path, svg).map_err(CliError::io(format!("write {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name cannot forge a row, move the cursor or turn the direction of writing.
    #[test]
    fn hostile_names_are_shown() {
        let mut table = Table::new(["scenario", "price"]);
        table.row(["a\n\u{1b}[2Jb\u{202e}".into(), "$1".into()]);
        assert_eq!(table.text().lines().count(), 2);
        assert!(!safe(&format!("x\u{1b}[31m\n{}", table.text())).chars().any(|c| c != '\n' && c.is_control()));
    }

    /// Columns line up, whatever the width of their cells, and numbers have their marks.
    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["model", "typical"]);
        table.row(["a × b".into(), "$1".into()]);
        table.row(["c".into(), "$1,200,000".into()]);
        assert_eq!(table.text(), "model     typical\na × b          $1\nc      $1,200,000");
        assert_eq!((whole(250_000.0), whole(0.5), whole(-1_234.6)), ("250,000".into(), "0.5".into(), "-1,235".into()));
        assert_eq!(
            (percent(0.75), percent(25.666_67), percent(1.23e-6)),
            ("75.0%".into(), "2,567%".into(), "0.000123%".into())
        );
    }
}
