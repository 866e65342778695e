//! Reads assumptions from TOML, with every mistake written down.
//!
//! A key is a path of tables (`[breach.sigma]`) that holds `low`, `mode`, `high`, `source` and so on, or a number, which
//! is a value without a range.

use std::ops::Range;
use std::path::Path;

use statrs::distribution::{ContinuousCDF, Gamma};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::assumptions::{Assumption, Assumptions, Confidence, Counted};
use super::key::Key;
use crate::diagnostics::{Diagnostics, Problems, closest, did_you_mean};

type Node<'a> = Spanned<DeValue<'a>>;

const FIELDS: [&str; 6] = ["low", "mode", "high", "unit", "source", "confidence"];
/// Fields of a frequency besides these.
const COUNT_FIELDS: [&str; 2] = ["events", "years"];

/// What a file says about one key.
#[derive(Default)]
struct Given {
    span: Range<usize>,
    low: Option<f64>,
    mode: Option<f64>,
    high: Option<f64>,
    unit: Option<String>,
    source: Option<String>,
    confidence: Option<Confidence>,
    events: Option<f64>,
    years: Option<f64>,
}

/// A file over a base.
pub(super) fn read(path: &Path, text: &str, base: &Assumptions) -> Result<Assumptions, Diagnostics> {
    let (given, mut problems) = decode(path, text);
    let mut values: Vec<Assumption> = base.iter().map(|(_, value)| value.clone()).collect();
    for (key, given) in given {
        if let Some(value) = given.over(key, base.get(key), path, &mut problems) {
            values[key as usize] = value;
        }
    }
    problems.finish(Assumptions::of(values))
}

/// A file that has to name every key and every field.
pub(super) fn read_complete(path: &Path, text: &str) -> Result<Assumptions, Diagnostics> {
    let (mut given, mut problems) = decode(path, text);
    let mut values = Vec::with_capacity(Key::COUNT);
    for key in Key::ALL.iter().copied() {
        let found = given.iter().position(|(named, _)| *named == key).map(|place| given.swap_remove(place).1);
        match found.and_then(Given::complete) {
            Some(value) => values.push(value),
            None => problems.whole(format!("`{key}` is missing or incomplete")).maybe_help(None),
        }
    }
    match problems.is_empty() {
        true => Ok(Assumptions::of(values)),
        false => Err(problems.into_diagnostics()),
    }
}

fn decode(path: &Path, text: &str) -> (Vec<(Key, Given)>, Problems) {
    let mut problems = Problems::of(path, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.toml(error).maybe_help(None);
    }
    let mut given = Vec::new();
    walk(table.get_ref(), "", &mut given, &mut problems);
    (given, problems)
}

/// Descends to the keys; what leads to none is unknown.
fn walk(table: &DeTable<'_>, prefix: &str, given: &mut Vec<(Key, Given)>, problems: &mut Problems) {
    for (name, node) in table {
        let path = match prefix {
            "" => name.get_ref().to_string(),
            prefix => format!("{prefix}.{}", name.get_ref()),
        };
        if let Some(key) = Key::of(&path) {
            if let Some(value) = Given::decode(key, node, problems) {
                given.push((key, value));
            }
            continue;
        }
        let group = format!("{path}.");
        let is_group = Key::ALL.iter().any(|key| key.name().starts_with(&group));
        match node.get_ref() {
            DeValue::Table(inner) if is_group => walk(inner, &path, given, problems),
            _ if is_group => {
                let first = Key::ALL.iter().find(|key| key.name().starts_with(&group)).map(|key| key.name());
                let help = format!("it is a group of assumptions, such as `{}`", first.unwrap_or_default());
                problems.at(node.span(), format!("`{path}` is no assumption")).help(help);
            }
            _ => problems.at(name.span(), format!("there is no assumption `{path}`")).maybe_help(meant(&path)),
        }
    }
}

/// The key that an unknown path was meant to be, or those of its group.
fn meant(path: &str) -> Option<String> {
    let names = || Key::ALL.iter().map(|key| key.name());
    if let Some(name) = closest(path, names()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let group = path.split('.').next().unwrap_or_default();
    let groups: std::collections::BTreeSet<_> = names().filter_map(|name| name.split('.').next()).collect();
    match groups.contains(group) {
        true => did_you_mean(path, names().filter(|name| name.split('.').next() == Some(group))),
        false => did_you_mean(group, groups),
    }
}

impl Given {
    fn decode(key: Key, node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let table = match node.get_ref() {
            DeValue::Table(table) => table,
            DeValue::Integer(_) | DeValue::Float(_) => {
                let value = number(key, node, problems)?;
                let [low, mode, high] = [Some(value); 3];
                return Some(Self { span: node.span(), low, mode, high, ..Self::default() });
            }
            _ => {
                let help = format!("write {}, or a table with `mode`, `low` and `high`", key.domain());
                problems.at(node.span(), format!("`{key}` is no number")).help(help);
                return None;
            }
        };
        let before = problems.len();
        let mut given = Self { span: node.span(), ..Self::default() };
        for (field, node) in table {
            match field.get_ref().as_ref() {
                "low" => given.low = number(key, node, problems),
                "mode" => given.mode = number(key, node, problems),
                "high" => given.high = number(key, node, problems),
                "unit" => given.unit = text(key, node, problems),
                "source" => given.source = text(key, node, problems),
                "confidence" => given.confidence = confidence(node, problems),
                "events" if key.is_frequency() => given.events = number(key, node, problems),
                "years" if key.is_frequency() => given.years = number(key, node, problems),
                other => {
                    let message = format!("`{key}` has no `{other}`");
                    let fields = FIELDS.into_iter().chain(COUNT_FIELDS.into_iter().filter(|_| key.is_frequency()));
                    problems.at(field.span(), message).maybe_help(did_you_mean(other, fields));
                }
            }
        }
        (problems.len() == before).then_some(given)
    }

    /// Over the value of the base. A figure that was changed without a source has the user's file as source.
    fn over(self, key: Key, base: &Assumption, path: &Path, problems: &mut Problems) -> Option<Assumption> {
        if let Some(unit) = self.unit.as_ref().filter(|unit| **unit != base.unit) {
            let help = format!("write {} values, and leave out `unit`", base.unit);
            problems.at(self.span, format!("`{key}` is in {}, not in {unit}", base.unit)).help(help);
            return None;
        }
        let changed = self.low.is_some() || self.mode.is_some() || self.high.is_some();
        if self.events.is_some() || self.years.is_some() {
            return self.count(key, changed, base, path, problems);
        }
        let (low, mode, high) =
            (self.low.unwrap_or(base.low), self.mode.unwrap_or(base.mode), self.high.unwrap_or(base.high));
        if !(low <= mode && mode <= high) {
            let message = format!("`{key}` has low {low}, mode {mode} and high {high}");
            let help =
                "low must not exceed mode, nor mode high; what the file leaves out is built in, so give all three";
            problems.at(self.span, message).help(help);
            return None;
        }
        let (source, confidence) = match (self.source, changed) {
            (Some(source), _) => (source, self.confidence.unwrap_or(Confidence::Judgement)),
            (None, true) => (path.display().to_string(), self.confidence.unwrap_or(Confidence::Judgement)),
            (None, false) => (base.source.clone(), self.confidence.unwrap_or(base.confidence)),
        };
        Some(Assumption { low, mode, high, unit: base.unit.clone(), source, confidence, counted: None })
    }

    /// A frequency that was counted: nine in ten posteriors lie between its low and its high, and its mean is what is used.
    fn count(
        self,
        key: Key,
        has_range: bool,
        base: &Assumption,
        path: &Path,
        problems: &mut Problems,
    ) -> Option<Assumption> {
        let counted = match (self.events, self.years) {
            (Some(events), Some(years)) if !has_range && years > 0.0 => Counted { events, years },
            _ => {
                let help =
                    "write `events` and `years` together, years above 0, and no `low`, `mode` or `high` beside them";
                problems.at(self.span, format!("`{key}` is not counted")).help(help);
                return None;
            }
        };
        let range = counted_range(counted).filter(|(low, mode, high)| {
            low <= mode && mode <= high && [*low, *mode, *high].iter().all(|value| key.domain().holds(*value))
        });
        let Some((low, mode, high)) = range else {
            problems
                .at(self.span, format!("`{key}` is counted too often"))
                .help(format!("a frequency is {}", key.domain()));
            return None;
        };
        let source = self.source.unwrap_or_else(|| {
            format!("{} events in {} years, counted in {}", counted.events, counted.years, path.display())
        });
        let confidence = self.confidence.unwrap_or(Confidence::Derived);
        Some(Assumption { low, mode, high, unit: base.unit.clone(), source, confidence, counted: Some(counted) })
    }

    fn complete(self) -> Option<Assumption> {
        Some(Assumption {
            low: self.low?,
            mode: self.mode?,
            high: self.high?,
            unit: self.unit?,
            source: self.source?,
            confidence: self.confidence?,
            counted: None,
        })
    }
}

/// 5th percentile, mean and 95th percentile of `Gamma(events + 1/2, years)`.
fn counted_range(counted: Counted) -> Option<(f64, f64, f64)> {
    let posterior = Gamma::new(counted.events + 0.5, counted.years).ok()?;
    Some((posterior.inverse_cdf(0.05), (counted.events + 0.5) / counted.years, posterior.inverse_cdf(0.95)))
}

fn number(key: Key, node: &Node<'_>, problems: &mut Problems) -> Option<f64> {
    let value: Option<f64> = match node.get_ref() {
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|number| number as f64)
        }
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    };
    let value = value.filter(|value| key.domain().holds(*value));
    if value.is_none() {
        let written = problems.text().get(node.span()).unwrap_or_default();
        let message = format!("{written} cannot be a value of `{key}`");
        problems.at(node.span(), message).help(format!("write {}", key.domain()));
    }
    value
}

fn text(key: Key, node: &Node<'_>, problems: &mut Problems) -> Option<String> {
    let DeValue::String(text) = node.get_ref() else {
        problems.at(node.span(), format!("a text of `{key}` stands in quotes")).maybe_help(None);
        return None;
    };
    Some(text.to_string())
}

fn confidence(node: &Node<'_>, problems: &mut Problems) -> Option<Confidence> {
    let DeValue::String(text) = node.get_ref() else {
        let help = did_you_mean("", Confidence::ALL.map(Confidence::word));
        problems.at(node.span(), "a confidence is a word in quotes").maybe_help(help);
        return None;
    };
    let found = Confidence::ALL.into_iter().find(|confidence| confidence.word() == text.as_ref());
    if found.is_none() {
        let help = did_you_mean(text, Confidence::ALL.map(Confidence::word));
        problems.at(node.span(), format!("there is no confidence `{text}`")).maybe_help(help);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn over(text: &str) -> Result<Assumptions, Diagnostics> {
        Assumptions::with_overrides(Path::new("ours.toml"), text)
    }

    /// An override changes its key alone; a number alone has no range; without a source the file is the source.
    #[test]
    fn overrides_change_their_key_alone() {
        let ours = over("downtime.enterprise = 4_200\n[incident.churn_share]\nmode = 0.03\nsource = \"CRM\"").unwrap();
        for (key, value) in ours.iter() {
            let before = Assumptions::built_in().get(key);
            match key {
                Key::DowntimeEnterprise => {
                    assert_eq!((value.low, value.mode, value.high), (4_200.0, 4_200.0, 4_200.0));
                    assert_eq!((value.source.as_str(), value.unit.as_str()), ("ours.toml", "USD/min"));
                }
                Key::IncidentChurn => {
                    assert_eq!((value.low, value.mode, value.high), (before.low, 0.03, before.high));
                    assert_eq!((value.source.as_str(), value.confidence), ("CRM", Confidence::Judgement));
                }
                _ => assert_eq!(value, before),
            }
        }
        assert_eq!(over("").unwrap(), *Assumptions::built_in());
    }

    /// A count becomes the range that it leaves open: three outages in two years are 1.75 a year, nine in ten times between
    /// 0.54 and 3.52 (chi-squared of 7 degrees of freedom over 4). Half a count is a mistake, and so is one beside a range.
    #[test]
    fn a_frequency_can_be_counted() {
        let ours = over("[frequency.outage]\nevents = 3\nyears = 2").unwrap();
        let outage = ours.get(Key::FrequencyOutage);
        assert_eq!((outage.mode, outage.counted), (1.75, Some(Counted { events: 3.0, years: 2.0 })));
        assert!(
            (outage.low - 2.167_35 / 4.0).abs() < 1e-4 && (outage.high - 14.067_14 / 4.0).abs() < 1e-4,
            "{outage:?}"
        );
        assert_eq!(
            (outage.source.as_str(), outage.confidence),
            ("3 events in 2 years, counted in ours.toml", Confidence::Derived)
        );
        for mistake in
            ["events = 3", "events = 3\nyears = 0", "events = 3\nyears = 2\nmode = 4", "events = 1e12\nyears = 1e-3"]
        {
            assert!(over(&format!("[frequency.leak]\n{mistake}")).is_err(), "{mistake}");
        }
        assert!(over("[breach.sigma]\nevents = 3\nyears = 2").unwrap_err().to_string().contains("has no `events`"));
    }

    /// Every kind of mistake is answered with its place and what to write, all of a file at once.
    #[test]
    fn mistakes_are_answered() {
        let mistakes = over(
            "downtime.enterprize = 1\nbreach = 4\ntoday = 1\n[incident]\nchurn_share = 1.5\nticket_cost = -1\n\
             engineer_rate = { low = 400 }\nengineer_hours = { mode = nan, mod = 3 }\nticket_share = \"15%\"\n\
             [tier.growth]\nprice = { unit = \"EUR\", mode = 5 }\n[upsell.conversion]\nconfidence = \"sure\"\nsource = 4\n",
        );
        insta::assert_snapshot!(mistakes.unwrap_err().to_string());
    }

    proptest! {
        /// No text makes the reader panic, and what it accepts is complete and in range.
        #[test]
        fn no_text_breaks_the_reader(text in "(\\[?(breach|tier|downtime)\\.?(sigma|growth|share)?\\]?( ?= ?[-0-9.e{}\"a-z]*)?\n){0,6}") {
            if let Ok(read) = over(&text) {
                for (key, value) in read.iter() {
                    prop_assert!(key.domain().holds(value.mode) && value.low <= value.mode && value.mode <= value.high);
                }
            }
        }
    }
}
