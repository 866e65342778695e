//! Conditions, and the way from a part of a condition to its place in the file.

use std::borrow::Cow;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::DeValue;

use super::table::{Decode, Node, tell, wrong_type};
use crate::diagnostics::Problems;
use crate::scenario::condition_syntax::{self, Parsed};

/// A condition, and where its parts stand in the file.
#[derive(Debug)]
pub(in crate::scenario) struct Stated {
    pub(in crate::scenario) parsed: Parsed,
    literal: Literal,
}

impl Stated {
    /// Where a part of the condition stands in the file.
    pub(in crate::scenario) fn place(&self, part: &Range<usize>) -> Range<usize> {
        self.literal.place(part)
    }

    /// Where the whole condition stands in the file.
    pub(in crate::scenario) fn span(&self) -> Range<usize> {
        self.literal.span.clone()
    }
}

impl Decode for Stated {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let DeValue::String(text) = node.get_ref() else {
            wrong_type(node, &Self::shape(), problems);
            return None;
        };
        let literal = Literal::of(problems.text(), node.span(), text);
        match condition_syntax::parse(text) {
            Ok(parsed) => Some(Self { parsed, literal }),
            Err((part, wrong)) => {
                tell(literal.place(&part), wrong, problems);
                None
            }
        }
    }

    fn shape() -> String {
        "a condition in quotes, such as \"error_rate < 5%\"".into()
    }
}

impl JsonSchema for Stated {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A string literal of the file.
#[derive(Debug)]
struct Literal {
    span: Range<usize>,
    /// Where its content begins; `None` if it is written with escapes, so that places in it cannot be told.
    content: Option<usize>,
}

impl Literal {
    fn of(file: &str, span: Range<usize>, content: &str) -> Self {
        let raw = file.get(span.clone()).unwrap_or_default();
        let quotes = [3, 1].into_iter().find(|quotes| {
            let inner = raw.len().checked_sub(*quotes).and_then(|end| raw.get(*quotes..end));
            inner == Some(content)
        });
        Self { content: quotes.map(|quotes| span.start + quotes), span }
    }

    fn place(&self, part: &Range<usize>) -> Range<usize> {
        match self.content {
            Some(content) => content + part.start..content + part.end,
            None => self.span.clone(),
        }
    }
}
