//! The table at the end of a run, and the first thing to look at.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::oracle::Verdict;

use super::model::{RunReport, ScenarioReport};
use super::text::line;
use super::words;
use crate::wording::count;

/// The table needs this many columns; a narrower terminal wraps its lines.
const NARROWEST: u16 = 80;
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
    if let Some(year) = &report.year {
        text.push_str(&hanging("money", None, &year.sentence(), colour, width));
    }
    text.push_str(&hanging("first", Some(report.verdict), &report.first_look, colour, width));
    text
}

fn scenarios(report: &RunReport, colour: Colour, width: u16) -> String {
    let mut table = Table::new();
    // Cells come wrapped, so that names and codes stay whole where a general rule would cut them.
    table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["verdict", "scenario", "findings", "touched", "price\nat scale"]);
    for scenario in &report.scenarios {
        table.add_row(row(scenario, column_widths(usize::from(width))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    if let Some(price) = table.column_mut(4) {
        price.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| paint_verdict(line.trim_end(), colour) + "\n").collect()
}

/// What the columns may take: each has what its words need at the least, names and effects share the rest.
fn column_widths(width: usize) -> [usize; 5] {
    const LEAST: [usize; 5] = [12, 20, 14, 13, 12];
    /// A blank before each column and one between two.
    const GAPS: usize = 9;
    let mut rest = width.saturating_sub(LEAST.iter().sum::<usize>() + GAPS);
    let mut widths = LEAST;
    for (column, more) in [(1, 22), (3, 27), (0, 12), (2, 10), (4, 14)] {
        let given = more.min(rest);
        widths[column] += given;
        rest -= given;
    }
    widths
}

fn row(scenario: &ScenarioReport, widths: [usize; 5]) -> [String; 5] {
    let [verdict, name, findings, touched, price] = widths;
    let cell = |parts: &[String], width: usize, breaks: &[char]| {
        parts.iter().flat_map(|part| wrap(&line(part), width, breaks)).collect::<Vec<_>>().join("\n")
    };
    [
        cell(&[words::scenario_verdict(scenario)], verdict, BLANKS),
        cell(std::slice::from_ref(&scenario.header.scenario), name, DASHES),
        cell(&words::findings(scenario), findings, BLANKS),
        cell(&words::touched(scenario), touched, BLANKS),
        cell(&[words::price(scenario.price.at_scale)], price, BLANKS),
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
    let elsewhere =
        report.elsewhere.iter().map(|each| ("elsewhere", None, format!("{}: {}", each.scenario, each.message)));
    judged.chain(troubles).chain(unclean).chain(elsewhere)
}

/// Width of the word before a hanging paragraph, its blanks included.
const INDENT: usize = 15;

fn hanging(word: &str, verdict: Option<Verdict>, text: &str, colour: Colour, width: u16) -> String {
    let mut lines = String::new();
    for (place, part) in wrap(&line(text), usize::from(width) - INDENT, BLANKS).into_iter().enumerate() {
        let word = if place == 0 { word } else { "" };
        let pad = " ".repeat(INDENT - 1 - word.width());
        let word = verdict.map_or_else(|| word.to_owned(), |verdict| paint(word, verdict, colour));
        lines.push_str(&format!(" {word}{pad}{part}\n"));
    }
    lines
}

/// Where prose and codes may be broken.
const BLANKS: &[char] = &[' '];
/// Where names may be broken, which are words joined by dashes.
const DASHES: &[char] = &[' ', '-'];

/// Lines of at most `width` columns, broken after one of `breaks`; a longer piece is broken where it must.
fn wrap(text: &str, width: usize, breaks: &[char]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for piece in text.split_inclusive(breaks) {
        if !current.is_empty() && current.width() + piece.trim_end().width() > width {
            lines.push(std::mem::take(&mut current));
        }
        for c in piece.chars() {
            let over = current.width() + c.width().unwrap_or(0) > width;
            // A blank at the end of a line needs no room.
            if over && c != ' ' {
                lines.push(std::mem::take(&mut current));
            }
            current.push(c);
        }
    }
    lines.push(current);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
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

    /// Lines break at blanks and after dashes, keep every character but the blank at the break, and fit even when a word
    /// or a wide character does not.
    #[test]
    fn text_is_wrapped_where_it_may_break() {
        assert_eq!(wrap("control-without-faults", 12, DASHES), ["control-", "without-", "faults"]);
        assert_eq!(wrap("a bc de-fgh", 4, BLANKS), ["a bc", "de-f", "gh"]);
        assert_eq!(wrap("日本語 x", 4, BLANKS), ["日本", "語 x"]);
        assert_eq!(wrap("", 4, BLANKS), [""]);
    }

    /// No line is wider than the terminal, and colour changes no character.
    #[test]
    fn lines_fit_and_colour_only_colours() {
        for report in [sample::mixed(), sample::hostile(), sample::passing()] {
            for width in [80, 90, 120, 200] {
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
