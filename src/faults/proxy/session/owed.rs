//! What the server owes.

use std::sync::Arc;

use super::super::context::Change;
use super::super::rule::{Cut, Kind};
use super::super::rules::Active;
use super::prepared::{Prepared, Run};

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) answer: Answer,
    /// The client did not ask and does not hear of it.
    pub(super) hidden: bool,
}

impl Owed {
    pub(super) fn shown(answer: Answer) -> Self {
        Self { answer, hidden: false }
    }

    pub(super) fn hidden(answer: Answer) -> Self {
        Self { answer, hidden: true }
    }
}

/// Which answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// To `Parse`, with the statement's name, which an error takes away again.
    Parse(Option<Box<[u8]>>),
    Bind,
    Close,
    /// To `Describe`, with what was described.
    Describe(Option<Arc<Prepared>>),
    Execute(Run, Option<(Cut, Arc<Active>)>),
    Query(Batch),
    Sync,
    Function,
    /// Nothing: the client has sent the end of a COPY before it was asked for one.
    CopyEnd,
    /// Nothing: the proxy answers.
    Synthetic(Synthetic),
}

impl Answer {
    /// Whether the server's `ReadyForQuery` ends it.
    pub(super) fn ends_with_ready(&self) -> bool {
        matches!(self, Answer::Query(_) | Answer::Sync | Answer::Function)
    }
}

/// One completed statement.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) change: Option<Change>,
    /// The first table that it names, as evidence.
    pub(super) table: Option<Arc<str>>,
}

/// The statements of one simple query.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) steps: Vec<Step>,
    pub(super) done: usize,
    /// Answers in the server's place, each after so many statements.
    pub(super) inserts: Vec<(usize, Synthetic)>,
    /// The connection is cut after this statement's reply.
    pub(super) cut: Option<(usize, Cut, Arc<Active>)>,
    /// The connection is cut when all of it has been done.
    pub(super) cut_at_end: Option<(Cut, Arc<Active>)>,
}

/// An answer in the server's place.
#[derive(Debug)]
pub(super) struct Synthetic {
    pub(super) bytes: Vec<u8>,
    /// `ReadyForQuery` follows, with the status as it then is.
    pub(super) ready: bool,
    /// What the client believes to have been done.
    pub(super) change: Option<Change>,
}
