//! The table at the end of a run, and the first thing to look at.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::UnicodeWidthStr;

use crate::oracle::Verdict;

use super::model::{RunReport, ScenarioReport};
use super::text::{count, line};
use super::words;

/// Columns below which a table cannot be read; a narrower terminal wraps.
const NARROWEST: u16 = 60;
/// Columns above which an eye loses its row.
const WIDEST: u16 = 160;
/// Scenarios whose reasons are printed; the files hold the others.
const MAX_REASONS: usize = 10;

/// Whether verdicts are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With ANSI escapes.
    On,
    /// Plain text: for `NO_COLOR`, a pipe or a file.
    Off,
}

/// The end of a run in `width` columns: a table of the scenarios, why some did not pass, and last, nearest to the
/// prompt, the first thing to look at.
pub fn terminal(report: &RunReport, colour: Colour, width: u16) -> String {
    let width = width.clamp(NARROWEST, WIDEST);
    let mut text = String::new();
    if !report.scenarios.is_empty() {
        text.push_str(&scenarios(report, colour, width));
        text.push('\n');
    }
    for (word, verdict, what) in reasons(report).take(MAX_REASONS) {
        text.push_str(&hanging(word, verdict, &what, colour, width));
    }
    let left_out = reasons(report).count().saturating_sub(MAX_REASONS);
    if left_out > 0 {
        text.push_str(&format!("{:INDENT$}and {} more, in the report\n", "", count(left_out as u64)));
    }
    text.push('\n');
    let totals = format!(
        "{}; planted bugs caught: {}; foreign rows: {}",
        words::tally(report),
        count(report.totals.planted_caught),
        words::run_leaks(report)
    );
    text.push_str(&hanging("total", None, &totals, colour, width));
    text.push_str(&hanging("first", Some(report.verdict), &report.first_look, colour, width));
    text
}

fn scenarios(report: &RunReport, colour: Colour, width: u16) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(["verdict", "scenario", "findings", "touched", "price at scale"]);
    for scenario in &report.scenarios {
        table.add_row(row(scenario));
    }
    if let Some(price) = table.column_mut(4) {
        price.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| paint_verdict(line.trim_end(), colour) + "\n").collect()
}

fn row(scenario: &ScenarioReport) -> [String; 5] {
    [
        words::scenario_verdict(scenario),
        line(&scenario.header.scenario),
        words::findings(scenario).replace(", ", "\n"),
        line(&words::touched(scenario)),
        words::price(scenario.price.at_scale),
    ]
}

/// Why scenarios did not pass, what could not run, and what was not undone.
fn reasons(report: &RunReport) -> impl Iterator<Item = (&'static str, Option<Verdict>, String)> + '_ {
    let judged = report.scenarios.iter().filter(|s| s.verdict != Verdict::Pass).map(|s| {
        let reason = s.reasons.first().map_or("no reason was recorded", String::as_str);
        (words::verdict(s.verdict), Some(s.verdict), format!("{}: {reason}", s.header.scenario))
    });
    let troubles =
        report.troubles.iter().map(|t| ("trouble", Some(Verdict::Fail), format!("{}: {}", t.scenario, t.message)));
    let unclean = report.scenarios.iter().filter(|s| !s.clean).map(|s| {
        ("not undone", Some(Verdict::Inconclusive), format!("{}: run `tenant-chaos clean`", s.header.scenario))
    });
    judged.chain(troubles).chain(unclean)
}

/// Width of the word before a hanging paragraph, its blanks included.
const INDENT: usize = 15;

fn hanging(word: &str, verdict: Option<Verdict>, text: &str, colour: Colour, width: u16) -> String {
    let mut lines = String::new();
    for (place, part) in wrap(&line(text), usize::from(width) - INDENT).into_iter().enumerate() {
        let word = if place == 0 { word } else { "" };
        let pad = " ".repeat(INDENT - 1 - word.width());
        let word = verdict.map_or_else(|| word.to_owned(), |verdict| paint(word, verdict, colour));
        lines.push_str(&format!(" {word}{pad}{part}\n"));
    }
    lines
}

/// Lines of at most `width` columns, broken between words; a longer word is broken where it must.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.width());
        if last > 0 && last + 1 + word.width() > width {
            lines.push(String::new());
        } else if last > 0 {
            push(&mut lines, ' ');
        }
        for c in word.chars() {
            let mut bytes = [0; 4];
            let full = lines.last().is_some_and(|line| line.width() + c.encode_utf8(&mut bytes).width() > width);
            if full {
                lines.push(String::new());
            }
            push(&mut lines, c);
        }
    }
    lines
}

fn push(lines: &mut [String], c: char) {
    lines.last_mut().expect("wrap starts with one line and never takes one away").push(c);
}

/// Colours the verdict with which a line of the table begins. Only the first column stands there, and it holds no
/// foreign text.
fn paint_verdict(line: &str, colour: Colour) -> String {
    for verdict in [Verdict::Pass, Verdict::Inconclusive, Verdict::Fail] {
        let word = words::verdict(verdict);
        if let Some(rest) = line.strip_prefix(' ').and_then(|line| line.strip_prefix(word))
            && rest.starts_with(' ')
        {
            return format!(" {}{rest}", paint(word, verdict, colour));
        }
    }
    line.to_owned()
}

fn paint(word: &str, verdict: Verdict, colour: Colour) -> String {
    let code = match verdict {
        Verdict::Pass => 32,
        Verdict::Inconclusive => 33,
        Verdict::Fail => 31,
    };
    match colour {
        Colour::On if !word.is_empty() => format!("\u{1b}[1;{code}m{word}\u{1b}[0m"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The end of a run as people see it, in a small terminal and in a large one.
    #[test]
    fn terminal_snapshots() {
        insta::assert_snapshot!("terminal_80", terminal(&sample::mixed(), Colour::Off, 80));
        insta::assert_snapshot!("terminal_200", terminal(&sample::mixed(), Colour::Off, 200));
        insta::assert_snapshot!("terminal_passing", terminal(&sample::passing(), Colour::Off, 100));
    }

    /// No line is wider than the terminal, and colour changes no character.
    #[test]
    fn lines_fit_and_colour_only_colours() {
        for report in [sample::mixed(), sample::hostile(), sample::passing()] {
            for width in [60, 80, 120, 200] {
                let plain = terminal(&report, Colour::Off, width);
                let widest = plain.lines().max_by_key(|line| line.width()).unwrap();
                assert!(widest.width() <= usize::from(width), "{} > {width}: {widest}", widest.width());
                let coloured = terminal(&report, Colour::On, width);
                assert!(coloured.contains("\u{1b}[1;3"));
                let bare = [31, 32, 33].iter().fold(coloured, |text, c| text.replace(&format!("\u{1b}[1;{c}m"), ""));
                assert_eq!(bare.replace("\u{1b}[0m", ""), plain);
            }
        }
    }

    /// Nothing that a scenario or a database says can move the cursor, colour the screen or turn the writing.
    #[test]
    fn hostile_text_stays_text() {
        let text = terminal(&sample::hostile(), Colour::Off, 100);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(!text.contains(['\u{202e}', '\u{200b}']));
        assert!(text.contains("⟨U+001B⟩"));
    }
}
