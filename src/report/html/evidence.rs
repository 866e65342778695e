//! The tables that back a verdict: faults, context, isolation, checks, phases, leaks.

use maud::{Markup, html};

use crate::observe::{LeakKind, Witness};
use crate::oracle::Finding;
use crate::report::model::ScenarioReport;
use crate::report::words;
use crate::wording::{count, duration, moment};

use super::Column::{Number, Text};
use super::{badge, table};

/// What was touched, and whether it was undone.
pub(super) fn faults(scenario: &ScenarioReport) -> Markup {
    let rows: Vec<_> = scenario
        .judgement
        .faults
        .iter()
        .map(|fault| {
            let when = match (fault.injected_at_us, fault.healed_at_us) {
                (None, _) => "never".to_owned(),
                (Some(from), None) => format!("{} – not healed", moment(from)),
                (Some(from), Some(to)) => format!("{} – {}", moment(from), moment(to)),
            };
            let undone = match (&fault.problem, fault.undone) {
                (Some(problem), _) => html! { (badge("fail", "no")) " " (problem) },
                (None, true) => html! { "verified" },
                (None, false) => html! { (badge("fail", "not verified")) },
            };
            vec![
                html! { (fault.index + 1) },
                html! { code { (fault.name) } },
                html! { (words::effect(fault)) },
                html! { span.nowrap { (when) } },
                undone,
            ]
        })
        .collect();
    html! {
        h3 { "What was touched" }
        @if rows.is_empty() { p { "No fault: a control." } }
        @else { (table(&[Text("#"), Text("Fault"), Text("Touched"), Text("From – to"), Text("Undone")], &rows)) }
    }
}

/// Fault by fault: fail-open, closed-loud, closed-silent.
pub(super) fn context(scenario: &ScenarioReport) -> Markup {
    let rows: Vec<_> = scenario
        .judgement
        .context
        .iter()
        .map(|context| {
            let outcome = context.outcome;
            let class = super::context_matrix::colour(&context.class);
            let mut row = vec![
                // The name of a fault on the wire, or what is left of the context.
                html! { (context.fault + 1) ": " @if !context.leaves.contains('.') { "leaves " } (context.leaves) },
                html! { span.nowrap { (badge(class, &context.class)) } },
            ];
            row.extend([html! { (count(outcome.touched)) }, html! { (words::bad_of(outcome.open, outcome.touched)) }]);
            row.extend([outcome.loud, outcome.silent, outcome.harmless].map(|n| html! { (count(n)) }));
            row
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            h3 { "Context loss" }
            (table(&[Text("Fault"), Text("Worst"), Number("Touched"), Number("Fail-open"), Number("Closed, loud"), Number("Closed, silent"), Number("Harmless")], &rows))
        }
    }
}

/// The bound behind "0 of n".
pub(super) fn isolation(scenario: &ScenarioReport) -> Markup {
    html! { h3 { "Foreign rows" } p { (words::leak_bound(&scenario.judgement.leak_bound)) } }
}

/// Every expectation and how it came out, those of the price included.
pub(super) fn checks(scenario: &ScenarioReport) -> Markup {
    let checks = scenario.judgement.checks.iter().chain(&scenario.price.checks);
    let rows: Vec<_> = checks
        .map(|check| {
            let verdict = words::verdict(check.verdict);
            vec![
                html! { (badge(verdict, verdict)) },
                html! { (check.list) },
                html! { code { (check.condition) } },
                html! { (check.observed) },
            ]
        })
        .collect();
    html! {
        h3 { "Checks" }
        @if rows.is_empty() { p { "None." } } @else { (table(&[Text("Verdict"), Text("List"), Text("Expected"), Text("Observed")], &rows)) }
    }
}

/// Totals per phase.
pub(super) fn phases(scenario: &ScenarioReport) -> Markup {
    let rows: Vec<_> = scenario
        .judgement
        .phases
        .iter()
        .map(|phase| {
            let errors: Vec<_> = phase.errors.iter().map(|(kind, n)| format!("{} {kind}", count(*n))).collect();
            let latency = |us: Option<u64>| us.map_or("no sample".to_owned(), duration);
            vec![
                html! { (phase.phase.name()) },
                html! { span.nowrap { (moment(phase.from_us)) " – " (moment(phase.to_us)) } },
                html! { (count(phase.intended)) },
                html! { (count(phase.ok)) },
                html! { @if errors.is_empty() { "none" } @else { (errors.join(", ")) } },
                html! { (count(phase.dropped)) },
                html! { (count(phase.late)) },
                html! { span.nowrap { (latency(phase.p50_us)) " / " (latency(phase.p99_us)) } },
                html! { (words::foreign_rows(phase.leaked_rows, phase.rows_checked)) },
            ]
        })
        .collect();
    table(
        &[
            Text("Phase"),
            Text("From – to"),
            Number("Arrivals"),
            Number("Ok"),
            Text("Errors"),
            Number("Dropped"),
            Number("Late"),
            Text("p50 / p99"),
            Text("Foreign rows"),
        ],
        &rows,
    )
}

/// The leaks kept as evidence of a finding.
pub(super) fn leaks(finding: &Finding) -> Markup {
    let none = || "none".to_owned();
    let rows: Vec<_> = finding
        .evidence
        .iter()
        .map(|leak| {
            let what = match leak.kind {
                LeakKind::Read => "row of",
                LeakKind::Write => "write for",
            };
            let owner = leak.owner.map_or("an unknown tenant".to_owned(), |owner| owner.to_string());
            let witness = match leak.witness {
                Witness::TenantColumn => "tenant column",
                Witness::Canary => "canary",
            };
            vec![
                html! { span.nowrap { (moment(leak.at_us)) } },
                html! { (leak.phase.name()) },
                html! { span.nowrap { (leak.asker) } },
                html! { span.nowrap { (what) " " (owner) } },
                html! { code { (leak.table) } },
                html! { (operation(leak.operation)) },
                html! { (leak.backend_pid) },
                html! { (leak.previous_tenant.map_or_else(none, |tenant| tenant.to_string())) },
                html! { code { (leak.context.clone().unwrap_or_else(none)) } },
                html! { (leak.fault.map_or_else(none, |fault| (fault + 1).to_string())) },
                html! { (witness) },
            ]
        })
        .collect();
    let columns = [
        Text("At"),
        Text("Phase"),
        Text("Asker"),
        Text("Got"),
        Text("Table"),
        Text("Operation"),
        Number("Backend pid"),
        Text("Connection served before"),
        Text("Context on the server"),
        Text("Fault"),
        Text("Known by"),
    ];
    html! {
        details open[!finding.planted] {
            summary { "Evidence: " (rows.len()) " of " (count(finding.count)) }
            (table(&columns, &rows))
        }
    }
}

fn operation(operation: crate::scenario::Operation) -> &'static str {
    use crate::scenario::Operation;
    match operation {
        Operation::Read => "read",
        Operation::Write => "write",
        Operation::Report => "report",
    }
}
