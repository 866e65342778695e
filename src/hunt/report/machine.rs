//! A hunt for CI systems: JUnit (one case per object and verb) and SARIF (one result per finding).

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::model::{Cell, HuntReport, Outcome};
use crate::hunt::finding::{Finding, Severity, Status};

/// JUnit XML. A pair of object and verb fails if one of its cells leaks, is skipped if none proves anything, and passes
/// otherwise. Static findings that nobody has accepted are failures of a suite of their own, if they are open.
pub fn junit(report: &HuntReport) -> String {
    let mut pairs: BTreeMap<(&str, &str), Vec<&Cell>> = BTreeMap::new();
    for cell in &report.coverage.cells {
        pairs.entry((&cell.object, &cell.verb)).or_default().push(cell);
    }
    let mut probes = TestSuite::new("probes");
    for ((object, verb), cells) in pairs {
        let accepted = |cell: &Cell| report.finding_of(cell).is_some_and(|finding| finding.accepted.is_some());
        let leaking: Vec<&str> = cells
            .iter()
            .filter(|cell| cell.outcome == Outcome::Leaking && !accepted(cell))
            .map(|cell| cell.context_state.as_str())
            .collect();
        let status = if !leaking.is_empty() {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("leak").set_message(format!("leaks: {}", leaking.join(", ")));
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
        let mut status = match finding.severity {
            Severity::Leak | Severity::Write => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Severity::Covert | Severity::Availability | Severity::Drift => TestCaseStatus::skipped(),
        };
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
    let rules: BTreeMap<&str, &str> =
        report.findings.iter().map(|finding| (finding.mode.as_str(), finding.title.as_str())).collect();
    let rules: Vec<Value> =
        rules.iter().map(|(id, title)| json!({ "id": id, "shortDescription": { "text": title } })).collect();
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
