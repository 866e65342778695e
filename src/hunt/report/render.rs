//! A hunt for people (terminal, Markdown) and for machines (JSON). The first lines say what was and was not tested.

use std::fmt::Write;
use std::path::Path;

use super::model::{HuntReport, HuntVerdict};
use crate::diagnostics::visible;
use crate::hunt::finding::{Finding, Status};

/// Indented JSON with a final line break.
pub fn json(report: &HuntReport) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("the report's maps have string keys, so it is JSON");
    text.push('\n');
    text
}

/// The summary; `folder` is where the reproducers are.
pub fn terminal(report: &HuntReport, folder: &Path) -> String {
    let mut all = summary(report);
    for finding in &report.findings {
        all.extend(lines(finding));
        if let Some(reproducer) = &finding.reproducer {
            all.push(format!("    reproduce: psql -v ON_ERROR_STOP=1 -f {}", folder.join(reproducer).display()));
        }
    }
    let gaps = report.coverage.not_tested.iter();
    all.extend(gaps.map(|gap| format!("NOT TESTED {} {}: {}", gap.verb, gap.object, gap.reason)));
    // Names and values are the schema's, which may hold what a terminal acts on.
    all.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n")
}

/// GitHub-flavoured Markdown, for the job summary of a CI system.
pub fn markdown(report: &HuntReport) -> String {
    let mut page = format!("# Leak hunt: {}\n\n", verdict(report));
    for line in &summary(report)[1..] {
        let _ = writeln!(page, "- {}", cell(line));
    }
    if !report.findings.is_empty() {
        page.push_str("\n| Severity | Mode | Status | Object | What | Seen | Fix |\n|---|---|---|---|---|---|---|\n");
    }
    for finding in &report.findings {
        let status = if finding.status == Status::Confirmed { "**confirmed**" } else { "static" };
        let _ = writeln!(
            page,
            "| {} | {} | {status} | {} | {} | {} | {} |",
            finding.severity.name(),
            finding.mode,
            cell(&finding.object),
            cell(&finding.title),
            cell(&finding.evidence),
            cell(&fix(finding))
        );
    }
    if !report.coverage.not_tested.is_empty() {
        page.push_str("\n## Not tested\n\n| Object | Verb | Why |\n|---|---|---|\n");
    }
    for gap in &report.coverage.not_tested {
        let _ = writeln!(page, "| {} | {} | {} |", cell(&gap.object), cell(&gap.verb), cell(&gap.reason));
    }
    page
}

fn verdict(report: &HuntReport) -> &'static str {
    match report.verdict() {
        HuntVerdict::Closed => "no confirmed leak",
        HuntVerdict::Confirmed => "LEAK confirmed",
        HuntVerdict::Inconclusive => "inconclusive: too little could be tested",
    }
}

fn summary(report: &HuntReport) -> Vec<String> {
    let (coverage, discovered) = (&report.coverage, &report.discovered);
    let confirmed = report.findings.iter().filter(|finding| finding.status == Status::Confirmed).count();
    let mut lines = vec![
        verdict(report).to_owned(),
        format!("role {}; context: {}", discovered.app_role, discovered.context),
        format!(
            "positive control: tenant A saw its own row in {} of {} protected tables",
            discovered.control_visible, discovered.control_tables
        ),
        format!(
            "{} cells: {} isolated, {} leaking, {} not tested",
            coverage.cells_total,
            coverage.isolated,
            coverage.leaking,
            coverage.cells_total - coverage.isolated - coverage.leaking
        ),
        format!(
            "at most {:.2}% of objects and verbs like these {} leak (exact, 95%)",
            report.bound.upper * 100.0,
            report.bound.strata
        ),
        format!("{confirmed} confirmed findings, {} static ones", report.findings.len() - confirmed),
    ];
    if report.verdict() == HuntVerdict::Inconclusive {
        lines.splice(1..1, report.doubts());
    }
    let search = &report.search;
    let cut = search.cut.as_ref().map(|why| format!(" (cut: {why})")).unwrap_or_default();
    lines.push(format!(
        "search with seed {}: {} of {} sequences played{cut}, {} violations",
        search.seed,
        search.played,
        search.wanted,
        search.sequences.len()
    ));
    if let Some(price) = &report.price {
        lines.push(format!("the confirmed leaks cost {} if somebody uses them: {}", price.cost, price.basis));
    }
    lines
}

/// The fix, and whether it was tried.
fn fix(finding: &Finding) -> String {
    match finding.fix_note.is_empty() {
        true => finding.fix.clone(),
        false => format!("{} ({})", finding.fix, finding.fix_note),
    }
}

fn lines(finding: &Finding) -> Vec<String> {
    let status = match (&finding.accepted, finding.status) {
        (Some(_), _) => "accepted",
        (None, Status::Confirmed) => "CONFIRMED",
        (None, Status::Static) => "static",
    };
    let how = match (&finding.verb, &finding.context_state) {
        (Some(verb), Some(state)) => format!(" ({verb}, {state})"),
        _ => String::new(),
    };
    let (severity, mode) = (finding.severity.name(), &finding.mode);
    let mut lines = vec![format!("{status} {severity} {mode} {}: {}{how}", finding.object, finding.title)];
    lines.push(format!("    seen: {}", finding.evidence));
    if !finding.fix.is_empty() {
        lines.push(format!("    fix:  {}", finding.fix));
    }
    if !finding.fix_note.is_empty() {
        lines.push(format!("          ({})", finding.fix_note));
    }
    lines
}

/// Text that cannot end a cell of a table or begin a tag.
fn cell(text: &str) -> String {
    let text = visible(&text.replace(['\n', '\r'], " ")).into_owned();
    text.replace('\\', "\\\\").replace('|', "\\|").replace('&', "&amp;").replace('<', "&lt;").replace('`', "\\`")
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::sample::{found, hunted};
    use super::*;
    use crate::hunt::finding::Severity;

    /// Text from a database cannot change the structure of a table.
    #[test]
    fn hostile_text_stays_in_its_cell() {
        assert_eq!(cell("a|b\n<script>`x`"), "a\\|b &lt;script>\\`x\\`");
        assert_eq!(cell("\u{1b}[31m\u{202e}"), "␛[31m\u{fffd}");
    }

    /// A name of the schema's makes no line of its own on a terminal, and does nothing to it.
    #[test]
    fn hostile_text_does_nothing_to_a_terminal() {
        let name = "notes\u{1b}[2J\nno confirmed leak";
        let finding = found("F15", Severity::Leak, name, "a title", Some("SELECT"));
        let text =
            terminal(&hunted(&[(name, "SELECT", "own tenant", Outcome::NotTested)], vec![finding]), Path::new(""));
        assert!(text.contains("notes␛[2J␊no confirmed leak") && !text.contains('\u{1b}'), "{text}");
        assert!(!text.lines().any(|line| line == "no confirmed leak"), "{text}");
    }
}
