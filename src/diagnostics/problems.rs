//! A collector for the problems of one file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::list::{Diagnostic, Diagnostics, Place};

/// Problems that are kept; beyond that each new one takes the place of the last. Nobody mends more at a time, and a
/// hostile file must not cost memory or time without bound.
const MAX_PROBLEMS: usize = 500;

/// Everything that is wrong with one file, so far.
#[derive(Debug)]
pub struct Problems {
    path: PathBuf,
    text: Arc<str>,
    list: Vec<Problem>,
}

/// A problem that is being written down.
#[derive(Debug)]
pub struct Problem {
    span: Option<Range<usize>>,
    message: String,
    help: Option<String>,
}

impl Problems {
    /// Nothing wrong with this file, so far.
    pub fn of(path: &Path, text: &str) -> Self {
        Self { path: path.to_path_buf(), text: text.into(), list: Vec::new() }
    }

    /// Something wrong at these bytes.
    pub fn at(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.push(Some(span), message.into())
    }

    /// Something wrong with the file as a whole.
    pub fn whole(&mut self, message: impl Into<String>) -> &mut Problem {
        self.push(None, message.into())
    }

    /// What the TOML parser or serde says.
    pub fn toml(&mut self, error: &toml::de::Error) -> &mut Problem {
        self.push(error.span(), error.message().to_owned())
    }

    fn push(&mut self, span: Option<Range<usize>>, message: String) -> &mut Problem {
        self.list.truncate(MAX_PROBLEMS - 1);
        self.list.push(Problem { span, message, help: None });
        self.list.last_mut().expect("one was pushed")
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing is wrong, so far.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many problems, so far.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The value if nothing is wrong, otherwise everything that is.
    ///
    /// # Errors
    /// The collected problems, by place.
    pub fn finish<T>(self, value: T) -> Result<T, Diagnostics> {
        if self.is_empty() { Ok(value) } else { Err(self.into_diagnostics()) }
    }

    /// The collected problems, by place.
    pub fn into_diagnostics(self) -> Diagnostics {
        let Self { path, text, list } = self;
        let list = list.into_iter().map(|Problem { span, message, help }| {
            let place = span.map(|span| Place::of(&text, span));
            Diagnostic { path: Some(path.clone()), place, message, help }
        });
        let list = list.collect();
        Diagnostics::new(list, BTreeMap::from([(path, text)]))
    }
}

impl Problem {
    /// What to do about it.
    pub fn help(&mut self, help: impl Into<String>) {
        self.help = Some(help.into());
    }

    /// What to do about it, if anybody knows.
    pub fn maybe_help(&mut self, help: Option<String>) {
        self.help = help;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file without problems gives the value; one with two gives both.
    #[test]
    fn all_problems_are_kept() {
        assert_eq!(Problems::of(Path::new("a"), "").finish(7).unwrap(), 7);
        let mut problems = Problems::of(Path::new("a"), "x = 1\ny = 2");
        problems.at(6..7, "second").help("drop it");
        problems.at(0..1, "first").maybe_help(None);
        let all = problems.finish(()).unwrap_err();
        let said: Vec<_> = all.iter().map(|one| (one.message.as_str(), one.help.as_deref())).collect();
        assert_eq!(said, [("first", None), ("second", Some("drop it"))]);
    }
}
