//! Property tests over all renderers: whatever a scenario or a database says, the structure of a report is the same.

use proptest::prelude::*;

use super::model::{RunReport, Trouble};
use super::{Colour, html, json, junit, markdown, sample, terminal};

/// The passing sample in which a scenario and a database say `text`. Sentences in which backticks quote names are left
/// alone; they are the sample test's business.
fn saying(text: &str) -> RunReport {
    let mut report = sample::passing();
    report.not_run = vec![text.to_owned()];
    report.elsewhere = vec![Trouble { scenario: text.to_owned(), message: "no container".to_owned() }];
    for scenario in &mut report.scenarios {
        let texts = [&mut scenario.header.scenario, &mut scenario.header.path, &mut scenario.header.server_version];
        texts.into_iter().for_each(|field| text.clone_into(field));
        text.clone_into(&mut scenario.header.toml);
        text.clone_into(&mut scenario.why);
        for fault in &mut scenario.judgement.faults {
            text.clone_into(&mut fault.name);
        }
        for check in &mut scenario.judgement.checks {
            text.clone_into(&mut check.condition);
            text.clone_into(&mut check.observed);
        }
        for leak in scenario.judgement.findings.iter_mut().flat_map(|finding| &mut finding.evidence) {
            text.clone_into(&mut leak.table);
            leak.context = leak.context.as_ref().map(|_| text.to_owned());
        }
    }
    report
}

/// Any text, thick with characters that mean something to one of the formats.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "<",
        ">",
        "&",
        "\"",
        "'",
        "`",
        "|",
        "\\",
        "]]>",
        "<!--",
        "-->",
        "\n",
        "\r",
        "\u{1b}[2J",
        "\u{0}",
        "\u{202e}",
        "#",
        "- ",
        "*",
        "_",
        "$",
        "://",
        "\u{ffff}",
        "<b",
        "</td>",
        "; ",
        ", ",
    ]);
    prop::collection::vec(prop_oneof![special.prop_map(str::to_owned), any::<String>()], 1..8)
        .prop_map(|parts| parts.concat())
}

fn count(text: &str, of: char) -> usize {
    text.matches(of).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The page has the same tags and attributes whatever is said in it.
    #[test]
    fn html_keeps_its_structure(text in any_text()) {
        let (page, plain) = (html(&saying(&text)), html(&saying("plain")));
        for c in ['<', '>', '"'] {
            prop_assert_eq!(count(&page, c), count(&plain, c));
        }
    }

    /// The file has the same cases and properties whatever is said in it, and every reader can parse it.
    #[test]
    fn junit_keeps_its_structure(text in any_text()) {
        let (file, plain) = (junit(&saying(&text)), junit(&saying("plain")));
        prop_assert_eq!(count(&file, '<'), count(&plain, '<'));
        prop_assert!(quick_junit::Report::deserialize_from_str(&file).is_ok());
    }

    /// Each table keeps its columns and its rows, and every code span is closed on its line.
    #[test]
    fn markdown_keeps_its_structure(text in any_text()) {
        let (page, plain) = (markdown(&saying(&text)), markdown(&saying("plain")));
        prop_assert_eq!(page.lines().count(), plain.lines().count());
        for (line, same) in page.lines().zip(plain.lines()) {
            if same.starts_with('|') {
                prop_assert_eq!(count(line, '|'), count(same, '|'), "{}", line);
            }
            prop_assert_eq!(count(&line.replace("\\`", ""), '`') % 2, 0, "{}", line);
        }
    }

    /// Nothing reaches the terminal but text and, with colour, the colours of verdicts.
    #[test]
    fn the_terminal_gets_text_only(text in any_text()) {
        let shown = terminal(&saying(&text), Colour::Off, 100);
        prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
        let coloured = terminal(&saying(&text), Colour::On, 100);
        prop_assert_eq!(count(&coloured, '\u{1b}'), count(&terminal(&saying("plain"), Colour::On, 100), '\u{1b}'));
    }

    /// JSON keeps every character.
    #[test]
    fn json_keeps_every_character(text in any_text()) {
        let report = saying(&text);
        prop_assert_eq!(serde_json::from_str::<RunReport>(&json(&report)).unwrap(), report);
    }
}
