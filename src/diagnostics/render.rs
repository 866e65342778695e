//! Problems as a person reads them: title, file:line:column, the line with a caret, what to do.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::list::{Diagnostic, Diagnostics, Place};
use super::text::{shown, visible};

/// Problems that are shown; the rest is counted. Nobody reads more at a time.
const MAX_SHOWN: usize = 50;
/// Characters of a line that are shown; the caret's line is cut after that.
const MAX_LINE: usize = 2_000;

pub(super) fn render(diagnostics: &Diagnostics, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut parts: Vec<String> =
        diagnostics.iter().take(MAX_SHOWN).map(|diagnostic| one(diagnostics, diagnostic, &renderer)).collect();
    if diagnostics.len() > MAX_SHOWN {
        parts.push(format!("and {} more problems", diagnostics.len() - MAX_SHOWN));
    }
    let mut text = parts.join("\n\n");
    text.push('\n');
    text
}

fn one(diagnostics: &Diagnostics, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let message = visible(&diagnostic.message);
    let path = diagnostic.path.as_ref().map(|path| visible(&path.display().to_string()).into_owned());
    let source = diagnostic.path.as_ref().and_then(|path| diagnostics.source(path));
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    group = match (source, &diagnostic.place, path) {
        (Some(text), Some(place), Some(path)) => {
            let (line, caret) = line_of(text, place);
            let caret = AnnotationKind::Primary.span(caret);
            group.element(Snippet::source(line).line_start(place.line).path(path).annotation(caret))
        }
        (_, Some(place), Some(path)) => group.element(Origin::path(path).line(place.line).char_column(place.column)),
        (_, _, Some(path)) => group.element(Origin::path(path)),
        (_, _, None) => group,
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    renderer.render(&[group])
}

/// The first line of a span, made visible, and the part of the span that lies in it.
fn line_of(text: &str, place: &Place) -> (String, Range<usize>) {
    let Range { start, end } = place.span;
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let mut safe = String::with_capacity(line.len());
    let mut caret = None..None;
    for (place, (offset, c)) in line.char_indices().enumerate() {
        let at = line_start + offset;
        if at >= start {
            caret.start.get_or_insert(safe.len());
        }
        if at >= end {
            caret.end.get_or_insert(safe.len());
        }
        if place >= MAX_LINE && caret.start.is_some() {
            break;
        }
        safe.push(shown(c));
    }
    let from = caret.start.unwrap_or(safe.len());
    let to = caret.end.unwrap_or(safe.len()).max(from);
    (safe, from..to)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::diagnostics::{Diagnostics, Problems};

    fn rendered(text: &str, span: std::ops::Range<usize>, colour: bool) -> String {
        let mut problems = Problems::of(Path::new("scenarios/a.toml"), text);
        problems.at(span, "unknown key `poool`").help("did you mean `pool`?");
        problems.into_diagnostics().render(colour)
    }

    /// What a person sees.
    #[test]
    fn a_problem_shows_its_line() {
        insta::assert_snapshot!(rendered("[stack]\n\tpoool = {}\n", 9..14, false), @r"
        error: unknown key `poool`
         --> scenarios/a.toml:2:2
          |
        2 |  poool = {}
          |  ^^^^^
          |
          = help: did you mean `pool`?
        ");
    }

    /// Colour is there when asked for and not otherwise.
    #[test]
    fn colour_only_when_asked_for() {
        assert!(rendered("poool", 0..5, true).contains('\x1b'));
        assert!(!rendered("poool", 0..5, false).contains('\x1b'));
    }

    /// Columns are those of the file even behind wide and hostile characters, which are shown and not acted on.
    #[test]
    fn hostile_text_is_shown() {
        let text = "\"é\x1b[31m\u{202e}\u{202e}\" poool";
        let start = text.find("poool").unwrap();
        let shown = rendered(text, start..start + 5, false);
        assert!(shown.contains(":1:12"), "{shown}");
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
        let mut problems = Problems::of(Path::new("\x1b[31m.toml"), "");
        problems.at(0..0, "\x1b[2J\nerror: forged").help("\x07");
        let shown = problems.into_diagnostics().render(false);
        assert!(!shown.contains(['\x1b', '\x07']) && !shown.contains("\nerror: forged"), "{shown:?}");
    }

    /// The end of the file, spans over several lines and empty files can all be pointed at.
    #[test]
    fn every_span_can_be_shown() {
        for text in ["", "\n", "a = [\n1,\n2]\n", "µ\r\nµ"] {
            for start in 0..=text.len() + 1 {
                for end in start..=text.len() + 1 {
                    assert!(rendered(text, start..end, false).contains("scenarios/a.toml:"), "{text:?} {start}..{end}");
                }
            }
        }
    }

    /// Problems of whole files and of none are said without a line, and a flood of problems is cut and counted.
    #[test]
    fn problems_without_a_place_are_said() {
        let missing = Diagnostics::placeless(Some(Path::new("nowhere")), "no such folder", None).to_string();
        assert_eq!(missing, "error: no such folder\n--> nowhere");
        let none = Diagnostics::placeless(None, "the filter selects nothing", Some("drop it".into())).to_string();
        assert_eq!(none, "error: the filter selects nothing\n |\n = help: drop it");
        let mut problems = Problems::of(Path::new("a"), "");
        (0..60).for_each(|_| problems.at(0..0, "again").maybe_help(None));
        assert!(problems.into_diagnostics().to_string().ends_with("and 10 more problems"));
    }
}
