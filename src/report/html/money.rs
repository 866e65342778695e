//! A year of losses, for those who pay; its sentence stands at the top of the page. Here are the risks, the curve, what the
//! expected loss hangs on, what the best defence returns, a table for those on call, and where every figure comes from.

use maud::{Markup, html};

use super::{Column, in_code, table};
use crate::pricing::{ModelPrice, Year, YearLine};
use crate::report::model::RunReport;
use crate::report::money_chart::{tornado, year_curve};
use crate::report::on_call;
use crate::report::words;
use crate::wording::{count, digits};

pub(super) fn section(year: &Year, report: &RunReport) -> Markup {
    html! {
        article {
            header { h2 { "A year of losses" } }
            (risks(year))
            @if let Some(curve) = year_curve(year) {
                figure {
                    figcaption { b { "Loss exceedance" } " with the band that chance in the simulation leaves" }
                    (wide("loss exceedance curve", &curve))
                }
                p.small { (in_code(&words::tolerance(year))) }
            }
            (hangs_on(report, year)) (best(year)) (defences(year)) (on_call(report)) (assumptions(year)) (breach_models(year))
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
                html! { (count(risk.count)) },
                html! { (digits(risk.per_year)) },
                html! { (risk.typical) },
                html! { (risk.mean) },
                html! { (risk.p95) },
                html! { (risk.expected) " " span.soft { (digits(risk.share * 100.0)) "%" } },
                html! { (risk.code) " " (risk.scenario) },
            ]
        });
        cells.collect()
    };
    let rows = [row("vendor", &year.vendor), row("customers", &year.customer)].concat();
    let columns = [
        Column::Text("Risk"),
        Column::Text("Loss of"),
        Column::Number("Seen"),
        Column::Number("Events a year"),
        Column::Number("Typical"),
        Column::Number("Mean"),
        Column::Number("1 in 20 above"),
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

/// The tornado.
fn hangs_on(report: &RunReport, year: &Year) -> Markup {
    let drawn =
        words::hangs_on(report, year).and_then(|hangs| Some((tornado(hangs.around, hangs.swings)?, hangs.title)));
    html! {
        @if let Some((drawing, title)) = drawn {
            figure { figcaption { b { (title) } } (wide("what the price hangs on", &drawing)) }
        }
    }
}

/// The return of the best defence.
fn best(year: &Year) -> Markup {
    let Some(best) = &year.best else { return html! {} };
    let rows: Vec<Vec<Markup>> =
        words::returns(best).into_iter().map(|row| row.into_iter().map(|cell| html! { (cell) }).collect()).collect();
    let columns = [
        Column::Text("Return"),
        Column::Number("5% of futures below"),
        Column::Number("Half below"),
        Column::Number("5% above"),
    ];
    html! {
        h3 { "What the best defence returns: " (best.scenario) }
        (table(&columns, &rows))
        p.small { (in_code(&words::investment(best))) }
    }
}

fn on_call(report: &RunReport) -> Markup {
    let cells = |row: [String; 9]| row.into_iter().map(|cell| html! { (cell) }).collect::<Vec<_>>();
    let rows: Vec<Vec<Markup>> = on_call::rows(report).into_iter().map(cells).collect();
    let column = |(place, heading): (usize, &'static str)| match place {
        0 | 1 => Column::Text(heading),
        _ => Column::Number(heading),
    };
    let columns: Vec<Column> = on_call::HEADINGS.into_iter().enumerate().map(column).collect();
    html! { @if !rows.is_empty() { details { summary { "For those on call" } (table(&columns, &rows)) } } }
}

fn breach_models(year: &Year) -> Markup {
    let row = |each: &ModelPrice| {
        vec![html! { (each.model) }, html! { (each.typical) }, html! { (words::data(each.outside_its_data)) }]
    };
    let rows: Vec<Vec<Markup>> = year.breach_models.iter().map(row).collect();
    let columns =
        [Column::Text("Breach model"), Column::Number("Typical of the dearest leak"), Column::Text("Its data")];
    html! { @if !rows.is_empty() { details { summary { "What other breach models say" } (table(&columns, &rows)) } } }
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
