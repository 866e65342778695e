//! Foreign text, made fit for people: visible control characters, one line, an end.

use std::borrow::Cow;
use std::fmt::Write;

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

    /// Nothing that moves a cursor, turns the direction of writing or hides itself survives; ordinary text does.
    #[test]
    fn acting_characters_become_visible() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c\0"), "a⟨U+001B⟩[31mb⟨U+202E⟩c⟨U+0000⟩");
        assert!(matches!(visible("Ünïcødé 日本\nline\t2"), Cow::Borrowed(_)));
        assert_eq!(line("a\r\n  b\tc"), "a⟨U+000D⟩ b c");
        assert_eq!((short("abcdef", 6), short("abcdefg", 6)), ("abcdef".into(), "abcde…".into()));
    }
}
