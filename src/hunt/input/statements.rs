//! Splits SQL text into statements, so that an error can name its line.
//!
//! Knows what psql knows about the lexical structure: quotes, dollar quotes, nested comments, `BEGIN ATOMIC` bodies
//! and lines of psql's own (which begin with a backslash and are left out). It never judges the SQL.

/// One statement and the line on which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hunt) struct Statement<'a> {
    pub(in crate::hunt) line: usize,
    pub(in crate::hunt) text: &'a str,
}

/// The statements of a text, without empty ones.
pub(in crate::hunt) fn split(text: &str) -> Vec<Statement<'_>> {
    let bytes = text.as_bytes();
    let mut statements = Vec::new();
    // Where the statement begins, once something other than white space or a comment was seen.
    let mut start: Option<usize> = None;
    let mut atomic = AtomicBody::default();
    let mut parens = 0usize;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let byte = bytes[at];
        if rest.starts_with("--") || (byte == b'\\' && start.is_none()) {
            at += rest.find('\n').map_or(rest.len(), |end| end + 1);
            continue;
        }
        if rest.starts_with("/*") {
            at += comment(rest);
            continue;
        }
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if byte == b';' && parens == 0 && !atomic.is_open() {
            if let Some(start) = start.take() {
                statements.push(Statement { line: line_of(text, start), text: &text[start..at] });
            }
            atomic = AtomicBody::default();
            at += 1;
            continue;
        }
        start.get_or_insert(at);
        at += match byte {
            b'\'' => quoted(rest, b'\'', false),
            b'"' => quoted(rest, b'"', false),
            b'$' => dollar_quoted(rest).unwrap_or(1),
            b'(' => {
                parens += 1;
                1
            }
            b')' => {
                parens = parens.saturating_sub(1);
                1
            }
            _ if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => {
                let length = word(rest);
                let escapes = length == 1 && byte.eq_ignore_ascii_case(&b'e') && bytes.get(at + 1) == Some(&b'\'');
                if escapes {
                    1 + quoted(&rest[1..], b'\'', true)
                } else {
                    atomic.see(&rest[..length]);
                    length
                }
            }
            _ => 1,
        };
    }
    if let Some(start) = start {
        statements.push(Statement { line: line_of(text, start), text: text[start..].trim_end() });
    }
    statements
}

/// The line of a byte offset, from 1.
pub(in crate::hunt) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// `BEGIN ATOMIC … END` holds semicolons; `CASE … END` may stand in it.
#[derive(Default)]
struct AtomicBody {
    depth: usize,
    after_begin: bool,
}

impl AtomicBody {
    fn is_open(&self) -> bool {
        self.depth > 0
    }

    fn see(&mut self, word: &str) {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        match self.depth {
            0 if self.after_begin && is("atomic") => self.depth = 1,
            0 => {}
            _ if is("case") => self.depth += 1,
            _ if is("end") => self.depth -= 1,
            _ => {}
        }
        self.after_begin = is("begin");
    }
}

/// Length of a quoted text including its quotes. A doubled quote reads as two quoted texts in a row.
fn quoted(rest: &str, quote: u8, escapes: bool) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length of `$tag$…$tag$`, if one begins here; `$1` is none.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let end = rest[1..].find('$')? + 1;
    let tag = &rest[1..end];
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return None;
    }
    let delimiter = &rest[..=end];
    let body = &rest[delimiter.len()..];
    Some(body.find(delimiter).map_or(rest.len(), |close| delimiter.len() + close + delimiter.len()))
}

/// Length of a comment, nested ones included.
fn comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a word. A dollar sign may stand inside of one.
fn word(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        split(sql).into_iter().map(|statement| statement.text).collect()
    }

    /// A semicolon inside of quotes, dollar quotes, comments, parentheses or an atomic body ends no statement.
    #[test]
    fn semicolons_inside_of_something_do_not_split() {
        for whole in [
            "SELECT 'a;b''c;'",
            "SELECT E'a\\';b'",
            "SELECT \"a;b\"",
            "DO $$ BEGIN PERFORM 1; END $$",
            "DO $x$ SELECT $$;$$; $x$",
            "SELECT /* ; /* ; */ ; */ 1",
            "SELECT 1 -- ;\n + 1",
            "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END",
            "SELECT a$b$c, $1",
        ] {
            assert_eq!(texts(&format!("{whole};\nSELECT 2;")), [whole, "SELECT 2"], "{whole}");
        }
    }

    /// A plain BEGIN is a statement, and what follows it are others.
    #[test]
    fn a_transaction_block_is_not_an_atomic_body() {
        assert_eq!(texts("BEGIN; SELECT 1; END; COMMIT"), ["BEGIN", "SELECT 1", "END", "COMMIT"]);
    }

    /// A statement's line is the one of its first word, past comments and psql's own lines.
    #[test]
    fn lines_are_counted() {
        let sql = "\\restrict x;y\n-- a comment;\n\nSELECT 1;\n/* two\nlines */ SELECT\n2;;\n";
        let lines: Vec<usize> = split(sql).into_iter().map(|statement| statement.line).collect();
        assert_eq!(lines, [4, 6]);
        assert_eq!(texts(sql), ["SELECT 1", "SELECT\n2"]);
    }

    /// What never ends is one last statement, for the server to complain about, and no panic.
    #[test]
    fn open_ends_are_kept() {
        for open in ["SELECT 'a;", "SELECT $$a;", "SELECT /* ;", "SELECT E'\\", "SELECT \"é;", "$"] {
            assert_eq!(texts(open).len(), 1, "{open}");
        }
    }
}
