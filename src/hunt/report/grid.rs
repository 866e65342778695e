//! `hunt.html`: the coverage grid, one row per object and verb, one column per state of the context. Self-contained.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, html};

use super::model::{Cell, HuntReport, Outcome};

const STYLE: &str = "body{font:14px system-ui;margin:2rem}table{border-collapse:collapse}th,td{border:1px solid #bbb;\
padding:.2rem .5rem;text-align:left}.isolated{background:#d9f0d9}.leaking{background:#f3b0a8;font-weight:bold}\
.not-tested{background:#eee;color:#444}";

/// The page. Every cell says its outcome in words, so it reads without colour.
pub fn grid(report: &HuntReport) -> String {
    let (mut states, mut rows): (Vec<&str>, Vec<(&str, &str)>) = (Vec::new(), Vec::new());
    // Probes of one kind need not come one after the other.
    let mut known: BTreeSet<(&str, &str)> = BTreeSet::new();
    for cell in &report.coverage.cells {
        if !states.contains(&cell.context_state.as_str()) {
            states.push(&cell.context_state);
        }
        let row = (cell.object.as_str(), cell.verb.as_str());
        if known.insert(row) {
            rows.push(row);
        }
    }
    let find = |object: &str, verb: &str, state: &str| {
        let is = |cell: &&Cell| cell.object == object && cell.verb == verb && cell.context_state == state;
        // The worst of them: a function is called more than once, and each call counts.
        let worst = |cell: &&Cell| match cell.outcome {
            Outcome::Leaking => 2,
            Outcome::NotTested => 1,
            Outcome::Isolated => 0,
        };
        report.coverage.cells.iter().filter(is).max_by_key(worst)
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Leak hunt: coverage" } style { (STYLE) } }
            body {
                h1 { "Leak hunt: coverage" }
                p {
                    (report.coverage.cells_total) " cells, " (report.coverage.isolated) " isolated, "
                    (report.coverage.leaking) " leaking. Role " (report.discovered.app_role) "; "
                    (report.discovered.context) "."
                }
                table {
                    thead { tr { th { "Object" } th { "Verb" } @for state in &states { th { (state) } } } }
                    tbody {
                        @for (object, verb) in &rows {
                            tr {
                                th { (object) } td { (verb) }
                                @for state in &states { (mark(find(object, verb, state))) }
                            }
                        }
                    }
                }
                @if !report.coverage.not_tested.is_empty() {
                    h2 { "Not tested" }
                    ul {
                        @for gap in &report.coverage.not_tested {
                            li { b { (gap.object) } " " (gap.verb) ": " (gap.reason) }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn mark(cell: Option<&Cell>) -> Markup {
    let Some(cell) = cell else { return html! { td {} } };
    let reason = cell.reason.as_deref().unwrap_or_default();
    match cell.outcome {
        Outcome::Isolated => html! { td class="isolated" { "isolated" } },
        Outcome::Leaking => html! { td class="leaking" { "LEAK" } },
        Outcome::NotTested => html! { td class="not-tested" title=(reason) { "not tested" } },
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::hunted;
    use super::*;

    /// Of several calls one that proves nothing is shown, and cells of one row that are apart stand in one row.
    #[test]
    fn a_row_shows_its_worst_cell_once() {
        let page = grid(&hunted(
            &[
                ("f()", "CALL", "own tenant", Outcome::Isolated),
                ("f()", "CALL", "own tenant", Outcome::NotTested),
                ("notes", "SELECT", "own tenant", Outcome::Isolated),
                ("f()", "CALL", "through PgBouncer", Outcome::Leaking),
            ],
            vec![],
        ));
        assert_eq!(page.matches("<th>f()</th>").count(), 1, "{page}");
        let row = page.split("<tr>").find(|row| row.contains("<th>f()</th>")).unwrap();
        assert!(row.contains("not tested") && row.contains("LEAK") && !row.contains("isolated"), "{row}");
    }
}
