//! What a hunt reports.

use schemars::JsonSchema;
use serde::Serialize;

use super::report::HuntPrice;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// One tenant reads another's data.
    Leak,
    /// One tenant changes another's data.
    Write,
    /// One tenant learns that something exists.
    Covert,
    /// A tenant cannot reach its own data.
    Availability,
    /// Nothing is open yet, and the next change opens it.
    Drift,
}

impl Severity {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Leak => "leak",
            Severity::Write => "write",
            Severity::Covert => "covert",
            Severity::Availability => "availability",
            Severity::Drift => "drift",
        }
    }
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A probe did it.
    Confirmed,
    /// The catalogue says so.
    Static,
}

/// What is known of a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FixStatus {
    /// The hunt has applied it: the finding is gone, and what tenant A could do it still can.
    Proven,
    /// Nobody has tried it, or no trial succeeded.
    Unproven,
}

/// One way from one tenant to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Stays the same from run to run; what a baseline names.
    pub fingerprint: String,
    /// Failure mode, `F01` to `F73`, as in docs/hunt.md.
    pub mode: String,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub status: Status,
    /// The table, view, function or role.
    pub object: String,
    /// What was done to it, if a probe did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// The state of the context in which it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_state: Option<String>,
    /// What is wrong, in a sentence.
    pub title: String,
    /// What was seen.
    pub evidence: String,
    /// SQL that mends it, or what to decide, as a comment.
    pub fix: String,
    /// Whether the hunt has tried it.
    pub fix_status: FixStatus,
    /// What the trial showed, or why there is no fix that is proven.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fix_note: String,
    /// What it costs if somebody uses it: of confirmed leaks, each alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<HuntPrice>,
    /// Why it is accepted, if the baseline says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// File that fails with psql while the finding is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproducer: Option<String>,
    /// Text of that file.
    #[serde(skip)]
    #[schemars(skip)]
    pub reproducer_sql: String,
}

impl Finding {
    /// A finding, with the fingerprint that follows from what it is about. Evidence may hold names of one run, so it
    /// does not count.
    pub(super) fn new(mode: &str, severity: Severity, status: Status, object: &str, title: &str) -> Self {
        Self {
            fingerprint: fingerprint(&[mode, severity.name(), object, title]),
            mode: mode.to_owned(),
            severity,
            status,
            object: object.to_owned(),
            verb: None,
            context_state: None,
            title: title.to_owned(),
            evidence: String::new(),
            fix: String::new(),
            fix_status: FixStatus::Unproven,
            fix_note: String::new(),
            price: None,
            accepted: None,
            reproducer: None,
            reproducer_sql: String::new(),
        }
    }

    /// What a probe did, and in which state of the context. Both count for the fingerprint: who accepts that one state
    /// leaks has not accepted another. `state` is what stays the same from run to run of `shown`.
    pub(super) fn by(mut self, verb: &str, state: &str, shown: &str) -> Self {
        let (mode, severity) = (self.mode.as_str(), self.severity.name());
        self.fingerprint = fingerprint(&[mode, severity, &self.object, &self.title, verb, state]);
        self.verb = Some(verb.to_owned());
        self.context_state = Some(shown.to_owned());
        self
    }

    pub(super) fn evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = evidence.into();
        self
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}

fn fingerprint(parts: &[&str]) -> String {
    blake3::hash(parts.join("\u{1f}").as_bytes()).to_hex()[..16].to_owned()
}
