//! What goes wrong, and when: a rule is a condition and a verdict.

use std::time::Duration;

pub use crate::scenario::{Cut, OnLink, OnStatement, StatementKind as Kind};

/// Which statements or connections a rule touches; all conditions must hold. The default touches all.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// Only statements of this kind.
    pub kind: Option<Kind>,
    /// Only statements that name this table.
    pub table: Option<String>,
    /// Only under this tenant context; a statement that sets the context counts as under the one that it sets.
    pub tenant: Option<String>,
    /// Only the statement that follows one of this kind in its session.
    pub after: Option<Kind>,
    /// Every nth that matches.
    pub nth: Option<u64>,
    /// Only the first n that match.
    pub first: Option<u64>,
    /// Share of those that match, 0..=1, drawn from the rule's own seeded stream.
    pub share: f64,
    /// Not before this long after the rule was installed.
    pub from: Duration,
    /// Not later than this long after the rule was installed.
    pub until: Option<Duration>,
}

impl Default for When {
    fn default() -> Self {
        Self {
            kind: None,
            table: None,
            tenant: None,
            after: None,
            nth: None,
            first: None,
            share: 1.0,
            from: Duration::ZERO,
            until: None,
        }
    }
}

/// A condition and what happens where it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The condition. Those on statements do not hold for a [`Verdict::Link`], which touches connections.
    pub when: When,
    /// What happens.
    pub verdict: Verdict,
    /// Under which the clients whose statements it touches are noted (see [`super::Touches`]); none are without one.
    pub label: Option<usize>,
}

impl Rule {
    /// Always.
    pub fn new(verdict: impl Into<Verdict>) -> Self {
        Self { when: When::default(), verdict: verdict.into(), label: None }
    }

    /// Notes whom it touches.
    #[must_use]
    pub fn label(self, label: usize) -> Self {
        Self { label: Some(label), ..self }
    }

    /// Only when a condition holds.
    #[must_use]
    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}

/// What happens to a statement or a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// To one statement.
    Statement(OnStatement),
    /// To one connection.
    Link(OnLink),
}

impl From<OnStatement> for Verdict {
    fn from(verdict: OnStatement) -> Self {
        Verdict::Statement(verdict)
    }
}

impl From<OnLink> for Verdict {
    fn from(verdict: OnLink) -> Self {
        Verdict::Link(verdict)
    }
}
