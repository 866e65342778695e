//! One scenario's section: what happened first, how it was found out after.

use maud::{Markup, html};

use crate::observe::EndReason;
use crate::oracle::{Finding, Severity, Verdict};
use crate::pricing::{Losses, PricedFinding};
use crate::report::model::ScenarioReport;
use crate::report::words;
use crate::wording::{count, duration, moment, plural};

use super::Column::{Number, Text};
use super::{anchor, badge, chart, evidence, in_code, table, verdict_badge};

/// The section, which the overview links to.
pub(super) fn section(scenario: &ScenarioReport, index: usize) -> Markup {
    let header = &scenario.header;
    let id = anchor(index);
    html! {
        article id=(id) class=(words::verdict(scenario.verdict)) {
            header { h2 { (header.scenario) } (verdict_badge(scenario)) }
            p.meta {
                (header.family) @for tag in scenario.tags.iter().filter(|tag| **tag != header.family) { " · " (tag) }
                " · " (duration(scenario.took_us)) " · " (plural(u64::from(header.tenants), "tenant"))
            }
            @if !scenario.reasons.is_empty() { ul.reasons { @for reason in &scenario.reasons { li { (in_code(reason)) } } } }
            p { (scenario.why) }
            (chart::chart(&scenario.judgement, &id))
            (recovery(scenario))
            (findings(scenario))
            (price(scenario))
            (evidence::faults(scenario))
            (evidence::context(scenario))
            (evidence::isolation(scenario))
            (evidence::checks(scenario))
            (more(scenario))
        }
    }
}

fn recovery(scenario: &ScenarioReport) -> Markup {
    html! {
        @if let Some(us) = scenario.judgement.recovered_after_us {
            p.small.soft { "Recovered " (duration(us)) " after the inject phase ended, for good." }
        }
    }
}

fn findings(scenario: &ScenarioReport) -> Markup {
    let findings = &scenario.judgement.findings;
    html! {
        h3 { "Findings" }
        @if findings.is_empty() { p { "None." } }
        @for finding in findings { (one_finding(finding)) }
    }
}

fn one_finding(finding: &Finding) -> Markup {
    let class = match (finding.planted, finding.severity) {
        (true, _) => "pass",
        (false, Severity::Notice) => "notice",
        (false, Severity::Leak | Severity::Integrity) => "fail",
        (false, Severity::Availability | Severity::Performance) => "inconclusive",
    };
    html! {
        section.finding {
            h4 { (finding.code) " " (finding.code.title()) " ×" (count(finding.count)) (badge(class, words::origin(finding))) }
            p { (in_code(&finding.summary)) }
            @let reached = words::blast_radius(finding);
            p.small.soft {
                @if !reached.is_empty() { "Reached: " (reached) ". " } "First seen at " (moment(finding.first_at_us)) "."
            }
            p.small { (finding.code.explain()) }
            @if !finding.notes.is_empty() { ul.small { @for note in &finding.notes { li { (note) } } } }
            @if !finding.evidence.is_empty() { (evidence::leaks(finding)) }
        }
    }
}

/// Two lines, never added: the customers' and the vendor's; seen in the run, and at the business's scale.
fn price(scenario: &ScenarioReport) -> Markup {
    let price = &scenario.price;
    html! {
        h3 { "Price" }
        @if price.findings.is_empty() {
            p { "No finding, so no price." }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="table: price" {
                table {
                    thead { tr { th { "Loss of" } th.num { "seen in this run" } th.num { "at scale" } } }
                    tbody {
                        (loss("the customers", price.observed, price.at_scale, |losses| losses.customer))
                        (loss("the vendor", price.observed, price.at_scale, |losses| losses.vendor))
                    }
                }
            }
            details { summary { "How the price came about" } (bases(&price.findings)) }
        }
    }
}

type Line = fn(Losses) -> crate::business_metrics::MicroDollars;

fn loss(whose: &str, observed: Losses, at_scale: Losses, line: Line) -> Markup {
    html! { tr { th scope="row" { (whose) } td.num { (line(observed)) } td.num { (line(at_scale)) } } }
}

fn bases(findings: &[PricedFinding]) -> Markup {
    let rows: Vec<_> = findings
        .iter()
        .map(|priced| {
            vec![
                html! { (priced.code) },
                html! { (priced.model) },
                html! { (priced.at_scale.customer) },
                html! { (priced.at_scale.vendor) },
                html! { (priced.basis) },
            ]
        })
        .collect();
    table(
        &[Text("Finding"), Text("Model"), Number("Customers, at scale"), Number("Vendor, at scale"), Text("Basis")],
        &rows,
    )
}

/// What few readers need at first: phases, undo, how to run it again.
fn more(scenario: &ScenarioReport) -> Markup {
    let header = &scenario.header;
    let undone = if scenario.clean { "everything undone" } else { "something was not undone" };
    html! {
        @if !scenario.judgement.phases.is_empty() {
            details { summary { "Phases" } (evidence::phases(scenario)) }
        }
        details open[!scenario.clean] {
            summary { "Undo: " (undone) }
            @if scenario.undo.is_empty() { p.small { "There was nothing to undo." } }
            ul.small {
                @for undo in &scenario.undo {
                    li {
                        (undo.what) ", " (duration(undo.took_us))
                        @if let Some(problem) = &undo.problem { " " (badge("fail", "not undone")) " " (problem) }
                    }
                }
            }
        }
        details open[scenario.verdict != Verdict::Pass] {
            summary { "Run it again" }
            pre { (words::reproduce(scenario)) "\n" (words::rejudge(scenario)) }
            dl.facts {
                dt.soft { "Seed" } dd { (header.seed) }
                dt.soft { "Schedule hash" } dd { code { (header.schedule_hash) } }
                dt.soft { "Server" } dd { "PostgreSQL " (header.server_version) ", " (header.provider) " (" (header.provider_why) ")" }
                dt.soft { "Started" } dd { (header.started_at) ", tenant-chaos " (header.tool_version) ", " (plural(u64::from(header.cpus), "processor")) }
                dt.soft { "Ended" } dd { (end(&scenario.end)) }
            }
            details { summary { (header.path) } pre { (header.toml) } }
        }
    }
}

fn end(end: &EndReason) -> String {
    match end {
        EndReason::Completed => "all phases ran".to_owned(),
        EndReason::StopCondition(condition) => format!("by its stop condition: {condition}"),
        EndReason::Interrupted => "interrupted by the user".to_owned(),
        EndReason::Trouble(what) => format!("by trouble of the harness or its stack: {what}"),
    }
}
