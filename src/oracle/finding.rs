//! Findings and their stable codes, documented in `docs/findings.md`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::observe::{ContextOutcome, Leak};
use crate::scenario::{TenantSlug, Tier};

macro_rules! codes {
    ($($variant:ident, $code:literal, $severity:ident, $title:literal, $why:literal;)*) => {
        /// The stable code of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $variant,)* }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// As written in `must_find` and in reports.
            pub fn text(self) -> &'static str {
                match self { $(Code::$variant => $code,)* }
            }

            /// How bad.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// A short title.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// When it is reported and what to do about it.
            pub fn explain(self) -> &'static str {
                match self { $(Code::$variant => $why,)* }
            }
        }
    };
}

codes! {
    ForeignRow, "TC-L01", Leak, "foreign rows read",
        "A row came back to a tenant that does not own it. One is enough, and nothing that happens later turns it green. Look at the evidence: operation, connection and the context that the server had.";
    ForeignWrite, "TC-L02", Leak, "write landed under another tenant",
        "An acknowledged write is stored under a tenant that did not send it. Look at WITH CHECK of the policy and at who sets the tenant column.";
    LostWrite, "TC-W01", Integrity, "acknowledged write lost",
        "The client was told that its write is stored, and the database does not have it. Acknowledge after COMMIT only.";
    DuplicateWrite, "TC-W02", Integrity, "acknowledged write stored twice",
        "A retried write was stored more than once. Give every write an idempotency key with a unique constraint.";
    ContextFailOpen, "TC-C01", Leak, "context loss fails open",
        "Without its tenant context the stack returned rows of others.";
    ContextFailLoud, "TC-C02", Notice, "context loss fails closed, loudly",
        "Without its tenant context the stack answered with an error. Safe, and visible to the caller.";
    ContextFailSilent, "TC-C03", Notice, "context loss fails closed, silently",
        "Without its tenant context the stack answered with nothing and no error. Safe for isolation; the caller takes it for an empty account.";
    MonitorBlind, "TC-M01", Integrity, "queries without tenant context, and no alert",
        "The share of transactions without a confirmed tenant context exceeded the monitor's threshold and no alert was raised.";
    MonitorAlert, "TC-M02", Notice, "monitor alert raised",
        "The monitor saw transactions without a confirmed tenant context and said so.";
    PoolExhausted, "TC-P01", Availability, "connection pool exhausted",
        "Requests failed because no pool connection came free in time.";
    PoolLeak, "TC-P02", Availability, "connections leaked from the pool",
        "Requests still failed for want of a connection after the faults were healed: connections were taken and never returned.";
    NoisyNeighbour, "TC-N01", Performance, "one tenant slowed others down",
        "While one tenant flooded the system, other tenants' requests broke their objective although they did not in the baseline.";
    Unavailable, "TC-A01", Availability, "requests failed",
        "More than 5% of the requests of a tier failed while faults were on.";
    SlowRecovery, "TC-R01", Availability, "did not recover in time",
        "After the faults were healed the system did not return to its expected state within the objective.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.text() == text)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown finding code `{text}`")))
    }
}

impl schemars::JsonSchema for Code {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
        schemars::json_schema!({ "description": "The stable code of a finding.", "type": "string", "enum": codes })
    }
}

/// How bad a finding is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Data reached another tenant. Fails the scenario unless planted.
    Leak,
    /// Data was lost, doubled or a guard was blind. Fails the scenario unless planted.
    Integrity,
    /// Requests failed. Fails the scenario only through an expectation.
    Availability,
    /// Requests were slow. Fails the scenario only through an expectation.
    Performance,
    /// Worth knowing; never fails a scenario.
    Notice,
}

/// Something that went wrong, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// One sentence with the numbers of this run.
    pub summary: String,
    /// How often, in the unit of the finding (rows, writes, requests).
    pub count: u64,
    /// First sight, microseconds since the run started.
    pub first_at_us: u64,
    /// Whether the scenario planted it (`must_find`).
    pub planted: bool,
    /// Who and what was reached.
    pub blast_radius: BlastRadius,
    /// Up to ten leaks.
    pub evidence: Vec<Leak>,
    /// Further evidence as sentences.
    pub notes: Vec<String>,
}

/// Who and what a finding reached. All observed, nothing scaled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BlastRadius {
    /// Tenants whose data others saw.
    pub tenants_exposed: u64,
    /// Tenants whose requests failed or were slow.
    pub tenants_hurt: u64,
    /// Hurt tenants by tier.
    pub hurt_by_tier: std::collections::BTreeMap<Tier, u64>,
    /// Rows that were exposed or lost.
    pub rows: u64,
    /// Tables and views.
    pub tables: Vec<String>,
    /// The tenant that did the harm.
    pub aggressor: Option<TenantSlug>,
    /// Seconds during which it happened.
    pub seconds: f64,
    /// Failed share of the requests of the hurt, 0..=1.
    pub failed_share: f64,
}

/// What a fault did to the transactions that it touched, in all: a fault of the context, or of single statements on the
/// wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContextVerdict {
    /// Index of the fault.
    pub fault: usize,
    /// Its residue, such as `stale`; the name of a fault on the wire, such as `protocol.cut`.
    pub leaves: String,
    /// The counts.
    pub outcome: ContextOutcome,
    /// `fail-open`, `fail-closed-loud`, `fail-closed-silent`, `no effect` or `not touched`; the worst that occurred.
    pub class: String,
}

/// The worst that occurred: open, silent, loud, no effect, not touched.
pub fn context_class(outcome: &ContextOutcome) -> &'static str {
    match outcome {
        ContextOutcome { open: 1.., .. } => "fail-open",
        ContextOutcome { silent: 1.., .. } => "fail-closed-silent",
        ContextOutcome { loud: 1.., .. } => "fail-closed-loud",
        ContextOutcome { touched: 1.., .. } | ContextOutcome { harmless: 1.., .. } => "no effect",
        _ => "not touched",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../docs/findings.md");

    /// Every code has its section with its title and severity, when it is reported and what to do; no section is about
    /// a code that does not exist; and both are in the same order.
    #[test]
    fn every_code_is_documented() {
        let sections: Vec<&str> = DOCUMENT.split("\n## TC-").skip(1).collect();
        assert_eq!(sections.len(), Code::ALL.len());
        for (code, section) in Code::ALL.iter().zip(sections) {
            let (heading, body) = section.split_once('\n').unwrap();
            assert_eq!(format!("TC-{heading}"), format!("{code}: {}", code.title()));
            let severity = serde_json::to_value(code.severity()).unwrap();
            assert!(body.contains(&format!("**Severity**: {}.", severity.as_str().unwrap())), "{code}");
            for part in ["**Reported when** ", "**What to do**: "] {
                let text = body.split_once(part).map(|(_, rest)| rest.lines().next().unwrap_or_default());
                assert!(text.is_some_and(|text| text.len() > 20), "{code} lacks {part}");
            }
        }
    }

    /// Codes are what scenarios and reports refer to: each is unique and survives a report.
    #[test]
    fn codes_are_stable_names() {
        let texts: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), *code);
        }
        assert!(serde_json::from_str::<Code>("\"TC-X99\"").is_err());
    }
}
