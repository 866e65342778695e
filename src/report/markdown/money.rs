//! The year of losses, as tables: a job summary shows no drawing, so the curve and the bars are in figures.

use super::{Page, code, sentence, text};
use crate::business_metrics::MicroDollars;
use crate::pricing::{CurvePoint, Year, YearLine};
use crate::report::model::RunReport;
use crate::report::{on_call, words};
use crate::wording::{count, digits};

/// Years of which one loses more than the curve's amount.
const ONE_IN: [u64; 6] = [2, 5, 10, 20, 100, 1_000];
/// Characters of the widest bar.
const BAR: f64 = 24.0;

pub(super) fn section(page: &mut Page, report: &RunReport, year: &Year) {
    page.line("\n## A year of losses");
    tail(page, year);
    risks(page, year);
    curve(page, year);
    best(page, year);
    defences(page, year);
    hangs_on(page, report, year);
    breach_models(page, year);
    let on_call = on_call::rows(report);
    if !on_call.is_empty() {
        page.line("\n### For those on call");
        page.table(&on_call::HEADINGS);
        on_call.iter().for_each(|row| page.row(&row.each_ref().map(|cell| text(cell))));
    }
    page.line("\n### Assumptions");
    page.table(&["Assumption", "Low", "Used", "High", "Unit", "Confidence", "Source"]);
    for each in &year.assumptions {
        page.row(&[
            code(&each.key),
            each.low.to_string(),
            each.mode.to_string(),
            each.high.to_string(),
            text(&each.unit),
            each.confidence.word().to_owned(),
            text(&each.source),
        ]);
    }
    page.paragraph(&text(&words::simulated(year)));
}

/// Lines that lose anything.
fn lines(year: &Year) -> impl Iterator<Item = (&'static str, &YearLine)> {
    [("the vendor", &year.vendor), ("the customers", &year.customer)]
        .into_iter()
        .filter(|(_, line)| !line.risks.is_empty())
}

fn tail(page: &mut Page, year: &Year) {
    if lines(year).next().is_none() {
        return;
    }
    page.table(&[
        "Loss of",
        "At the most plausible values",
        "Expected a year",
        "1 year in 20 more than",
        "95% between",
        "1 in 100 more than",
        "Mean of the worst 1 in 20",
    ]);
    for (whose, line) in lines(year) {
        let (low, high) = line.p95_interval;
        let amounts = [line.at_modes, line.expected, line.p95, line.p99, line.tail95];
        let [modes, expected, p95, p99, tail] = amounts.map(|amount| text(&amount.to_string()));
        page.row(&[whose.to_owned(), modes, expected, p95, text(&format!("{low} and {high}")), p99, tail]);
    }
}

fn risks(page: &mut Page, year: &Year) {
    if lines(year).next().is_none() {
        return;
    }
    page.table(&[
        "Risk",
        "Whose loss",
        "Seen",
        "Events a year",
        "Typical",
        "Mean",
        "1 event in 20 above",
        "Expected a year",
        "Share",
        "Seen in",
    ]);
    for (whose, line) in lines(year) {
        for risk in &line.risks {
            page.row(&[
                text(&risk.name),
                whose.to_owned(),
                count(risk.count),
                digits(risk.per_year),
                text(&risk.typical.to_string()),
                text(&risk.mean.to_string()),
                text(&risk.p95.to_string()),
                text(&risk.expected.to_string()),
                format!("{}%", digits(risk.share * 100.0)),
                text(&format!("{} {}", risk.code, risk.scenario)),
            ]);
        }
    }
}

/// The loss exceedance curves in figures.
fn curve(page: &mut Page, year: &Year) {
    let curves: Vec<(String, &[CurvePoint])> = words::curves(year);
    if curves.is_empty() {
        return;
    }
    page.line("\n### Loss exceedance");
    let headings: Vec<String> = curves.iter().map(|(name, _)| text(name)).collect();
    let headings: Vec<&str> =
        std::iter::once("Years that lose more").chain(headings.iter().map(String::as_str)).collect();
    page.table(&headings);
    for one_in in ONE_IN {
        let above = |points: &[CurvePoint]| {
            let loss = words::exceeded(points, 1.0 / one_in as f64);
            loss.map_or("-".to_owned(), |loss| text(&loss.to_string()))
        };
        let cells = curves.iter().map(|(_, points)| above(points));
        let row: Vec<String> = std::iter::once(format!("1 in {}", count(one_in))).chain(cells).collect();
        page.row(&row);
    }
    if year.tolerance > MicroDollars::ZERO {
        page.paragraph(&sentence(&words::tolerance(year)));
    }
    page.paragraph("Drawn in `loss-exceedance.svg` and `tornado.svg` beside this file.");
}

fn best(page: &mut Page, year: &Year) {
    let Some(best) = &year.best else { return };
    page.line(&format!("\n### What the best defence returns: {}", text(&best.scenario)));
    page.table(&["", "5% of futures below", "half below", "5% above"]);
    for [what, low, half, high] in words::returns(best) {
        page.row(&[what, low, half, high].map(|cell| text(&cell)));
    }
    page.paragraph(&sentence(&words::investment(best)));
}

fn defences(page: &mut Page, year: &Year) {
    if year.defences.is_empty() {
        return;
    }
    page.line("\n### What the defences are worth");
    page.table(&["Planted bug", "A year with it: vendor", "customers"]);
    for defence in year.defences.iter().take(words::MAX_DEFENCES) {
        page.row(&[
            text(&defence.scenario),
            text(&defence.expected.vendor.to_string()),
            text(&defence.expected.customer.to_string()),
        ]);
    }
}

/// The tornado: a bar for each assumption from the lower to the higher amount.
fn hangs_on(page: &mut Page, report: &RunReport, year: &Year) {
    let Some(hangs) = words::hangs_on(report, year) else { return };
    page.line(&format!("\n### {}", text(&hangs.title)));
    page.table(&["Assumption", "From", "To", "At the lower", "At the higher", "Bar"]);
    let ends = || hangs.swings.iter().flat_map(|swing| [swing.at_low.usd(), swing.at_high.usd()]);
    let (low, high) = ends().fold((f64::MAX, f64::MIN), |(low, high), end| (low.min(end), high.max(end)));
    let place = |usd: f64| if high > low { ((usd - low) / (high - low) * BAR).round() as usize } else { 0 };
    for swing in hangs.swings {
        let (from, to) = (swing.at_low.min(swing.at_high).usd(), swing.at_low.max(swing.at_high).usd());
        let bar = "·".repeat(place(from)) + &"█".repeat((place(to) - place(from)).max(1));
        page.row(&[
            code(&swing.key),
            swing.low.to_string(),
            swing.high.to_string(),
            text(&swing.at_low.to_string()),
            text(&swing.at_high.to_string()),
            bar,
        ]);
    }
}

fn breach_models(page: &mut Page, year: &Year) {
    if year.breach_models.is_empty() {
        return;
    }
    page.line("\n### What the breach models say of the dearest leak");
    page.table(&["Model", "Typical", "Its data"]);
    for each in &year.breach_models {
        page.row(&[text(&each.model), text(&each.typical.to_string()), words::data(each.outside_its_data).to_owned()]);
    }
}
