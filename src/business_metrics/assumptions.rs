//! What the models assume: a range, its unit, where it comes from and how far it can be trusted.

use std::path::Path;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::overrides;
use super::tier::Tier;
use crate::diagnostics::Diagnostics;

/// The built-in assumptions, as a file of their own format.
pub const BUILT_IN: &str = include_str!("assumptions.toml");

/// One assumption.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumption {
    /// Lowest plausible value.
    pub low: f64,
    /// Most plausible value; models at their point values use it.
    pub mode: f64,
    /// Highest plausible value.
    pub high: f64,
    /// Unit of the three.
    pub unit: String,
    /// Where they come from.
    pub source: String,
    /// How far they can be trusted.
    pub confidence: Confidence,
    /// What the three were counted from, if they were.
    pub counted: Option<Counted>,
}

/// Events that were counted: what a frequency can be told from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Counted {
    /// Events.
    pub events: f64,
    /// Years in which they happened.
    pub years: f64,
}

/// How far a figure can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Read in the publication that is named.
    Verified,
    /// Calculated from such figures.
    Derived,
    /// Quoted without having been checked again.
    Remembered,
    /// An opinion.
    Judgement,
}

impl Confidence {
    /// All of them, most trusted first.
    pub const ALL: [Confidence; 4] =
        [Confidence::Verified, Confidence::Derived, Confidence::Remembered, Confidence::Judgement];

    /// As written in `assumptions.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Confidence::Verified => "verified",
            Confidence::Derived => "derived",
            Confidence::Remembered => "remembered",
            Confidence::Judgement => "judgement",
        }
    }
}

/// Every assumption. Complete and within its domain: only [`Self::default`] and [`Self::with_overrides`] make one.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumptions {
    values: Vec<Assumption>,
}

impl Assumptions {
    pub(super) fn of(values: Vec<Assumption>) -> Self {
        debug_assert_eq!(values.len(), Key::COUNT);
        Self { values }
    }

    /// The built-in assumptions with those of a TOML file over them, key by key. `path` is shown in problems.
    ///
    /// ```
    /// use tenant_chaos::business_metrics::{Assumptions, Key};
    ///
    /// let ours = Assumptions::with_overrides("ours.toml".as_ref(), "downtime.enterprise = 4_200").unwrap();
    /// assert_eq!(ours.get(Key::DowntimeEnterprise).mode, 4_200.0);
    /// let mistakes = Assumptions::with_overrides("ours.toml".as_ref(), "downtime.enterprize = 1").unwrap_err();
    /// assert!(mistakes.to_string().contains("did you mean `downtime.enterprise`?"));
    /// ```
    ///
    /// # Errors
    /// Every mistake of the file: unknown keys, wrong types, values outside of their domain, ranges out of order.
    pub fn with_overrides(path: &Path, text: &str) -> Result<Self, Diagnostics> {
        Self::built_in().overridden(path, text)
    }

    /// The same with those of a TOML file over them.
    ///
    /// # Errors
    /// As [`Self::with_overrides`].
    pub fn overridden(&self, path: &Path, text: &str) -> Result<Self, Diagnostics> {
        overrides::read(path, text, self)
    }

    /// The built-in assumptions, without a copy.
    pub fn built_in() -> &'static Self {
        static BUILT_IN_VALUES: LazyLock<Assumptions> = LazyLock::new(|| {
            overrides::read_complete(Path::new("assumptions.toml"), BUILT_IN)
                .expect("the built-in assumptions are sound, as a test shows")
        });
        &BUILT_IN_VALUES
    }

    /// One assumption.
    pub fn get(&self, key: Key) -> &Assumption {
        &self.values[key as usize]
    }

    /// All of them, in the order of [`Key::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Assumption)> {
        Key::ALL.iter().copied().zip(&self.values)
    }

    /// The same with no range: each value certain, and what a point has for it.
    pub fn fixed(&self, point: &Point) -> Self {
        let fix = |(key, value): (Key, &Assumption)| {
            let at = point.get(key);
            Assumption { low: at, mode: at, high: at, counted: None, ..value.clone() }
        };
        Self::of(self.iter().map(fix).collect())
    }

    /// One value for each assumption: its mode.
    pub fn point(&self) -> Point {
        let mut values = [0.0; Key::COUNT];
        for (value, assumption) in values.iter_mut().zip(&self.values) {
            *value = assumption.mode;
        }
        Point { values }
    }
}

impl Default for Assumptions {
    fn default() -> Self {
        Self::built_in().clone()
    }
}

/// One value for each assumption; what the models are built from. Each lies in its key's domain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    values: [f64; Key::COUNT],
}

impl Point {
    /// The value of an assumption.
    pub fn get(&self, key: Key) -> f64 {
        self.values[key as usize]
    }

    /// The same with another value for one assumption; a value outside of the key's domain is moved to its edge.
    pub fn with(mut self, key: Key, value: f64) -> Self {
        if key.domain().holds(value) {
            self.values[key as usize] = value;
        } else {
            let max = if key.domain() == super::Domain::Share { 1.0 } else { super::Domain::MAX };
            let moved = value.clamp(f64::MIN_POSITIVE, max);
            self.values[key as usize] = if moved.is_nan() { self.values[key as usize] } else { moved };
        }
        self
    }

    /// Monthly price of a tier.
    pub fn price(&self, tier: Tier) -> f64 {
        self.get(match tier {
            Tier::Starter => Key::PriceStarter,
            Tier::Growth => Key::PriceGrowth,
            Tier::Enterprise => Key::PriceEnterprise,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The built-in file names every key once, in the order of [`Key::ALL`], with ordered ranges inside their domains,
    /// a unit and a source.
    #[test]
    fn the_built_in_assumptions_are_complete_and_sound() {
        let headings: Vec<_> = BUILT_IN.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).collect();
        let names: Vec<_> = Key::ALL.iter().map(|key| key.name()).collect();
        assert_eq!(headings, names);
        for (key, value) in Assumptions::default().iter() {
            assert!(value.low <= value.mode && value.mode <= value.high, "{key}");
            assert!([value.low, value.mode, value.high].iter().all(|v| key.domain().holds(*v)), "{key}");
            assert!(!value.unit.is_empty() && value.source.len() > 8, "{key}");
            assert!(key.meaning().ends_with('.'), "{key}");
        }
    }

    /// A point carries the modes, and a changed value changes that one alone and never leaves the domain.
    #[test]
    fn a_point_has_one_value_for_each_key() {
        let point = Assumptions::default().point();
        let changed = point.with(Key::IncidentChurn, 0.5);
        for key in Key::ALL.iter().copied() {
            let expected = if key == Key::IncidentChurn { 0.5 } else { point.get(key) };
            assert_eq!(changed.get(key), expected, "{key}");
        }
        for wild in [f64::NAN, f64::INFINITY, -1.0, 0.0, 7.0] {
            for key in Key::ALL.iter().copied() {
                assert!(key.domain().holds(point.with(key, wild).get(key)), "{key} {wild}");
            }
        }
    }
}
