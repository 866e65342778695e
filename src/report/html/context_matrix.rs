//! The table of context faults by stack.

use maud::{Markup, html};

use super::badge;
use crate::report::context_matrix::{ContextCell, Pivot, StackKey, words};

pub(super) fn section(cells: &[ContextCell]) -> Markup {
    let Pivot { stacks, rows } = Pivot::of(cells);
    html! {
        @if !rows.is_empty() {
            article {
                header { h2 { "What context faults did, by stack" } }
                p.meta { "The worst that occurred, and how many of the touched transactions it was." }
                table.stack {
                    thead { tr { th { "Scenario and fault" } @for stack in &stacks { th { (stack.title()) } } } }
                    tbody {
                        @for (title, cells) in &rows {
                            tr {
                                th scope="row" { (title) }
                                @for (stack, cell) in stacks.iter().zip(cells) {
                                    td data-label=(label(stack)) {
                                        @match cell {
                                            Some(cell) => { (badge(colour(&cell.class), &words(cell))) }
                                            None => { "not run" }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The stack on a narrow screen. Of fixed words, because a journal may say anything and this is an attribute.
fn label(stack: &StackKey) -> String {
    let mode = ["session", "transaction"].into_iter().find(|mode| *mode == stack.mode).unwrap_or("direct");
    format!("{mode}, PostgreSQL {}", stack.postgres)
}

/// As the verdict that a class amounts to.
pub(super) fn colour(class: &str) -> &'static str {
    match class {
        "fail-open" => "fail",
        "fail-closed-silent" | "not touched" => "inconclusive",
        "fail-closed-loud" => "pass",
        _ => "notice",
    }
}
