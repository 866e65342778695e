//! What those on call want to know of each finding: who is hit and how wide, how long, what of the month's budget is gone,
//! what is due to customers.

use super::model::{RunReport, ScenarioReport};
use super::words;
use crate::oracle::Finding;
use crate::pricing::PricedFinding;
use crate::wording::{count, digits, duration};

/// Headings of [`rows`].
pub(super) const HEADINGS: [&str; 9] = [
    "Fault",
    "Finding",
    "Tenants hurt or exposed",
    "Rows",
    "Seen for",
    "Minutes at scale",
    "Month's budget used",
    "Credits due",
    "Customers lose a minute",
];

/// A row for each priced finding of every scenario, worst scenario first.
pub(super) fn rows(report: &RunReport) -> Vec<[String; 9]> {
    words::worst_first(report).into_iter().flat_map(of_scenario).collect()
}

fn of_scenario(scenario: &ScenarioReport) -> impl Iterator<Item = [String; 9]> {
    let findings = scenario.judgement.findings.iter().zip(&scenario.price.findings);
    findings.filter(|(_, priced)| priced.model != "none").map(|(finding, priced)| row(scenario, finding, priced))
}

fn row(scenario: &ScenarioReport, finding: &Finding, priced: &PricedFinding) -> [String; 9] {
    let radius = &finding.blast_radius;
    let faults: Vec<&str> = scenario.judgement.faults.iter().map(|fault| fault.name.as_str()).collect();
    let none = || "-".to_owned();
    let some = |n: u64| if n > 0 { count(n) } else { none() };
    let down = priced.incident.as_ref();
    [
        format!(
            "{} in {}",
            if faults.is_empty() { "none".to_owned() } else { faults.join(", ") },
            scenario.header.scenario
        ),
        priced.code.to_string(),
        some(radius.tenants_hurt.max(radius.tenants_exposed)),
        some(radius.rows),
        if radius.seconds > 0.0 { duration((radius.seconds * 1e6) as u64) } else { none() },
        down.map_or_else(none, |incident| digits(incident.minutes)),
        down.map_or_else(none, |incident| budget(incident.budget_used)),
        down.map_or_else(none, |incident| incident.credits.to_string()),
        down.map_or_else(none, |incident| incident.customers_per_minute.to_string()),
    ]
}

/// A share of the downtime that a month may have without credits.
fn budget(share: f64) -> String {
    if share > 0.0 { format!("{}%", digits(share * 100.0)) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// A flood shows who is hurt, how long, and what a minute costs; a leak shows its tenants and rows, and no minutes.
    #[test]
    fn a_flood_and_a_leak_are_told_apart() {
        let rows = rows(&sample::mixed());
        let of = |code: &str| rows.iter().find(|row| row[1] == code).unwrap();
        let flood = of("TC-N01");
        assert!(flood[0].starts_with("flood.rate, pool.hold in "), "{flood:?}");
        assert_eq!((flood[2].as_str(), flood[4].as_str(), flood[5].as_str()), ("48", "5 s", "45"));
        assert_eq!((flood[6].as_str(), flood[7].as_str(), flood[8].as_str()), ("-", "$0", "$15,912"));
        let leak = of("TC-L01");
        assert!(leak[2] != "-" && leak[3] != "-" && leak[5..] == ["-", "-", "-", "-"], "{leak:?}");
        assert_eq!((budget(0.0), budget(45.0 / 21.6)), ("-".to_owned(), "208%".to_owned()));
    }
}
