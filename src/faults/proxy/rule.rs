//! What goes wrong, and when: a rule is a condition and a verdict.

use std::time::Duration;

pub use crate::scenario::{Cut, StatementKind as Kind};

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
}

impl Rule {
    /// Always.
    pub fn new(verdict: impl Into<Verdict>) -> Self {
        Self { when: When::default(), verdict: verdict.into() }
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

/// What happens to one statement. `ReadyForQuery` always tells the server's true transaction status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnStatement {
    /// It never reaches the server, and the client is told that it was done. `set_config` answers with its value, a
    /// write with one row, a read with none. `COPY` cannot be swallowed.
    Swallow,
    /// The server fails it with this SQLSTATE, as if it had run into it: the transaction is aborted as by any error.
    Fail {
        /// Five letters and digits.
        sqlstate: String,
        /// Shown to the client.
        message: String,
    },
    /// It and everything behind it on its connection wait.
    Delay {
        /// This long.
        by: Duration,
        /// And up to this much longer.
        jitter: Duration,
    },
    /// It is done a second time once its batch has ended; the client does not hear of that.
    Duplicate,
    /// The client is told that it was done, and it is done after the next statement.
    Reorder,
    /// The connection is cut before it, after everything in front of it was sent.
    CutBefore(Cut),
    /// The connection is cut once the server has done it and said so, before the client hears of it.
    CutAfterReply(Cut),
}

/// What happens to a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum OnLink {
    /// Every reply takes longer; the order stays.
    Latency {
        /// By this much.
        add: Duration,
        /// And up to this much more, drawn for each.
        jitter: Duration,
    },
    /// Each direction carries at most this many bytes per second.
    Bandwidth {
        /// Over 0.
        bytes_per_s: u64,
    },
    /// Data arrives in slices.
    Slice {
        /// Bytes at most.
        bytes: usize,
        /// Between two of them.
        gap: Duration,
    },
    /// The connection is reset after this many bytes to the client, counted from the rule's first sight of it.
    Limit {
        /// So many.
        bytes: u64,
    },
    /// Nothing moves in either direction until the rule is healed; nothing is lost.
    Blackhole,
    /// The proxy reads what the server sends at this rate only, so that the server waits for its client.
    Drain {
        /// Over 0.
        bytes_per_s: u64,
    },
    /// The connection is cut: open ones at once, new ones when they come.
    Cut(Cut),
    /// New connections are reset before they reach the server; open ones are left alone.
    Refuse,
}
