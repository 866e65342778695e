//! `report.md`: a summary table, then a section per scenario. Suits a job summary of a CI system.

mod money;

use std::fmt::Write;

use super::context_matrix::{Pivot, words as context_words};
use super::model::{RunReport, ScenarioReport};
use super::text::{line, visible};
use super::words;
use crate::wording::{count, duration, moment};

/// GitHub-flavoured Markdown.
pub fn markdown(report: &RunReport) -> String {
    let mut page = Page::default();
    page.line(&format!("# tenant-chaos: {}", words::verdict(report.verdict)));
    page.paragraph(&sentence(&report.first_look));
    if let Some(year) = &report.year {
        page.paragraph(&sentence(&year.sentence()));
    }
    page.paragraph(&format!("{}. Foreign rows: {}.", words::tally(report), text(&words::run_leaks(report))));
    let scenarios = words::worst_first(report);
    if !scenarios.is_empty() {
        page.table(&["Scenario", "Verdict", "Findings", "Touched", "Price at scale"]);
        for scenario in &scenarios {
            page.row(&[
                text(&scenario.header.scenario),
                strong(&words::scenario_verdict(scenario)),
                text(&words::findings(scenario).join(", ")),
                text(&words::touched(scenario).join("; ")),
                text(&words::price(scenario.price.at_scale)),
            ]);
        }
    }
    if let Some(year) = &report.year {
        money::section(&mut page, report, year);
    }
    context_matrix(&mut page, report);
    if !report.troubles.is_empty() {
        page.line("\n## Could not run\n");
        for trouble in &report.troubles {
            page.line(&format!("- {}: {}", text(&trouble.scenario), sentence(&trouble.message)));
        }
    }
    if !report.not_run.is_empty() {
        page.line("\n## Not run, because the run was interrupted\n");
        page.list(report.not_run.iter().map(|name| text(name)));
    }
    if !report.elsewhere.is_empty() {
        page.line("\n## For another provider\n");
        for each in &report.elsewhere {
            page.line(&format!("- {}: {}", text(&each.scenario), sentence(&each.message)));
        }
    }
    for scenario in scenarios {
        section(&mut page, scenario);
    }
    page.0
}

/// What each context fault did on each stack.
fn context_matrix(page: &mut Page, report: &RunReport) {
    let Pivot { stacks, rows } = Pivot::of(&report.context_matrix);
    if rows.is_empty() {
        return;
    }
    page.line("\n## What context faults did, by stack");
    let titles: Vec<String> = stacks.iter().map(|stack| text(&stack.title())).collect();
    page.table(&std::iter::once("Scenario and fault").chain(titles.iter().map(String::as_str)).collect::<Vec<_>>());
    for (title, cells) in &rows {
        let cells = cells.iter().map(|cell| cell.map_or("not run".to_owned(), |cell| text(&context_words(cell))));
        page.row(&std::iter::once(text(title)).chain(cells).collect::<Vec<_>>());
    }
}

fn section(page: &mut Page, scenario: &ScenarioReport) {
    page.line(&format!("\n## {}: {}", text(&scenario.header.scenario), text(&words::scenario_verdict(scenario))));
    page.list(scenario.reasons.iter().map(|reason| sentence(reason)));
    page.paragraph(&text(&scenario.why));
    findings(page, scenario);
    price(page, scenario);
    faults(page, scenario);
    context(page, scenario);
    page.paragraph(&format!("Foreign rows: {}.", text(&words::leak_bound(&scenario.judgement.leak_bound))));
    if let Some(us) = scenario.judgement.recovered_after_us {
        page.paragraph(&format!("Recovered {} after the inject phase ended, for good.", duration(us)));
    }
    checks(page, scenario);
    undo(page, scenario);
    reproduce(page, scenario);
}

fn findings(page: &mut Page, scenario: &ScenarioReport) {
    for finding in &scenario.judgement.findings {
        page.line(&format!(
            "\n### {} {} ×{} ({})",
            finding.code,
            finding.code.title(),
            count(finding.count),
            words::origin(finding)
        ));
        page.paragraph(&sentence(&finding.summary));
        let radius = words::blast_radius(finding);
        let reached = if radius.is_empty() { String::new() } else { format!("Reached: {}. ", text(&radius)) };
        page.paragraph(&format!("{reached}First seen at {}. {}", moment(finding.first_at_us), finding.code.explain()));
        page.list(finding.notes.iter().map(|note| text(note)));
        if finding.evidence.is_empty() {
            continue;
        }
        page.table(&[
            "At",
            "Asker",
            "Owner",
            "Table",
            "Backend pid",
            "Connection served before",
            "Context on the server",
        ]);
        for leak in &finding.evidence {
            let none = || "none".to_owned();
            page.row(&[
                moment(leak.at_us),
                leak.asker.to_string(),
                leak.owner.map_or("unknown".to_owned(), |owner| owner.to_string()),
                code(&leak.table),
                leak.backend_pid.to_string(),
                leak.previous_tenant.map_or_else(none, |tenant| tenant.to_string()),
                leak.context.as_deref().map_or_else(none, code),
            ]);
        }
    }
}

fn price(page: &mut Page, scenario: &ScenarioReport) {
    let price = &scenario.price;
    if price.findings.is_empty() {
        return page.paragraph("No finding, so no price.");
    }
    page.table(&["Loss of", "seen in this run", "at scale"]);
    let (seen, scaled) = (price.observed, price.at_scale);
    page.row(&["the customers".to_owned(), seen.customer.to_string(), scaled.customer.to_string()]);
    page.row(&["the vendor".to_owned(), seen.vendor.to_string(), scaled.vendor.to_string()]);
    page.list(price.findings.iter().map(|p| format!("{}, {}: {}", p.code, text(&p.model), text(&p.basis))));
}

fn faults(page: &mut Page, scenario: &ScenarioReport) {
    if scenario.judgement.faults.is_empty() {
        return page.paragraph("No fault: a control.");
    }
    page.table(&["Fault", "Touched", "Undone"]);
    for fault in &scenario.judgement.faults {
        let undone = match (&fault.problem, fault.undone) {
            (Some(problem), _) => format!("**no**: {}", text(problem)),
            (None, true) => "verified".to_owned(),
            (None, false) => "**not verified**".to_owned(),
        };
        page.row(&[code(&fault.name), text(&words::effect(fault)), undone]);
    }
}

fn context(page: &mut Page, scenario: &ScenarioReport) {
    if scenario.judgement.context.is_empty() {
        return;
    }
    page.table(&["Context left", "Worst", "Touched", "Fail-open", "Closed, loud", "Closed, silent", "Harmless"]);
    for context in &scenario.judgement.context {
        let of = context.outcome;
        let mut row = vec![text(&context.leaves), text(&context.class)];
        row.extend([count(of.touched), words::bad_of(of.open, of.touched)]);
        row.extend([of.loud, of.silent, of.harmless].map(count));
        page.row(&row);
    }
}

fn checks(page: &mut Page, scenario: &ScenarioReport) {
    page.table(&["Verdict", "List", "Expected", "Observed"]);
    for check in scenario.judgement.checks.iter().chain(&scenario.price.checks) {
        page.row(&[
            words::verdict(check.verdict).to_owned(),
            text(&check.list),
            code(&check.condition),
            text(&check.observed),
        ]);
    }
}

fn undo(page: &mut Page, scenario: &ScenarioReport) {
    let problems =
        scenario.undo.iter().filter_map(|u| Some(format!("{}: {}", text(&u.what), text(u.problem.as_ref()?))));
    if scenario.clean {
        page.paragraph("Everything was undone.");
    } else {
        page.paragraph("**Something was not undone:**");
        page.list(problems);
    }
}

fn reproduce(page: &mut Page, scenario: &ScenarioReport) {
    let header = &scenario.header;
    page.paragraph(&format!("Run it again: {}", code(&words::reproduce(scenario))));
    page.paragraph(&format!(
        "Seed {}, schedule {}, PostgreSQL {}, {}.",
        header.seed,
        code(&header.schedule_hash),
        text(&header.server_version),
        text(&header.provider)
    ));
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: &str) {
        writeln!(self.0, "{line}").expect("writing to a String cannot fail");
    }

    fn paragraph(&mut self, text: &str) {
        self.line("");
        self.line(text);
    }

    fn list(&mut self, items: impl Iterator<Item = String>) {
        for (place, item) in items.enumerate() {
            if place == 0 {
                self.line("");
            }
            self.line(&format!("- {item}"));
        }
    }

    fn table(&mut self, headings: &[&str]) {
        self.line("");
        self.row(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>());
        self.line(&format!("|{}", " --- |".repeat(headings.len())));
    }

    /// Cells are Markdown already.
    fn row(&mut self, cells: &[String]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }
}

/// Foreign text on one line, in which nothing has a meaning to Markdown or HTML.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // As entities: a mention would notify people, and a table is cut at pipes before escapes are read.
            '@' => escaped.push_str("&#64;"),
            '|' => escaped.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '$' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    // At the start of a paragraph these make a list, a line or a heading of it.
    if escaped.starts_with(['-', '+', '=']) {
        escaped.insert(0, '\\');
    }
    // Neither of these may become a link by itself.
    escaped.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
}

/// A code span; text that could end the span or leave its cell is shown as plain text instead.
fn code(text_: &str) -> String {
    let one_line = line(text_);
    let harmless = |c: char| !matches!(c, '`' | '|' | '\\');
    let tag = one_line.split('<').skip(1).any(|rest| rest.starts_with(|c: char| !c.is_whitespace() && c != '='));
    if one_line.is_empty() || tag || !one_line.chars().all(harmless) { text(text_) } else { format!("`{one_line}`") }
}

fn strong(text_: &str) -> String {
    format!("**{}**", text(text_))
}

/// A sentence in which backticks quote names.
fn sentence(text_: &str) -> String {
    let shown = visible(text_);
    let parts: Vec<_> = shown.split('`').collect();
    // An odd backtick quotes nothing; then the sentence stands as it is.
    if parts.len().is_multiple_of(2) {
        return text(text_);
    }
    let mut sentence = String::new();
    for (place, part) in parts.iter().enumerate() {
        // A piece keeps the blanks at its ends, which `line` takes away.
        let (open, close) = (part.starts_with(char::is_whitespace), part.ends_with(char::is_whitespace));
        match (place % 2, part.trim().is_empty()) {
            (_, true) => sentence.push(' '),
            (1, false) => sentence.push_str(&code(part)),
            _ => {
                sentence.push_str(if open { " " } else { "" });
                sentence.push_str(&text(part));
                sentence.push_str(if close { " " } else { "" });
            }
        }
    }
    sentence.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The file as a job summary shows it.
    #[test]
    fn markdown_snapshot() {
        insta::assert_snapshot!(markdown(&sample::mixed()));
    }

    /// Hostile text stays text: no HTML, no cell or row of its own, no link, no code span that it opens or closes.
    #[test]
    fn hostile_text_stays_text() {
        let page = markdown(&sample::hostile());
        for bad in ["<script", "<!--", "\u{1b}", "\u{0}", "\u{202e}", "\u{200b}", "https://", "[l]("] {
            assert!(!page.contains(bad), "{bad:?} got through");
        }
        assert!(page.contains(r"\[l\](javascript:1)"));
        let mut columns = 0;
        for row in page.lines() {
            let cells = if row.starts_with('|') { row.matches('|').count() } else { 0 };
            assert!(columns == 0 || cells == 0 || cells == columns, "a row of another width: {row}");
            columns = cells;
            assert_eq!(row.replace("\\`", "").matches('`').count() % 2, 0, "an open code span: {row}");
        }
    }

    /// Names in backticks become code, and a lone backtick is only a character.
    #[test]
    fn sentences_quote_names() {
        assert_eq!(sentence("`a_b` fails: c_d"), r"`a_b` fails: c\_d");
        assert_eq!(sentence("a ` b"), r"a \` b");
        assert_eq!(code("p99 < 40ms"), "`p99 < 40ms`");
        assert_eq!(code("a<b>"), "a&lt;b&gt;");
        assert_eq!(text("--- x"), r"\--- x");
    }
}
