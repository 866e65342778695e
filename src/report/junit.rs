//! `junit.xml`, for CI systems: one test case per scenario, grouped by family.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::oracle::Verdict;

use super::model::{RunReport, ScenarioReport, Trouble};
use super::text::{line, visible};
use super::words;
use crate::wording::moment;

/// JUnit XML. A failed scenario is a failure of type `fail`, one that could not be decided a failure of type
/// `inconclusive`, one that could not run, or passed and was not undone, an error of type `harness`.
pub fn junit(report: &RunReport) -> String {
    let mut families: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for scenario in &report.scenarios {
        let family = scenario.header.family.as_str();
        let suite = families.entry(family).or_insert_with(|| suite(family));
        suite.add_test_case(case(scenario));
    }
    let mut junit = Report::new("tenant-chaos");
    junit.set_time(total(report.scenarios.iter()));
    for (family, mut suite) in families {
        suite.set_time(total(report.scenarios.iter().filter(|s| s.header.family == family)));
        junit.add_test_suite(suite);
    }
    if !report.troubles.is_empty() {
        let mut suite = suite("harness");
        suite.add_test_cases(report.troubles.iter().map(trouble));
        junit.add_test_suite(suite);
    }
    if !report.not_run.is_empty() {
        let mut suite = suite("interrupted");
        suite.add_test_cases(report.not_run.iter().map(|name| TestCase::new(line(name), TestCaseStatus::skipped())));
        junit.add_test_suite(suite);
    }
    if !report.elsewhere.is_empty() {
        let mut suite = suite("for another provider");
        suite.add_test_cases(report.elsewhere.iter().map(|each| {
            let mut status = TestCaseStatus::skipped();
            status.set_message(line(&each.message));
            TestCase::new(line(&each.scenario), status)
        }));
        junit.add_test_suite(suite);
    }
    junit.to_string().expect("the writer is a buffer in memory and XmlString holds XML characters only")
}

fn suite(name: &str) -> TestSuite {
    TestSuite::new(line(name))
}

fn total<'a>(scenarios: impl Iterator<Item = &'a ScenarioReport>) -> Duration {
    scenarios.map(|scenario| Duration::from_micros(scenario.took_us)).sum()
}

fn case(scenario: &ScenarioReport) -> TestCase {
    let header = &scenario.header;
    let mut case = TestCase::new(line(&header.scenario), status(scenario));
    case.set_classname(line(&header.family)).set_time(Duration::from_micros(scenario.took_us));
    case.add_properties([
        property("seed", &header.seed.to_string()),
        property("schedule_hash", &header.schedule_hash),
        property("server_version", &header.server_version),
        property("price_at_scale", &words::price(scenario.price.at_scale)),
        property("reproduce", &words::reproduce(scenario)),
    ]);
    case.set_system_out(visible(&details(scenario)).into_owned());
    let not_undone: Vec<_> =
        scenario.undo.iter().filter_map(|u| Some(format!("not undone: {}: {}", u.what, u.problem.as_ref()?))).collect();
    if !not_undone.is_empty() {
        case.set_system_err(visible(&not_undone.join("\n")).into_owned());
    }
    case
}

fn status(scenario: &ScenarioReport) -> TestCaseStatus {
    if scenario.verdict == Verdict::Pass {
        // What it left behind may change what comes after it, so the run has failed, though the scenario has not.
        return if scenario.clean { TestCaseStatus::success() } else { unclean() };
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let first = scenario.reasons.first().map_or_else(|| words::scenario_verdict(scenario), Clone::clone);
    status.set_type(words::verdict(scenario.verdict)).set_message(line(&first));
    let mut lines = scenario.reasons.clone();
    lines.extend(words::unplanted(scenario).map(|f| format!("{} {}: {}", f.code, f.code.title(), f.summary)));
    status.set_description(visible(&lines.join("\n")).into_owned());
    status
}

fn unclean() -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("harness").set_message("passed, and not everything was undone: run `tenant-chaos clean`");
    status
}

/// What a person wants to know who sees only this test case.
fn details(scenario: &ScenarioReport) -> String {
    let mut lines = vec![
        format!("verdict: {}", words::scenario_verdict(scenario)),
        format!("touched: {}", words::touched(scenario).join("; ")),
        format!("foreign rows: {}", words::leak_bound(&scenario.judgement.leak_bound)),
        format!("price at scale: {}", words::price(scenario.price.at_scale)),
    ];
    for finding in &scenario.judgement.findings {
        let (code, title, origin) = (finding.code, finding.code.title(), words::origin(finding));
        lines.push(format!(
            "{code} {title} ({origin}): {} First seen at {}.",
            stop(&finding.summary),
            moment(finding.first_at_us)
        ));
    }
    let checks = scenario.judgement.checks.iter().chain(&scenario.price.checks);
    lines
        .extend(checks.map(|c| format!("{}: {}: {} ({})", words::verdict(c.verdict), c.list, c.condition, c.observed)));
    lines.join("\n")
}

/// The sentence with a full stop.
fn stop(sentence: &str) -> String {
    format!("{}.", sentence.trim_end_matches('.'))
}

fn trouble(trouble: &Trouble) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("harness").set_message(line(&trouble.message));
    status.set_description(visible(&trouble.message).into_owned());
    let mut case = TestCase::new(line(&trouble.scenario), status);
    case.set_classname("harness");
    case
}

fn property(name: &str, value: &str) -> Property {
    Property::new(name, line(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The file as CI systems read it.
    #[test]
    fn junit_snapshot() {
        insta::assert_snapshot!(junit(&sample::mixed()));
    }

    /// Each verdict is counted as what it is: a pass, a failure (inconclusive too), an error for trouble.
    #[test]
    fn verdicts_are_counted() {
        let xml = junit(&sample::mixed());
        assert!(
            xml.contains(r#"<testsuites name="tenant-chaos" tests="6" skipped="0" failures="2" errors="1""#),
            "{xml}"
        );
        assert_eq!(xml.matches(r#"type="inconclusive""#).count(), 1);
    }

    /// A scenario that passes and leaves something behind is no success: the run ends as harness trouble.
    #[test]
    fn what_is_not_undone_is_trouble() {
        let mut report = sample::passing();
        assert!(junit(&report).contains(r#"failures="0" errors="0""#));
        report.scenarios[0].clean = false;
        let xml = junit(&report);
        assert!(xml.contains(r#"failures="0" errors="1""#) && xml.contains("not everything was undone"), "{xml}");
    }

    /// Hostile text stays text: a reader of the XML gets the same number of cases, and no control character.
    #[test]
    fn hostile_text_stays_text() {
        let xml = junit(&sample::hostile());
        for bad in ["<script", "]]>", "<!--", "\u{1b}", "\u{0}", "\u{202e}", "\u{200b}"] {
            assert!(!xml.contains(bad), "{bad:?} got through");
        }
        assert!(xml.contains("&lt;script&gt;"));
        assert_eq!(xml.matches("<testcase ").count(), 5);
        assert_eq!(Report::deserialize_from_str(&xml).unwrap().test_suites.len(), 4);
    }
}
