//! What a finding has shown, so that another leak of the same object is told from the same one seen again: a baseline
//! may accept the one, and must not hide the other.

use std::collections::BTreeSet;

use super::finding::{Finding, Severity};
use super::probe::{OWN, Probe, Seen};
use super::report::family;
use super::search::Violation;
use super::seeding::{Tenant, words};

/// One finding, and every text that its probe saw.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) fingerprint: String,
    pub(super) object: String,
    severity: Severity,
    mode: String,
    verb: &'static str,
    state: String,
    has_tenant: bool,
    texts: BTreeSet<String>,
}

fn texts(seen: &Seen) -> BTreeSet<String> {
    seen.rows.iter().map(|(text, _)| text.clone()).chain(seen.said.clone()).collect()
}

/// Parts of texts that carry a tenant's mark, however the verb writes rows.
fn marked(texts: &BTreeSet<String>) -> BTreeSet<&str> {
    texts
        .iter()
        .flat_map(|text| words(text))
        .filter(|word| [Tenant::A, Tenant::B].iter().any(|tenant| tenant.is_in(word)))
        .collect()
}

fn has_tenant(probe: &Probe) -> bool {
    probe.strangers.len() == 1
}

impl Shown {
    pub(super) fn new(finding: &Finding, probe: &Probe, seen: &Seen) -> Self {
        Self {
            fingerprint: finding.fingerprint.clone(),
            object: finding.object.clone(),
            severity: finding.severity,
            mode: finding.mode.clone(),
            verb: probe.verb,
            state: probe.state.clone(),
            has_tenant: has_tenant(probe),
            texts: texts(seen),
        }
    }

    /// Whether this is about reading, and not only about what exists.
    pub(super) fn is_read(&self) -> bool {
        self.severity == Severity::Leak && family(self.verb) == "SELECT"
    }

    /// Whether it was seen in this state of the context.
    pub(super) fn is_of_state(&self, state: &str) -> bool {
        self.state == state
    }

    /// Whether somebody else's rows were changed.
    pub(super) fn is_write(&self) -> bool {
        self.severity == Severity::Write
    }

    /// Whether what a probe saw is nothing new: another word for the same write; no more than what every request sees
    /// anyway; no more of the same mode; or, without a tenant, the very same rows.
    pub(super) fn covers(&self, probe: &Probe, mode: &str, seen: &Seen) -> bool {
        if self.object != probe.object || family(self.verb) != family(probe.verb) {
            return false;
        }
        let seen_now = texts(seen);
        let is_less = match self.verb == probe.verb {
            true => seen_now.is_subset(&self.texts),
            false => marked(&seen_now).is_subset(&marked(&self.texts)),
        };
        let without_tenant = !self.has_tenant && !has_tenant(probe);
        let is_write = family(probe.verb) != "SELECT";
        (is_write && self.state == probe.state)
            || (is_less && (self.state == OWN || self.mode == mode))
            || (without_tenant && seen_now == self.texts)
    }

    /// The same for what a sequence of the search has reached. It says that rows have changed, and not which.
    pub(super) fn covers_violation(&self, violation: &Violation) -> bool {
        let same = self.object == violation.object && family(self.verb) == family(violation.verb);
        same && (self.state == OWN
            || self.is_write()
            || self.texts.iter().any(|text| violation.evidence.contains(text.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunt::finding::Status;
    use crate::hunt::probe::Oracle;

    fn probe(state: &str, mode: &'static str, strangers: &'static [Tenant]) -> Probe {
        Probe {
            object: "notes".to_owned(),
            verb: "SELECT",
            state: state.to_owned(),
            mode,
            severity: Severity::Leak,
            title: "another tenant's row can be read",
            fresh: false,
            prepare: vec![],
            before: vec![],
            enter: vec![],
            attack: vec![],
            refusals: &[],
            oracle: Oracle::Shown { looks: vec![], foreign: String::new() },
            strangers,
        }
    }

    fn seen(rows: &[&str]) -> Seen {
        Seen { rows: rows.iter().map(|row| ((*row).to_owned(), true)).collect(), ..Seen::default() }
    }

    fn shown(probe: &Probe, rows: &[&str]) -> Shown {
        let finding = Finding::new(probe.mode, Severity::Leak, Status::Confirmed, &probe.object, probe.title);
        Shown::new(&finding, probe, &seen(rows))
    }

    /// What an ordinary request sees covers every state that shows no more; what somebody without a tenant sees covers
    /// neither the rows that another's connection leaves nor those that a role shows.
    #[test]
    fn a_leak_covers_what_shows_no_more() {
        let [both, other]: [&'static [Tenant]; 2] = [&[Tenant::A, Tenant::B], &[Tenant::B]];
        let own = shown(&probe(OWN, "F15", other), &["a1", "b-public"]);
        let (never, recycled) = (probe("never set", "F18", both), probe("recycled", "F55", both));
        assert!(own.covers(&never, "F18", &seen(&["b-public"])) && own.covers(&recycled, "F55", &seen(&["a1"])));
        assert!(!own.covers(&recycled, "F55", &seen(&["b-public", "b-private"])));

        let anonymous = shown(&never, &["a1", "b1"]);
        assert!(anonymous.covers(&recycled, "F57", &seen(&["a1", "b1"])), "an unset context, whatever it is called");
        assert!(anonymous.covers(&probe("empty", "F18", both), "F18", &seen(&["b1"])));
        assert!(!anonymous.covers(&recycled, "F55", &seen(&["b1"])), "the context of the tenant before");
        assert!(!anonymous.covers(&probe("SET ROLE x", "F06", other), "F06", &seen(&["a1", "b1"])));
        let mut copied = probe(OWN, "F15", other);
        copied.verb = "COPY TO";
        let known = shown(&probe(OWN, "F15", other), &["(canary-b-1-,x)"]);
        assert!(known.covers(&copied, "F15", &seen(&["canary-b-1-\tx"])));
        let mut joined = probe(OWN, "F27", other);
        joined.verb = "INSERT, then SELECT";
        assert!(!known.covers(&joined, "F27", &seen(&["(canary-b-7-)"])), "rows of another table");
        let mut updated = probe(OWN, "F36", other);
        updated.verb = "UPDATE";
        assert!(!own.covers(&updated, "F36", &seen(&["b-public"])));
    }
}
