//! A hunt for CI systems: JUnit (one case per object and verb) and SARIF (one result per finding).

use std::collections::{BTreeMap, BTreeSet};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::model::{Cell, HuntReport, Outcome};
use crate::hunt::finding::{Finding, Severity, Status};

/// JUnit XML. A pair of object and verb fails if one of its cells leaks, is skipped if none proves anything, and passes
/// otherwise. What decides nothing about the hunt fails nothing here: covert channels are skipped with what they tell,
/// and so are static findings that nobody has accepted, in a suite of their own.
pub fn junit(report: &HuntReport) -> String {
    let mut pairs: BTreeMap<(&str, &str), Vec<&Cell>> = BTreeMap::new();
    for cell in &report.coverage.cells {
        pairs.entry((&cell.object, &cell.verb)).or_default().push(cell);
    }
    let mut probes = TestSuite::new("probes");
    for ((object, verb), cells) in pairs {
        let finding = |cell: &Cell| report.finding_of(cell);
        let accepted = |cell: &Cell| finding(cell).is_some_and(|finding| finding.accepted.is_some());
        let covert = |cell: &Cell| finding(cell).is_some_and(|finding| finding.severity == Severity::Covert);
        let states = |is_covert: bool| -> Vec<&str> {
            let leaking = cells.iter().filter(|cell| cell.outcome == Outcome::Leaking && !accepted(cell));
            leaking.filter(|cell| covert(cell) == is_covert).map(|cell| cell.context_state.as_str()).collect()
        };
        let (leaking, telling) = (states(false), states(true));
        let status = if !leaking.is_empty() {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("leak").set_message(format!("leaks: {}", leaking.join(", ")));
            status
        } else if !telling.is_empty() {
            let mut status = TestCaseStatus::skipped();
            status.set_type("covert").set_message(format!("a covert channel: {}", telling.join(", ")));
            status
        } else if cells.iter().all(|cell| cell.outcome == Outcome::NotTested) {
            let mut status = TestCaseStatus::skipped();
            status.set_message(cells[0].reason.clone().unwrap_or_default());
            status
        } else {
            TestCaseStatus::success()
        };
        let mut case = TestCase::new(format!("{verb} {object}"), status);
        case.set_classname(verb);
        probes.add_test_case(case);
    }
    let mut catalogue = TestSuite::new("catalogue");
    let open = |finding: &&Finding| finding.status == Status::Static && finding.accepted.is_none();
    for finding in report.findings.iter().filter(open) {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("{}: {}", finding.title, finding.evidence));
        let mut case = TestCase::new(format!("{} {}", finding.mode, finding.object), status);
        case.set_classname(finding.severity.name());
        catalogue.add_test_case(case);
    }
    let mut junit = Report::new("tenant-chaos hunt");
    junit.add_test_suites([probes, catalogue]);
    junit.to_string().expect("the writer is a buffer in memory and XmlString holds XML characters only")
}

/// SARIF 2.1.0. A confirmed finding points at its reproducer, which is a file; a static one names its object.
pub fn sarif(report: &HuntReport) -> String {
    // One mode has several titles, by what it was found in.
    let mut titles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for finding in &report.findings {
        titles.entry(&finding.mode).or_default().insert(&finding.title);
    }
    let rule = |(mode, titles): (&&str, &BTreeSet<&str>)| {
        let text = titles.iter().copied().collect::<Vec<_>>().join("; ");
        json!({ "id": mode, "shortDescription": { "text": text } })
    };
    let rules: Vec<Value> = titles.iter().map(rule).collect();
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "tenant-chaos", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).expect("a JSON value is JSON");
    text.push('\n');
    text
}

fn result(finding: &Finding) -> Value {
    let level = match finding.severity {
        Severity::Leak | Severity::Write => "error",
        Severity::Covert | Severity::Availability => "warning",
        Severity::Drift => "note",
    };
    let mut location = json!({
        "logicalLocations": [{ "fullyQualifiedName": finding.object, "kind": "resource" }],
    });
    if let Some(reproducer) = &finding.reproducer {
        location["physicalLocation"] = json!({ "artifactLocation": { "uri": reproducer } });
    }
    let text = format!("{}: {}. Seen: {}. Fix: {}", finding.object, finding.title, finding.evidence, finding.fix);
    let mut result = json!({
        "ruleId": finding.mode,
        "level": level,
        "message": { "text": text },
        "locations": [location],
        "partialFingerprints": { "tenantChaos/v1": finding.fingerprint },
    });
    if let Some(reason) = &finding.accepted {
        result["suppressions"] = json!([{ "kind": "external", "justification": reason }]);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::sample::{found, hunted};
    use super::*;

    /// The file fails where the hunt does: a leak that a probe has confirmed, and nothing else.
    #[test]
    fn junit_fails_where_the_hunt_does() {
        let (leaking, closed) = (Outcome::Leaking, Outcome::Isolated);
        let covert = found("F50", Severity::Covert, "notes", "a key tells", Some("INSERT of another tenant's key"));
        let of_key = ("notes", "INSERT of another tenant's key", "own tenant", leaking);
        let of_rows = ("notes", "SELECT", "own tenant", closed);
        let said = found("F15", Severity::Leak, "notes", "a policy", None);
        let xml = junit(&hunted(&[of_rows, of_key], vec![covert.clone(), said]));
        assert!(xml.contains(r#"tests="3" skipped="2" failures="0" errors="0""#), "{xml}");
        assert!(xml.contains("a covert channel: own tenant"), "{xml}");

        let leak = found("F55", Severity::Leak, "notes", "rows", Some("SELECT"));
        let xml = junit(&hunted(&[("notes", "SELECT", "own tenant", leaking), of_key], vec![leak, covert]));
        assert!(xml.contains(r#"tests="2" skipped="1" failures="1" errors="0""#), "{xml}");
    }

    /// A mode that was found in two ways says both, whichever comes last.
    #[test]
    fn a_rule_says_every_title() {
        let one = found("F62", Severity::Drift, "f()", "a temporary table", None);
        let other = found("F62", Severity::Leak, "g()", "another tenant's temporary table", None);
        let text = sarif(&hunted(&[], vec![one, other]));
        assert!(text.contains(r#""text": "a temporary table; another tenant's temporary table""#), "{text}");
    }
}
