//! A year of losses, for those who pay; its sentence stands at the top of the page: the curve, the risks, the defences, what the dearest price hangs on,
//! and where every figure comes from.

use maud::{Markup, html};

use super::{Column, table};
use crate::pricing::{Year, YearLine};
use crate::report::model::RunReport;
use crate::report::money_chart::{loss_curve, tornado};
use crate::report::words;
use crate::wording::digits;

pub(super) fn section(year: &Year, report: &RunReport) -> Markup {
    html! {
        article {
            header { h2 { "A year of losses" } }
            @if let Some(curve) = loss_curve(&[("the vendor", &year.vendor.curve), ("its customers", &year.customer.curve)]) {
                figure { figcaption { b { "Loss exceedance" } } (wide("loss exceedance curve", &curve)) }
            }
            (risks(year)) (defences(year)) (hangs_on(report)) (assumptions(year))
            p.soft.small { (words::simulated(year)) }
        }
    }
}

/// A drawing that scrolls sideways on a phone, where its text would be too small to read.
fn wide(name: &str, drawing: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(name) { div style="min-width:520px" { (drawing) } } }
}

fn risks(year: &Year) -> Markup {
    let row = |whose: &'static str, line: &YearLine| -> Vec<Vec<Markup>> {
        let cells = line.risks.iter().map(|risk| {
            vec![
                html! { (risk.name) },
                html! { (whose) },
                html! { (digits(risk.per_year)) },
                html! { (risk.typical) },
                html! { (risk.expected) },
                html! { (risk.code) " " (risk.scenario) },
            ]
        });
        cells.collect()
    };
    let rows = [row("vendor", &year.vendor), row("customers", &year.customer)].concat();
    let columns = [
        Column::Text("Risk"),
        Column::Text("Loss of"),
        Column::Number("Events a year"),
        Column::Number("Typical"),
        Column::Number("Expected a year"),
        Column::Text("Seen in"),
    ];
    html! { @if !rows.is_empty() { (table(&columns, &rows)) } }
}

fn defences(year: &Year) -> Markup {
    let rows: Vec<Vec<Markup>> = year
        .defences
        .iter()
        .take(words::MAX_DEFENCES)
        .map(|defence| {
            let (vendor, customer) = (defence.expected.vendor, defence.expected.customer);
            vec![html! { (defence.scenario) }, html! { (vendor) }, html! { (customer) }]
        })
        .collect();
    let columns = [Column::Text("Planted bug"), Column::Number("A year with it: vendor"), Column::Number("customers")];
    html! { @if !rows.is_empty() { h3 { "What the defences are worth" } (table(&columns, &rows)) } }
}

/// The tornado of the dearest scenario.
fn hangs_on(report: &RunReport) -> Markup {
    let dearest = report.scenarios.iter().max_by_key(|scenario| scenario.price.cost_usd);
    let drawn = dearest.and_then(|each| Some((each, tornado(each.price.cost_usd, &each.price.swings)?)));
    html! {
        @if let Some((scenario, drawing)) = drawn {
            figure {
                figcaption { b { "What the price of " (scenario.header.scenario) " hangs on" } }
                (wide("what the price hangs on", &drawing))
            }
        }
    }
}

fn assumptions(year: &Year) -> Markup {
    let rows: Vec<Vec<Markup>> = year
        .assumptions
        .iter()
        .map(|each| {
            vec![
                html! { code { (each.key) } },
                html! { (each.mode) " " (each.unit) },
                html! { (each.low) " to " (each.high) },
                html! { (each.confidence.word()) },
                html! { (each.source) },
            ]
        })
        .collect();
    let columns = [
        Column::Text("Assumption"),
        Column::Text("Used"),
        Column::Text("Range"),
        Column::Text("Confidence"),
        Column::Text("Source"),
    ];
    html! { details { summary { "Assumptions, and where they come from" } (table(&columns, &rows)) } }
}
