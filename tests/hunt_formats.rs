//! Proves that what the hunt writes for other programs is what they read: SARIF and hunt.json are held against their
//! schemas, JUnit is read back and its counts are those of its cases. And the twin: a log that is no SARIF is refused.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod hunting;

use hunting::{REFERENCE, server, with};
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::Value;
use tenant_chaos::hunt::{Baseline, Config, HuntReport, Options, Status, hunt_with, json, json_schema, junit, sarif};

const SARIF: &str = include_str!("schemas/sarif-2.1.0.json");

/// A leak that is confirmed, one that is accepted, one that only a rule knows, and a name that no format likes.
const PLANT: &str = "
CREATE POLICY open ON projects FOR SELECT USING (true);
CREATE POLICY open ON orders FOR SELECT USING (note <> '');
CREATE TABLE \"<odd & 'name'>\" (tenant_id uuid REFERENCES tenants, body text);
GRANT SELECT ON \"<odd & 'name'>\" TO chaos_app;
CREATE PUBLICATION everything FOR ALL TABLES;";

async fn report() -> HuntReport {
    let server = server().await;
    let (_folder, target) = with(REFERENCE, PLANT);
    let options = Options { sequences: 0, ..Options::default() };
    let report = hunt_with(&target, &server, Some("chaos_app"), &Config::default(), &options).await;
    server.stop().await.unwrap();
    let mut report = report.unwrap();
    // As the command does when it writes the files.
    for finding in report.findings.iter_mut().filter(|finding| !finding.reproducer_sql.is_empty()) {
        finding.reproducer = Some(format!("{}-{}.sql", finding.mode, finding.fingerprint));
    }
    let accepted = report.findings.iter().find(|f| f.status == Status::Confirmed && f.object == "orders").unwrap();
    let entry = format!("[[accepted]]\nfingerprint = '{}'\nreason = 'orders are public'\n", accepted.fingerprint);
    assert!(Baseline::parse(&entry).unwrap().apply(&mut report).is_empty());
    report
}

fn errors(schema: &str, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    validator.iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_well_formed() {
    let report = report().await;
    let (confirmed, accepted) = (
        report.findings.iter().filter(|finding| finding.status == Status::Confirmed).count(),
        report.findings.iter().filter(|finding| finding.accepted.is_some()).count(),
    );
    assert!(confirmed > 2 && accepted == 1 && report.findings.len() > confirmed, "{:#?}", report.findings);

    let log: Value = serde_json::from_str(&sarif(&report)).unwrap();
    assert_eq!(errors(SARIF, &log), Vec::<String>::new());
    let (run, results) = (&log["runs"][0], log["runs"][0]["results"].as_array().unwrap());
    assert_eq!(results.len(), report.findings.len());
    // Each result's rule is among the driver's, and no rule is there twice.
    let rules: Vec<&str> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert!(results.iter().all(|result| rules.contains(&result["ruleId"].as_str().unwrap())));
    assert_eq!(rules.iter().collect::<std::collections::BTreeSet<_>>().len(), rules.len());
    assert_eq!(results.iter().filter(|result| result["suppressions"].is_array()).count(), accepted);

    let mut wrong = log.clone();
    wrong["runs"][0]["results"][0]["level"] = "fatal".into();
    wrong["runs"][0]["results"][1].as_object_mut().unwrap().remove("message");
    wrong["runs"][0]["results"][2]["found"] = true.into();
    assert_eq!(errors(SARIF, &wrong).len(), 3, "{:#?}", errors(SARIF, &wrong));

    let document: Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(errors(&json_schema(), &document), Vec::<String>::new());

    let read = Report::deserialize_from_str(&junit(&report)).unwrap();
    for suite in &read.test_suites {
        let failed = |case: &&quick_junit::TestCase| {
            matches!(&case.status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. })
        };
        let skipped = |case: &&quick_junit::TestCase| matches!(&case.status, TestCaseStatus::Skipped { .. });
        let cases = &suite.test_cases;
        assert_eq!((suite.tests, suite.failures), (cases.len(), cases.iter().filter(failed).count()));
        assert_eq!(suite.skipped, cases.iter().filter(skipped).count());
    }
    let names: Vec<&str> =
        read.test_suites.iter().flat_map(|suite| &suite.test_cases).map(|case| case.name.as_str()).collect();
    assert!(names.iter().any(|name| name.contains("<odd & 'name'>")), "{names:?}");
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "{names:?}");
}
