//! Tokens of SQL text, without copying it. Encodings that keep ASCII as it is are read as bytes.

use std::ops::Range;

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A key word or a plain identifier.
    Word(&'a [u8]),
    /// An identifier in double quotes, without them.
    Quoted(&'a [u8]),
    /// A literal in single quotes or dollars, without them; doubled quotes are still doubled.
    Literal(&'a [u8]),
    /// `$1`.
    Parameter(u16),
    /// A number.
    Number(&'a [u8]),
    /// `;`.
    End,
    /// Any other character.
    Symbol(u8),
}

impl Token<'_> {
    /// Whether it is this key word, in small letters.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(text) if text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether it is this character.
    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        *self == Token::Symbol(symbol)
    }
}

/// The tokens of a text with their places.
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            self.at += match rest {
                [blank, ..] if blank.is_ascii_whitespace() => 1,
                [b'-', b'-', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
                [b'/', b'*', ..] => comment(rest),
                _ => return,
            };
        }
    }
}

/// Length of a comment, which may hold others.
fn comment(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0u32, 0);
    while at < text.len() {
        match text[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of what stands between quotes, which may be doubled within, and whether a backslash takes the next byte along.
fn quoted(text: &[u8], quote: u8, backslash: bool) -> usize {
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' if backslash => at += 2,
            byte if byte == quote && text.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at,
            _ => at += 1,
        }
    }
    text.len()
}

/// The delimiter of a dollar-quoted text, such as `$body$`.
fn dollar(text: &[u8]) -> Option<&[u8]> {
    let end = text.get(1..)?.iter().position(|byte| *byte == b'$')? + 1;
    let tag = &text[1..end];
    let plain = tag.iter().all(|byte| is_word(*byte) && *byte != b'$');
    (plain && !tag.first().is_some_and(u8::is_ascii_digit)).then(|| &text[..=end])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Token<'a>, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks();
        let (start, rest) = (self.at, self.rest());
        let inside = |open: usize, quote: u8, backslash: bool| {
            let length = quoted(&rest[open..], quote, backslash);
            (&rest[open..open + length], (open + length + 1).min(rest.len()))
        };
        let (token, length) = match *rest.first()? {
            b'\'' => {
                let (text, length) = inside(1, b'\'', false);
                (Token::Literal(text), length)
            }
            b'e' | b'E' if rest.get(1) == Some(&b'\'') => {
                let (text, length) = inside(2, b'\'', true);
                (Token::Literal(text), length)
            }
            b'"' => {
                let (text, length) = inside(1, b'"', false);
                (Token::Quoted(text), length)
            }
            b'$' if rest.get(1).is_some_and(u8::is_ascii_digit) => {
                let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let number = std::str::from_utf8(&rest[1..=digits]).ok().and_then(|text| text.parse().ok());
                (number.map_or(Token::Symbol(b'$'), Token::Parameter), digits + 1)
            }
            b'$' => match dollar(rest) {
                Some(tag) => {
                    let body = &rest[tag.len()..];
                    let end = body.windows(tag.len()).position(|window| window == tag).unwrap_or(body.len());
                    (Token::Literal(&body[..end]), (end + 2 * tag.len()).min(rest.len()))
                }
                None => (Token::Symbol(b'$'), 1),
            },
            b';' => (Token::End, 1),
            digit if digit.is_ascii_digit() => {
                let length = rest.iter().take_while(|byte| is_word(**byte) || **byte == b'.').count();
                (Token::Number(&rest[..length]), length)
            }
            byte if is_word(byte) => {
                let length = rest.iter().take_while(|byte| is_word(**byte)).count();
                (Token::Word(&rest[..length]), length)
            }
            symbol => (Token::Symbol(symbol), 1),
        };
        self.at = start + length;
        Some((token, start..self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        Tokens::of(text.as_bytes()).map(|(token, _)| token).collect()
    }

    /// A semicolon within a literal, a quoted name or a comment ends no statement.
    #[test]
    fn semicolons_within_quotes_end_nothing() {
        let texts = ["'a;''b'", "E'a\\';'", "\"a;b\"", "$$a;b$$", "$x$a;$$;b$x$", "/* ; /* ; */ ; */ 1", "-- ;\n1"];
        for text in texts {
            let found = tokens(text);
            assert!(found.len() == 1 && found[0] != Token::End, "{text}: {found:?}");
        }
        assert_eq!(tokens("a;b"), [Token::Word(b"a"), Token::End, Token::Word(b"b")]);
    }

    /// Parameters, casts and numbers are told apart, and text that ends too early ends the tokens.
    #[test]
    fn odd_texts_are_read_to_their_end() {
        let cast = [Token::Parameter(12), Token::Symbol(b':'), Token::Symbol(b':'), Token::Word(b"text")];
        assert_eq!(tokens("$12::text"), cast);
        assert_eq!(tokens("1.5e3"), [Token::Number(b"1.5e3")]);
        for open in ["'abc", "\"abc", "$$abc", "/* abc", "E'abc\\", "$", "$99999999"] {
            assert!(tokens(open).len() <= 1, "{open}");
        }
    }
}
