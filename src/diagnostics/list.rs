//! A list of problems over one or several files, with the texts that they are in.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file or folder as the user named it; `None` if the problem lies in none.
    pub path: Option<PathBuf>,
    /// Where in the file; `None` if the file as a whole is the problem.
    pub place: Option<Place>,
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes.
    pub span: Range<usize>,
}

impl Place {
    /// The place of a byte span. A span that does not fit the text is moved to the nearest one that does.
    pub fn of(text: &str, span: Range<usize>) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        Self { line, column: before[line_start..].chars().count() + 1, span: start..end }
    }
}

/// The largest character boundary up to an index.
fn floor(text: &str, index: usize) -> usize {
    let index = index.min(text.len());
    (0..=index).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

/// All problems of one or several files, sorted by place. As text (`Display`), every problem with its line and a caret.
#[derive(Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: BTreeMap<PathBuf, Arc<str>>,
}

impl Diagnostics {
    /// A problem without a place in a file: a missing folder, a filter that selects nothing.
    pub fn placeless(path: Option<&Path>, message: impl Into<String>, help: Option<String>) -> Self {
        let path = path.map(Path::to_path_buf);
        Self::new(vec![Diagnostic { path, place: None, message: message.into(), help }], BTreeMap::new())
    }

    pub(super) fn new(mut list: Vec<Diagnostic>, sources: BTreeMap<PathBuf, Arc<str>>) -> Self {
        list.sort_by(by_place);
        Self { list, sources }
    }

    /// Takes over the problems of other files.
    pub fn merge(&mut self, others: Diagnostics) {
        self.list.extend(others.list);
        self.list.sort_by(by_place);
        self.sources.extend(others.sources);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many problems.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The problems, by place.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// The text of a file, if a problem has a place in it.
    pub(super) fn source(&self, path: &Path) -> Option<&str> {
        self.sources.get(path).map(|text| &**text)
    }

    /// For terminals: each problem with file, line, column, the line itself, a caret and what to do.
    pub fn render(&self, colour: bool) -> String {
        super::render::render(self, colour)
    }

    /// For tools: a list of `{path, line, column, span: [from, to], message, help}`; what there is not is null.
    pub fn to_json(&self) -> Value {
        let one = |diagnostic: &Diagnostic| {
            let place = diagnostic.place.as_ref();
            json!({
                "path": diagnostic.path.as_ref().map(|path| path.display().to_string()),
                "line": place.map(|place| place.line),
                "column": place.map(|place| place.column),
                "span": place.map(|place| [place.span.start, place.span.end]),
                "message": diagnostic.message,
                "help": diagnostic.help,
            })
        };
        self.list.iter().map(one).collect()
    }
}

fn by_place(left: &Diagnostic, right: &Diagnostic) -> std::cmp::Ordering {
    let key = |diagnostic: &Diagnostic| diagnostic.place.as_ref().map(|place| (place.span.start, place.span.end));
    left.path.cmp(&right.path).then_with(|| key(left).cmp(&key(right)))
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the texts of the files: `unwrap` prints this.
        f.debug_list().entries(&self.list).finish()
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines and columns count characters from 1, whatever the bytes, and no span panics.
    #[test]
    fn places_count_characters() {
        let text = "a = 1\n\"é\" = µ\r\n";
        let place = |span| Place::of(text, span);
        assert_eq!((place(0..1).line, place(0..1).column), (1, 1));
        let mu = text.find('µ').unwrap();
        assert_eq!((place(mu..mu + 2).line, place(mu..mu + 2).column), (2, 7));
        assert_eq!(place(mu + 1..mu + 2).span, mu..mu + 2, "inside a character: from its start");
        assert_eq!(place(900..1000).span, text.len()..text.len());
    }

    /// Problems of several files come in the order of files and places, those of a whole file first.
    #[test]
    fn merged_lists_are_sorted() {
        let at = |path: &str, line| Diagnostic {
            path: Some(path.into()),
            place: Some(Place { line, column: 1, span: line..line }),
            message: String::new(),
            help: None,
        };
        let mut all = Diagnostics::new(vec![at("b", 2), at("b", 1)], BTreeMap::new());
        all.merge(Diagnostics::new(vec![at("a", 9)], BTreeMap::new()));
        all.merge(Diagnostics::placeless(Some(Path::new("b")), "too large", None));
        let order: Vec<_> =
            all.iter().map(|one| (one.path.clone().unwrap(), one.place.as_ref().map(|p| p.line))).collect();
        let b = || PathBuf::from("b");
        assert_eq!(order, [("a".into(), Some(9)), (b(), None), (b(), Some(1)), (b(), Some(2))]);
        assert_eq!(all.to_json()[0]["line"], 9);
        assert!(all.to_json()[1]["line"].is_null());
    }
}
