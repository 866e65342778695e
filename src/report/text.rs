//! Numbers and foreign text, made fit for people: thousands marks, units, visible control characters.

use std::borrow::Cow;
use std::fmt::Write;

/// A count with thousands marks: `12,345`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 row`, `12,345 rows`.
pub(super) fn plural(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(n))
}

/// A length of time in three significant digits and the unit that suits it: `850 µs`, `12.4 ms`, `6 s`, `2 min 5 s`.
pub(super) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..999_500 => format!("{} ms", digits(us as f64 / 1e3)),
        999_500..60_000_000 => format!("{} s", digits(us as f64 / 1e6)),
        _ => {
            let s = us.saturating_add(500_000) / 1_000_000;
            match (s / 3_600, s / 60 % 60, s % 60) {
                (0, min, 0) => format!("{min} min"),
                (0, min, s) => format!("{min} min {s} s"),
                (h, min, _) => format!("{} h {min} min", count(h)),
            }
        }
    }
}

/// A moment of the run: `2.31 s`. Never changes its unit, so that a column of them can be compared.
pub(super) fn moment(us: u64) -> String {
    format!("{:.2} s", us as f64 / 1e6)
}

/// A share as percentage, two significant digits below 10%: `0.024%`, `3.1%`, `42%`.
pub(super) fn share(share: f64) -> String {
    percent(share, f64::round)
}

/// A share that is an upper bound: rounded up, so that the printed bound still is one.
pub(super) fn upper_share(share: f64) -> String {
    percent(share, f64::ceil)
}

fn percent(share: f64, round: fn(f64) -> f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() || percent <= 0.0 {
        return "0%".to_owned();
    }
    // Decimals that leave two significant digits; a percentage of 10 or more needs none.
    let decimals = (1 - percent.log10().floor() as i32).max(0);
    let scale = 10f64.powi(decimals);
    // A millionth of the last digit is noise of binary fractions, not a reason to round up.
    let rounded = round(percent * scale - 1e-6) / scale;
    let fixed = format!("{rounded:.*}", decimals as usize);
    format!("{}%", trim_zeros(&fixed))
}

/// Three significant digits without trailing zeros: `12.4`, `6`, `0.25`.
pub(super) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(fixed: &str) -> &str {
    if fixed.contains('.') { fixed.trim_end_matches('0').trim_end_matches('.') } else { fixed }
}

/// Foreign text with every character made visible that would otherwise act on its surroundings: control characters
/// (terminal escapes), marks that turn the direction of writing, characters of no width, code points that XML forbids.
/// `⟨U+001B⟩` stands for ESC. Line breaks and tabs stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            write!(shown, "⟨U+{:04X}⟩", c as u32).expect("writing to a String cannot fail");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// [`visible`] text on one line: every run of white space becomes one space.
pub(super) fn line(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `max` characters of [`line`]; an ellipsis says that there was more.
pub(super) fn short(text: &str, max: usize) -> String {
    let text = line(text);
    match text.char_indices().nth(max) {
        None => text,
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn acts(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // Soft hyphen, Arabic letter mark, zero width and direction marks, line and paragraph separators, embeddings,
        // overrides, isolates, invisible operators, byte order mark, annotations, tags.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        // Non-characters, which XML forbids.
        '\u{fdd0}'..='\u{fdef}' => true,
        _ => c.is_control() || c as u32 & 0xfffe == 0xfffe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers read as a person would write them, at every change of unit.
    #[test]
    fn numbers_have_marks_and_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((plural(1, "row"), plural(2, "row")), ("1 row".into(), "2 rows".into()));
        let shown = [0, 850, 1_000, 12_400, 999_499, 999_500, 6_000_000, 59_940_000, 125_000_000, 120_000_000];
        let expected = ["0 µs", "850 µs", "1 ms", "12.4 ms", "999 ms", "1 s", "6 s", "59.9 s", "2 min 5 s", "2 min"];
        assert_eq!(shown.map(duration), expected);
        assert_eq!(duration(7_260_000_000), "2 h 1 min");
    }

    /// A printed upper bound is never below the bound, and an ordinary share is rounded to the nearest.
    #[test]
    fn bounds_round_up_and_shares_to_the_nearest() {
        assert_eq!(upper_share(0.000_242_1), "0.025%");
        assert_eq!(share(0.000_242_1), "0.024%");
        assert_eq!(upper_share(0.05), "5%");
        assert_eq!([0.0, 0.031, 0.42, 1.0].map(share), ["0%", "3.1%", "42%", "100%"]);
        assert_eq!(upper_share(0.995), "100%");
    }

    /// Nothing that moves a cursor, turns the direction of writing or hides itself survives; ordinary text does.
    #[test]
    fn acting_characters_become_visible() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c\0"), "a⟨U+001B⟩[31mb⟨U+202E⟩c⟨U+0000⟩");
        assert!(matches!(visible("Ünïcødé 日本\nline\t2"), Cow::Borrowed(_)));
        assert_eq!(line("a\r\n  b\tc"), "a⟨U+000D⟩ b c");
        assert_eq!((short("abcdef", 6), short("abcdefg", 6)), ("abcdef".into(), "abcde…".into()));
    }
}
