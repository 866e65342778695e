//! Scenario reports become one run's report: totals, the worst verdict, and the first thing to look at.

use std::cmp::Reverse;

use crate::business_metrics::MicroDollars;
use crate::oracle::{Code, Finding, Severity, Verdict};
use crate::pricing::Losses;

use super::context_matrix::context_matrix;
use super::model::{REPORT_SCHEMA_VERSION, RunReport, ScenarioReport, Totals, Trouble};
use super::words;
use crate::wording::{count, plural};

/// Puts the scenarios of a run together, in the order of their paths.
///
/// The verdict is the worst of the scenarios; a run in which nothing was judged is inconclusive, never a pass.
pub fn assemble(scenarios: Vec<ScenarioReport>, troubles: Vec<Trouble>) -> RunReport {
    assemble_all(scenarios, Unjudged { troubles, ..Unjudged::default() })
}

/// Scenarios without a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unjudged {
    /// Those that the harness could not run.
    pub troubles: Vec<Trouble>,
    /// Those that an interruption left out.
    pub not_run: Vec<String>,
    /// Those that another provider can run.
    pub elsewhere: Vec<Trouble>,
}

/// Like [`assemble`], with whatever was not judged. What an interruption left out leaves the whole inconclusive at best.
pub fn assemble_all(mut scenarios: Vec<ScenarioReport>, unjudged: Unjudged) -> RunReport {
    let Unjudged { troubles, not_run, mut elsewhere } = unjudged;
    elsewhere.sort_by(|a, b| a.scenario.cmp(&b.scenario));
    scenarios.sort_by(|a, b| (&a.header.path, &a.header.scenario).cmp(&(&b.header.path, &b.header.scenario)));
    RunReport {
        schema_version: REPORT_SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: scenarios.iter().map(|s| s.header.started_at.clone()).min().unwrap_or_default(),
        verdict: verdict(&scenarios, &not_run),
        context_matrix: context_matrix(&scenarios),
        totals: totals(&scenarios),
        first_look: first_look(&scenarios, &troubles, &not_run, &elsewhere),
        scenarios,
        troubles,
        not_run,
        elsewhere,
        year: None,
    }
}

fn verdict(scenarios: &[ScenarioReport], not_run: &[String]) -> Verdict {
    let judged = scenarios.iter().map(|scenario| scenario.verdict).max();
    match (judged, not_run.is_empty()) {
        (Some(judged), true) => judged,
        (judged, _) => judged.unwrap_or(Verdict::Inconclusive).max(Verdict::Inconclusive),
    }
}

fn totals(scenarios: &[ScenarioReport]) -> Totals {
    let having = |verdict| scenarios.iter().filter(|s| s.verdict == verdict).count() as u64;
    Totals {
        passed: having(Verdict::Pass),
        failed: having(Verdict::Fail),
        inconclusive: having(Verdict::Inconclusive),
        planted_caught: planted_caught(scenarios),
        worst: scenarios.iter().map(unplanted_losses).max_by_key(|l| words::larger(*l).0).unwrap_or_default(),
        rows_checked: scenarios.iter().map(|s| s.judgement.leak_bound.rows).sum(),
        leaked_rows: scenarios.iter().map(|s| s.judgement.leak_bound.leaks).sum(),
    }
}

fn planted_caught(scenarios: &[ScenarioReport]) -> u64 {
    scenarios.iter().map(|s| words::planted(s).count() as u64).sum()
}

/// What a scenario's unplanted findings cost at scale. The run's own sum where nothing is planted, because pricing may
/// have settled there what two findings share; the sum of the unplanted ones otherwise.
fn unplanted_losses(scenario: &ScenarioReport) -> Losses {
    if words::planted(scenario).next().is_none() {
        return scenario.price.at_scale;
    }
    let planted = |code| words::planted(scenario).any(|finding| finding.code == code);
    // What fails or is slow beside a planted bug is its doing, as in a year of losses.
    let is_service = |code: Code| matches!(code.severity(), Severity::Availability | Severity::Performance);
    let is_there = |code: Code| !planted(code) && !is_service(code);
    let rest = scenario.price.findings.iter().filter(|priced| is_there(priced.code));
    rest.fold(Losses::default(), |sum, priced| Losses {
        customer: sum.customer + priced.at_scale.customer,
        vendor: sum.vendor + priced.at_scale.vendor,
    })
}

/// The one sentence that comes first: what failed, else what could not run, else what could not be decided, else what
/// went wrong within the expectations, else that all holds.
fn first_look(scenarios: &[ScenarioReport], troubles: &[Trouble], not_run: &[String], elsewhere: &[Trouble]) -> String {
    let having = |verdict| scenarios.iter().filter(move |s| s.verdict == verdict);
    worst(having(Verdict::Fail))
        .map(|(scenario, finding)| about(scenario, finding, "fails"))
        .or_else(|| having(Verdict::Fail).next().map(|scenario| undecided(scenario, "fails", Verdict::Fail, scenarios)))
        .or_else(|| trouble(troubles))
        .or_else(|| {
            let first = having(Verdict::Inconclusive).next()?;
            Some(undecided(first, "is inconclusive", Verdict::Inconclusive, scenarios))
        })
        .or_else(|| interrupted(not_run))
        .or_else(|| worst(scenarios.iter()).map(|(scenario, finding)| about(scenario, finding, "passes, but")))
        .or_else(|| nothing_here(scenarios, elsewhere))
        .unwrap_or_else(|| all_hold(scenarios))
}

/// The worst unplanted finding: by severity, then price at scale, then count.
fn worst<'a>(scenarios: impl Iterator<Item = &'a ScenarioReport>) -> Option<(&'a ScenarioReport, &'a Finding)> {
    scenarios
        .flat_map(|scenario| words::unplanted(scenario).map(move |finding| (scenario, finding)))
        .min_by_key(|(scenario, f)| (f.severity, Reverse(words::larger(price_of(scenario, f)).0), Reverse(f.count)))
}

fn price_of(scenario: &ScenarioReport, finding: &Finding) -> Losses {
    scenario.price.findings.iter().find(|p| p.code == finding.code).map(|p| p.at_scale).unwrap_or_default()
}

fn about(scenario: &ScenarioReport, finding: &Finding, how: &str) -> String {
    let code = finding.code;
    let mut parts = vec![format!("{} ({code} ×{})", code.title(), count(finding.count)), words::hurt(finding)];
    parts.push(match words::larger(price_of(scenario, finding)) {
        (MicroDollars::ZERO, _) => "no price at scale".to_owned(),
        (amount, whose) => format!("{amount} at scale ({whose})"),
    });
    parts.retain(|part| !part.is_empty());
    format!("`{}` {how}: {}: {}.", scenario.header.scenario, parts.join("; "), words::advice(code))
}

/// A scenario without a finding to point at: its first reason, and how many others stand beside it.
fn undecided(scenario: &ScenarioReport, how: &str, verdict: Verdict, scenarios: &[ScenarioReport]) -> String {
    let reason = scenario.reasons.first().map_or("no reason was recorded; see its checks", String::as_str);
    let others = scenarios.iter().filter(|s| s.verdict == verdict).count() as u64 - 1;
    let rest = match others {
        0 => String::new(),
        n => format!(" ({} more: {})", count(n), words::verdict(verdict)),
    };
    format!("`{}` {how}: {}{rest}.", scenario.header.scenario, reason.trim_end_matches('.'))
}

fn trouble(troubles: &[Trouble]) -> Option<String> {
    let first = troubles.first()?;
    let rest = match troubles.len() as u64 - 1 {
        0 => String::new(),
        n => format!(" ({} more could not run)", count(n)),
    };
    Some(format!("`{}` could not run: {}{rest}.", first.scenario, first.message.trim_end_matches('.')))
}

fn interrupted(not_run: &[String]) -> Option<String> {
    let first = not_run.first()?;
    let rest = match not_run.len() as u64 - 1 {
        0 => String::new(),
        n => format!(" and {} more", count(n)),
    };
    Some(format!("The run was interrupted before `{first}`{rest} began."))
}

/// Nothing was judged, because all of it is for another provider.
fn nothing_here(scenarios: &[ScenarioReport], elsewhere: &[Trouble]) -> Option<String> {
    let first = elsewhere.first().filter(|_| scenarios.is_empty())?;
    Some(format!("Nothing was tested: `{}` did not run: {}.", first.scenario, first.message))
}

fn all_hold(scenarios: &[ScenarioReport]) -> String {
    if scenarios.is_empty() {
        return "No scenario ran, so nothing was tested.".to_owned();
    }
    let hold = match scenarios.len() as u64 {
        1 => "The one scenario holds".to_owned(),
        n => format!("All {} scenarios hold", count(n)),
    };
    let dearest = scenarios
        .iter()
        .flat_map(|scenario| words::planted(scenario).map(move |finding| (scenario, finding)))
        .max_by_key(|(scenario, finding)| words::larger(price_of(scenario, finding)).0);
    let Some((scenario, finding)) = dearest else {
        return format!("{hold}; no bug was planted.");
    };
    let caught = planted_caught(scenarios);
    let were = if caught == 1 { "was" } else { "were" };
    let (amount, whose) = words::larger(price_of(scenario, finding));
    format!(
        "{hold}; {} {were} caught; the largest price among them is {amount} at scale ({whose}): {} ({}) in `{}`.",
        plural(caught, "planted bug"),
        finding.code.title(),
        finding.code,
        scenario.header.scenario
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The worst unplanted finding comes first, with its scenario, who was hurt, its price and what to do, even when
    /// another scenario is inconclusive and a dearer one is planted.
    #[test]
    fn the_worst_unplanted_finding_comes_first() {
        let look = sample::mixed().first_look;
        for part in
            ["`tenant-view-without-invoker` fails", "TC-L01", "9 tenants", "at scale (vendor)", "look in the evidence"]
        {
            assert!(look.contains(part), "{part} is missing in: {look}");
        }
    }

    /// A failed scenario without a finding, a scenario that could not run and an inconclusive one are each named with
    /// their reason when nothing worse happened, in this order.
    #[test]
    fn what_could_not_be_decided_is_named_with_its_reason() {
        let quiet = |verdict, reason: &str| {
            let mut scenario = sample::control();
            (scenario.verdict, scenario.reasons) = (verdict, vec![reason.to_owned()]);
            scenario
        };
        let trouble = Trouble { scenario: "x".into(), message: "no server".into() };
        let (fail, open) = (quiet(Verdict::Fail, "p99 was 80 ms"), quiet(Verdict::Inconclusive, "touched nothing"));
        let look = |scenarios, troubles| assemble(scenarios, troubles).first_look;
        assert!(look(vec![open.clone(), fail], vec![trouble.clone()]).contains("fails: p99 was 80 ms."));
        assert_eq!(look(vec![open.clone()], vec![trouble]), "`x` could not run: no server.");
        assert!(look(vec![open.clone(), open], vec![]).contains("touched nothing (1 more: inconclusive)."));
    }

    /// When everything holds the sentence says how many planted bugs were caught and what the dearest costs.
    #[test]
    fn all_scenarios_hold() {
        let report = assemble(vec![sample::planted(), sample::control()], vec![]);
        assert_eq!(report.verdict, Verdict::Pass);
        assert!(report.first_look.starts_with("All 2 scenarios hold; 2 planted bugs were caught; "), "{report:?}");
        assert!(report.first_look.contains("TC-L01"), "{}", report.first_look);
    }

    /// What is for another provider is named and changes no verdict; a run of nothing else tested nothing.
    #[test]
    fn what_is_for_another_provider_changes_no_verdict() {
        let unjudged = || {
            let network = Trouble { scenario: "network-cut".into(), message: "local has no container".into() };
            Unjudged { elsewhere: vec![network], ..Unjudged::default() }
        };
        let report = assemble_all(vec![sample::control()], unjudged());
        assert_eq!((report.verdict, report.elsewhere.len()), (Verdict::Pass, 1));
        let nothing = assemble_all(vec![], unjudged());
        assert_eq!(nothing.verdict, Verdict::Inconclusive);
        let look = "Nothing was tested: `network-cut` did not run: local has no container.";
        assert_eq!(nothing.first_look, look);
    }

    /// A run that was interrupted is no pass, however well it went until then, and says what it did not get to.
    #[test]
    fn an_interrupted_run_is_inconclusive() {
        let report = assemble_all(
            vec![sample::control()],
            Unjudged { not_run: vec!["later".into(), "last".into()], ..Unjudged::default() },
        );
        assert_eq!(report.verdict, Verdict::Inconclusive);
        assert_eq!(report.first_look, "The run was interrupted before `later` and 1 more began.");
        assert!(words::tally(&report).ends_with("2 not run"), "{}", words::tally(&report));
    }

    /// Nothing judged is no pass.
    #[test]
    fn an_empty_run_is_inconclusive() {
        let report = assemble(vec![], vec![]);
        assert_eq!(report.verdict, Verdict::Inconclusive);
        assert!(report.first_look.contains("nothing was tested"));
    }

    /// What fails beside a planted bug is no loss of its own, and a leak beside it is.
    #[test]
    fn side_effects_of_a_planted_bug_are_not_in_the_totals() {
        let mut scenario = sample::flooded();
        let mut down = scenario.judgement.findings[0].clone();
        (down.code, down.severity, down.planted) = (Code::Unavailable, Severity::Availability, false);
        let mut priced = scenario.price.findings[0].clone();
        priced.code = Code::Unavailable;
        scenario.judgement.findings.push(down.clone());
        scenario.price.findings.push(priced.clone());
        assert_eq!(assemble(vec![scenario.clone()], vec![]).totals.worst, Losses::default());
        (down.code, down.severity, priced.code) = (Code::ForeignRow, Severity::Leak, Code::ForeignRow);
        scenario.judgement.findings.push(down);
        scenario.price.findings.push(priced.clone());
        assert_eq!(assemble(vec![scenario], vec![]).totals.worst, priced.at_scale);
    }

    /// Planted findings are counted as caught and kept out of the money.
    #[test]
    fn planted_findings_cost_nothing_in_the_totals() {
        let report = assemble(vec![sample::planted()], vec![]);
        assert_eq!((report.totals.worst, report.totals.planted_caught), (Losses::default(), 2));
        assert!(report.scenarios[0].price.at_scale.vendor > MicroDollars::ZERO);
    }
}
