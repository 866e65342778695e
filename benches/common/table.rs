//! A benchmark's result: on the terminal, as Markdown and as JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::environment::Environment;
use super::ratio::Ratio;
use super::{Failure, Mode};

/// What a line is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// The ratio is to be at least this.
    AtLeast(f64),
    /// The ratio is to be at most this.
    AtMost(f64),
    /// The value is to be below this, in its own unit.
    ValueBelow(f64),
}

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// What was measured.
    pub(crate) what: String,
    /// Its median over the rounds.
    pub(crate) value: f64,
    /// The value's unit.
    pub(crate) unit: &'static str,
    /// What it is compared with; `None` if it is what others are compared with.
    pub(crate) against: Option<String>,
    /// This by that.
    pub(crate) ratio: Option<Ratio>,
    /// What it is to reach.
    pub(crate) goal: Option<Goal>,
}

impl Line {
    /// Whether the goal is reached.
    fn reached(&self) -> Option<bool> {
        let median = self.ratio.map_or(f64::NAN, |ratio| ratio.median);
        self.goal.map(|goal| match goal {
            Goal::AtLeast(bound) => median >= bound,
            Goal::AtMost(bound) => median <= bound,
            Goal::ValueBelow(bound) => self.value < bound,
        })
    }

    /// Whether the interval of the ratio lies on both sides of the goal, so that another run may say otherwise.
    fn is_undecided(&self) -> bool {
        match (self.goal, self.ratio) {
            (Some(Goal::AtLeast(bound) | Goal::AtMost(bound)), Some(ratio)) => ratio.low < bound && bound < ratio.high,
            _ => false,
        }
    }

    fn cells(&self) -> [String; 6] {
        let verdict = self.reached().map(|reached| if reached { "yes" } else { "no" });
        let doubt = if self.is_undecided() { " (within noise)" } else { "" };
        [
            self.what.clone(),
            format!("{} {}", digits(self.value), self.unit),
            self.against.clone().unwrap_or_default(),
            self.ratio.map(|r| format!("{:.2} ({:.2} to {:.2})", r.median, r.low, r.high)).unwrap_or_default(),
            self.goal.map(|goal| self.wording(goal)).unwrap_or_default(),
            verdict.map(|word| format!("{word}{doubt}")).unwrap_or_default(),
        ]
    }

    fn wording(&self, goal: Goal) -> String {
        match goal {
            Goal::AtLeast(bound) => format!("at least {bound:.2}"),
            Goal::AtMost(bound) => format!("at most {bound:.2}"),
            Goal::ValueBelow(bound) => format!("below {} {}", digits(bound), self.unit),
        }
    }
}

/// Three significant digits or whole numbers.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

const HEADER: [&str; 6] = ["what", "median", "compared with", "ratio (95% interval)", "goal", "reached"];

/// All that a benchmark found.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    schema_version: u32,
    name: &'static str,
    environment: Environment,
    /// What a reader must know beside the figures.
    notes: Vec<String>,
    rows: Vec<Row>,
}

/// A line with its verdict, as it is written.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    line: Line,
    reached: Option<bool>,
    within_noise: bool,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(name: &'static str, environment: Environment) -> Self {
        Self { schema_version: 1, name, environment, notes: Vec::new(), rows: Vec::new() }
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, line: Line) {
        let (reached, within_noise) = (line.reached(), line.is_undecided());
        self.rows.push(Row { line, reached, within_noise });
    }

    /// Adds a note.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Prints the table on stdout and writes `target/chaos/bench/<name>.md` and `.json`. A mere check writes beside
    /// them, into `check/`, so that it never replaces real figures.
    pub(crate) fn publish(&self, mode: Mode) -> Result<(), Failure> {
        println!("{}", self.terminal());
        let folder = folder(mode);
        fs::create_dir_all(&folder)?;
        let markdown = folder.join(self.name).with_extension("md");
        fs::write(&markdown, self.markdown())?;
        fs::write(markdown.with_extension("json"), serde_json::to_string_pretty(self)? + "\n")?;
        println!("written to {} and .json", markdown.display());
        Ok(())
    }

    fn terminal(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY).set_header(HEADER);
        self.rows.iter().for_each(|row| {
            table.add_row(row.line.cells());
        });
        let about = self.environment.lines().into_iter().chain(self.notes.iter().cloned());
        format!("\n{table}\n{}\n", about.collect::<Vec<_>>().join("\n"))
    }

    fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n", self.name);
        let row = |cells: &[String]| {
            format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
        };
        text += &row(&HEADER.map(str::to_owned));
        text += "|---|---:|---|---:|---|---|\n";
        self.rows.iter().for_each(|line| text += &row(&line.line.cells()));
        text.push('\n');
        for line in self.environment.lines().iter().chain(&self.notes) {
            writeln!(text, "- {line}").expect("writing to a string cannot fail");
        }
        text
    }
}

fn folder(mode: Mode) -> PathBuf {
    let folder = Path::new("target/chaos/bench");
    mode.pick(folder.to_path_buf(), folder.join("check"))
}
