//! `list`: which scenarios there are.

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::options::Selection;
use super::output::{CliError, print, print_json};
use crate::scenario::{PROVIDERS, Scenario};

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    family: &'a str,
    path: String,
    tags: Vec<&'a str>,
    faults: Vec<&'static str>,
    must_find: Vec<&'a str>,
    /// Providers that can run it.
    runs_on: Vec<&'static str>,
    why: &'a str,
}

impl<'a> Entry<'a> {
    fn of(scenario: &'a Scenario) -> Self {
        Self {
            name: &scenario.name,
            family: &scenario.family,
            path: scenario.source.path.display().to_string(),
            tags: scenario.tags.iter().map(String::as_str).collect(),
            faults: scenario.faults.iter().map(|fault| fault.action.name()).collect(),
            must_find: scenario.expect.must_find.iter().map(String::as_str).collect(),
            runs_on: scenario.runs_on(),
            why: &scenario.why,
        }
    }

    fn line(&self, width: usize) -> String {
        let words = self.why.split_whitespace().collect::<Vec<_>>().join(" ");
        // The tag says already what is planted.
        let why = words.strip_prefix("Planted: ").unwrap_or(&words);
        let sentence = why.split_once(". ").map_or(why, |(first, _)| first).trim_end_matches('.');
        let planted = if self.must_find.is_empty() { "" } else { "planted " };
        let only = match self.runs_on.len() {
            n if n == PROVIDERS.len() => String::new(),
            _ => format!("{{{} only}} ", self.runs_on.join(", ")),
        };
        format!("  {:width$}  {planted}[{}]  {only}{sentence}", self.name, self.tags.join(" "))
    }
}

impl List {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let scenarios = self.selection.load()?;
        let entries: Vec<Entry<'_>> = scenarios.iter().map(Entry::of).collect();
        if self.json {
            print_json(&entries)?;
            return Ok(Exit::Pass);
        }
        let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
        let mut lines = Vec::new();
        let mut family = "";
        for entry in &entries {
            if entry.family != family {
                family = entry.family;
                lines.push(family.to_owned());
            }
            lines.push(entry.line(width));
        }
        print(&lines.join("\n"))?;
        Ok(Exit::Pass)
    }
}
