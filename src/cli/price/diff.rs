//! `price diff`: what changed between two runs, in dollars, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::answer::{Common, Table};
use super::run::year_of;
use crate::business_metrics::{InputProblem, MicroDollars};
use crate::cli::exit::Exit;
use crate::cli::output::CliError;
use crate::oracle::Code;
use crate::report::{RunReport, ScenarioReport, StackKey};

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// A journal, a folder of them, or a report.json.
    old: PathBuf,
    /// The same, later.
    new: PathBuf,
    /// Changes of a scenario's price up to this many dollars are not shown.
    #[arg(long, value_name = "DOLLARS", default_value_t = 0.0, allow_negative_numbers = true)]
    at_least: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Answer {
    expected_old: MicroDollars,
    expected_new: MicroDollars,
    same_assumptions: bool,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    scenario: String,
    old: Option<MicroDollars>,
    new: Option<MicroDollars>,
    why: String,
}

impl Diff {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        if !(self.at_least >= 0.0 && self.at_least.is_finite()) {
            let problem =
                if self.at_least.is_finite() { InputProblem::Negative(self.at_least) } else { InputProblem::NotFinite };
            return Err(CliError::Usage(format!("`--at-least` {problem}")));
        }
        let run = |path: &PathBuf| self.common.run(std::slice::from_ref(path));
        let (old, new) = (run(&self.old)?, run(&self.new)?);
        let (old_year, new_year) = (year_of(&old)?, year_of(&new)?);
        let answer = Answer {
            expected_old: old_year.vendor.expected,
            expected_new: new_year.vendor.expected,
            same_assumptions: old_year.assumptions_hash == new_year.assumptions_hash,
            changes: changes(&old, &new, self.at_least),
        };
        self.common.answer(&answer, || answer.text())
    }
}

/// A scenario, the stack that it ran on, and which of its runs there it is: a report that was merged holds each scenario
/// more than once.
type Place = (String, StackKey, usize);

fn by_place(report: &RunReport) -> BTreeMap<Place, &ScenarioReport> {
    let mut places = BTreeMap::new();
    for each in &report.scenarios {
        let (scenario, stack) = (&each.header.scenario, StackKey::of(&each.header));
        let run = (0..).find(|run| !places.contains_key(&(scenario.clone(), stack.clone(), *run))).unwrap_or_default();
        places.insert((scenario.clone(), stack, run), each);
    }
    places
}

fn changes(old: &RunReport, new: &RunReport, at_least: f64) -> Vec<Change> {
    let (old, new) = (by_place(old), by_place(new));
    let places: BTreeSet<&Place> = old.keys().chain(new.keys()).collect();
    let stacks: BTreeSet<&StackKey> = places.iter().map(|(_, stack, _)| stack).collect();
    let name = |(scenario, stack, _): &Place| match stacks.len() {
        1 => scenario.clone(),
        _ => format!("{scenario} ({})", stack.title()),
    };
    let mut changes: Vec<Change> = places
        .iter()
        .map(|place| (name(place), old.get(*place), new.get(*place)))
        .filter_map(|(name, old, new)| {
            let (old, new) = (old.copied(), new.copied());
            let cost = |scenario: Option<&ScenarioReport>| scenario.map(|each| each.price.cost_usd);
            let (before, after) = (cost(old), cost(new));
            let moved = before.unwrap_or_default().usd() - after.unwrap_or_default().usd();
            let appeared = before.is_some() != after.is_some();
            (appeared || moved.abs() > at_least).then(|| Change {
                scenario: name,
                old: before,
                new: after,
                why: why(old, new),
            })
        })
        .collect();
    changes.sort_by_key(|change| {
        let cost = |amount: Option<MicroDollars>| amount.unwrap_or_default();
        std::cmp::Reverse((cost(change.new) - cost(change.old)).0.unsigned_abs())
    });
    changes
}

/// The findings that came or went, or whose price moved most.
fn why(old: Option<&ScenarioReport>, new: Option<&ScenarioReport>) -> String {
    let (Some(old), Some(new)) = (old, new) else {
        return if old.is_some() { "not run any more".to_owned() } else { "new".to_owned() };
    };
    let codes = |scenario: &ScenarioReport| -> BTreeSet<Code> {
        scenario.judgement.findings.iter().map(|finding| finding.code).collect()
    };
    let (before, after) = (codes(old), codes(new));
    let list = |codes: Vec<&Code>| codes.iter().map(|code| code.text()).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    let (gone, came): (Vec<_>, Vec<_>) = (before.difference(&after).collect(), after.difference(&before).collect());
    if !came.is_empty() {
        parts.push(format!("{} came", list(came)));
    }
    if !gone.is_empty() {
        parts.push(format!("{} went", list(gone)));
    }
    if parts.is_empty() {
        parts.push(grown(old, new));
    }
    parts.join("; ")
}

/// The finding whose price moved most, and by how its blast radius did.
fn grown(old: &ScenarioReport, new: &ScenarioReport) -> String {
    let cost = |scenario: &ScenarioReport, code: Code| {
        let priced = scenario.price.findings.iter().filter(|priced| priced.code == code);
        priced.map(|priced| priced.at_scale.customer.max(priced.at_scale.vendor)).max().unwrap_or_default()
    };
    let moved = new.judgement.findings.iter().max_by_key(|f| (cost(new, f.code) - cost(old, f.code)).0.unsigned_abs());
    let Some(finding) = moved else { return "no finding in either".to_owned() };
    let earlier = old.judgement.findings.iter().find(|earlier| earlier.code == finding.code);
    let radius = |finding: &crate::oracle::Finding| {
        let radius = &finding.blast_radius;
        format!(
            "{} exposed, {} hurt, {:.1}% failed",
            radius.tenants_exposed,
            radius.tenants_hurt,
            radius.failed_share * 100.0
        )
    };
    match earlier {
        Some(earlier) if radius(earlier) != radius(finding) => {
            format!("{}: {} instead of {}", finding.code, radius(finding), radius(earlier))
        }
        _ => format!("{}: other assumptions or another scale", finding.code),
    }
}

impl Answer {
    fn text(&self) -> String {
        let mut text =
            format!("Expected annual loss of the vendor: {} before, {} now.", self.expected_old, self.expected_new);
        if !self.same_assumptions {
            text.push_str(" The assumptions differ, so part of it may be theirs.");
        }
        if self.changes.is_empty() {
            return format!("{text}\nNo scenario's price changed.");
        }
        let say = |amount: Option<MicroDollars>| amount.map_or("-".to_owned(), |amount| amount.to_string());
        let mut table = Table::new(["scenario", "before", "now", "why"]);
        for change in &self.changes {
            table.row([change.scenario.clone(), say(change.old), say(change.new), change.why.clone()]);
        }
        format!("{text}\n{}", table.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// A report that was merged over stacks holds a scenario more than once; each is compared with its own counterpart.
    #[test]
    fn scenarios_are_told_apart_by_their_stack() {
        let mut old = sample::mixed();
        let mut again = old.scenarios[0].clone();
        again.header.server_version = "13.4".to_owned();
        old.scenarios.push(again.clone());
        let mut new = old.clone();
        assert!(changes(&old, &new, 0.0).is_empty());
        let last = new.scenarios.last_mut().unwrap();
        last.price.cost_usd = MicroDollars(again.price.cost_usd.0 + 5_000_000);
        let changed = changes(&old, &new, 0.0);
        assert_eq!(changed.len(), 1);
        assert!(changed[0].scenario.contains("PostgreSQL 13"), "{}", changed[0].scenario);
        // Twice on one stack: neither is lost.
        let mut twice = old.clone();
        twice.scenarios.push(again);
        assert_eq!(changes(&old, &twice, 0.0).len(), 1);
    }
}
