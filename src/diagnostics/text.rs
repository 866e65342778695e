//! Foreign text made visible.

use std::borrow::Cow;

/// The text with every character that a terminal would act on replaced by one visible character.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| shown(c) == c) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(shown).collect())
    }
}

/// The visible stand-in of one character: Unicode's control pictures, or the replacement character for those that have
/// none and for those that change the direction or presence of other characters.
pub(super) fn shown(c: char) -> char {
    match c {
        '\t' => ' ',
        '\0'..='\x1f' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No control character survives, ordinary text is not copied, and the number of characters stays, so that columns
    /// do.
    #[test]
    fn nothing_is_acted_on() {
        let hostile: String = (0..0x3000).filter_map(char::from_u32).collect();
        let safe = visible(&hostile);
        assert!(!safe.chars().any(char::is_control));
        assert_eq!(safe.chars().count(), hostile.chars().count());
        assert_eq!(visible("\x1b[31m\u{202e}"), "␛[31m\u{fffd}");
        assert!(matches!(visible("größer"), Cow::Borrowed(_)));
    }
}
