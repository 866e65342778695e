//! `report.html`: one file that needs nothing else. No script, no font, no image; a content security policy says so to
//! the browser, in case hostile text should ever get past the escaping.

mod chart;
mod context_matrix;
mod evidence;
mod money;
mod scale;
mod scenario;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::model::{RunReport, ScenarioReport};
use super::text::visible;
use super::words;
use crate::wording::{count, plural};

const STYLE: &str = include_str!("style.css");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole report as one self-contained page, for a phone or a large screen, light or dark, without JavaScript.
pub fn html(report: &RunReport) -> String {
    // Markup escapes what HTML gives a meaning; this makes visible what acts on the text around it.
    visible(&page(report).into_string()).into_owned()
}

fn page(report: &RunReport) -> Markup {
    let verdict = words::verdict(report.verdict);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { "tenant-chaos: " (verdict) ", " (words::tally(report)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top {
                    h1 { "tenant-chaos " (report.tool_version) @if !report.started_at.is_empty() { " · " (report.started_at) } }
                    p.look.(verdict) { (badge(verdict, verdict)) " " (in_code(&report.first_look)) }
                    @if let Some(year) = &report.year { p.look { (in_code(&year.sentence())) } }
                    (totals(report))
                }
                main {
                    @if !report.scenarios.is_empty() { (overview(report)) }
                    @if let Some(year) = &report.year { (money::section(year, report)) }
                    (context_matrix::section(&report.context_matrix))
                    (troubles(report))
                    (not_run(report))
                    (elsewhere(report))
                    @for (index, each) in words::worst_first(report).into_iter().enumerate() { (scenario::section(each, index)) }
                }
                footer { "Money is what the models say for the scale that each scenario states, not an invoice; "
                    "the customers' and the vendor's line are never added." }
            }
        }
    }
}

fn totals(report: &RunReport) -> Markup {
    let worst = report.totals.worst;
    html! {
        dl.totals {
            div { dt { "Scenarios" } dd { (words::tally(report)) } }
            div { dt { "Planted bugs caught" } dd { (count(report.totals.planted_caught)) } }
            div { dt { "Foreign rows" } dd {
                @let leaks = words::run_leaks(report);
                @let (tested, planted) = leaks.split_once("; ").unwrap_or((&leaks, ""));
                (tested) @if !planted.is_empty() { small { (planted) } }
            } }
            div { dt { "Worst unplanted price, at scale" } dd {
                (words::price(worst))
                @if words::larger(worst).0.0 != 0 { small { "customers " (worst.customer) " · vendor " (worst.vendor) } }
            } }
        }
    }
}

fn overview(report: &RunReport) -> Markup {
    html! {
        article {
            header { h2 { "Scenarios" } }
            table.stack {
                thead { tr { th { "Scenario" } th { "Verdict" } th { "Findings" } th { "Touched" } th.num { "Price at scale" } } }
                tbody {
                    @for (index, each) in words::worst_first(report).into_iter().enumerate() {
                        tr {
                            th scope="row" { a href={ "#" (anchor(index)) } { (each.header.scenario) } }
                            td { (verdict_badge(each)) }
                            td data-label="Findings" { (pieces(&words::findings(each), ",")) }
                            td data-label="Touched" { (pieces(&words::touched(each), ";")) }
                            td.num data-label="Price at scale" { (words::price(each.price.at_scale)) }
                        }
                    }
                }
            }
        }
    }
}

fn troubles(report: &RunReport) -> Markup {
    html! {
        @if !report.troubles.is_empty() {
            article {
                header { h2 { (plural(report.troubles.len() as u64, "scenario")) " could not run" } }
                p.meta { "Trouble of the harness or its stack, not a finding." }
                dl.facts {
                    @for trouble in &report.troubles { dt { (trouble.scenario) } dd.keep { (in_code(&trouble.message)) } }
                }
            }
        }
    }
}

fn elsewhere(report: &RunReport) -> Markup {
    html! {
        @if !report.elsewhere.is_empty() {
            article {
                header { h2 { (plural(report.elsewhere.len() as u64, "scenario")) " for another provider" } }
                dl { @for each in &report.elsewhere { dt { (each.scenario) } dd.keep { (in_code(&each.message)) } } }
            }
        }
    }
}

fn not_run(report: &RunReport) -> Markup {
    html! {
        @if !report.not_run.is_empty() {
            article {
                header { h2 { (plural(report.not_run.len() as u64, "scenario")) " not run" } }
                p.meta { "The run was interrupted before they began." }
                p.keep { (pieces(&report.not_run, ",")) }
            }
        }
    }
}

/// Where a scenario's section is; by place, because a name may be anything.
fn anchor(index: usize) -> String {
    format!("scenario-{}", index + 1)
}

fn badge(class: &str, text: &str) -> Markup {
    html! { span.badge.(class) { (text) } }
}

/// A sentence in which backticks quote names.
fn in_code(sentence: &str) -> Markup {
    let parts: Vec<_> = sentence.split('`').collect();
    // An odd backtick quotes nothing; then the sentence stands as it is.
    if parts.len().is_multiple_of(2) {
        return html! { (sentence) };
    }
    html! { @for (place, part) in parts.iter().enumerate() { @if place % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// A column: its heading, and whether it holds numbers, which stand flush right.
#[derive(Clone, Copy)]
enum Column {
    Text(&'static str),
    Number(&'static str),
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Column::Text(heading) | Column::Number(heading) => heading,
        }
    }

    fn class(self) -> Option<&'static str> {
        matches!(self, Column::Number(_)).then_some("num")
    }
}

/// A table that scrolls sideways where it does not fit, and becomes a list of labelled values on a phone.
fn table(columns: &[Column], rows: &[Vec<Markup>]) -> Markup {
    let name = columns.iter().map(|column| column.heading()).collect::<Vec<_>>().join(", ");
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "table: " (name) } {
            table.stack {
                thead { tr { @for column in columns { th class=[column.class()] { (column.heading()) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in columns.iter().zip(row) {
                                td class=[column.class()] data-label=(column.heading()) { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The verdict, with what was caught beside it: the words of [`words::scenario_verdict`], the first one as badge.
fn verdict_badge(scenario: &ScenarioReport) -> Markup {
    let words = words::scenario_verdict(scenario);
    let (verdict, caught) = words.split_once(' ').unwrap_or((&words, ""));
    let caught: Vec<_> = caught.split(", ").filter(|piece| !piece.is_empty()).map(str::to_owned).collect();
    html! { span.verdict { (badge(verdict, verdict)) @if !caught.is_empty() { " " span.caught { (pieces(&caught, ",")) } } } }
}

/// A list that breaks between its pieces before it breaks inside one.
fn pieces(list: &[String], separator: &str) -> Markup {
    html! {
        @for (place, piece) in list.iter().enumerate() {
            @if place > 0 { " " }
            span.piece { (piece) @if place + 1 < list.len() { (separator) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The page as a whole.
    #[test]
    fn html_snapshot() {
        insta::assert_snapshot!(html(&sample::passing()).replace(STYLE, "/* style.css */"));
    }

    /// Whatever a scenario or a database says stays text: no element, no attribute, no comment and no acting character
    /// gets through, and what was said can still be read.
    #[test]
    fn hostile_text_stays_text() {
        let page = html(&sample::hostile());
        for bad in ["<script", "<!-- -->", "\u{1b}", "\u{0}", "\u{202e}", "\u{200b}", "]]>\n<"] {
            assert!(!page.contains(bad), "{bad:?} got through");
        }
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.contains("⟨U+202E⟩"));
        let quotes_kept =
            page.split("data-label=\"").skip(1).all(|rest| rest.split('"').next().is_some_and(|v| v.len() < 30));
        assert!(quotes_kept, "an attribute swallowed text");
    }

    /// The page loads nothing, links nowhere outside itself, and runs nothing.
    #[test]
    fn the_page_needs_nothing_else() {
        for report in [sample::mixed(), sample::hostile(), sample::passing()] {
            let page = html(&report);
            for bad in ["src=", "<script", "<img", "<iframe", "url(", "@import", "onload", "href=\"http", "<form"] {
                assert!(!page.contains(bad), "the page has {bad}");
            }
            assert!(page.contains("Content-Security-Policy") && page.contains("width=device-width"));
            let links: Vec<_> = page.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            assert_eq!(links.len(), report.scenarios.len());
            for link in links {
                let id = link.strip_prefix('#').expect("links stay inside the page");
                assert!(page.contains(&format!("id=\"{id}\"")), "{id} is nowhere");
            }
        }
    }

    /// Each id is given once, or a screen reader would read one chart's description for another.
    #[test]
    fn ids_are_unique() {
        let page = html(&sample::mixed());
        let mut ids: Vec<_> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    /// Writes the samples to `$TENANT_CHAOS_SAMPLE_DIR` so that a person can look at them; without it, checks that a
    /// page of several scenarios stays small enough for a phone.
    #[test]
    fn the_page_is_small() {
        let page = html(&sample::mixed());
        if let Some(dir) = std::env::var_os("TENANT_CHAOS_SAMPLE_DIR") {
            for (name, report) in
                [("mixed", sample::mixed()), ("hostile", sample::hostile()), ("passing", sample::passing())]
            {
                std::fs::write(std::path::Path::new(&dir).join(format!("{name}.html")), html(&report)).unwrap();
            }
        }
        assert!(page.len() < 60_000 * sample::mixed().scenarios.len(), "{} bytes", page.len());
    }
}
