//! Faults between the application and the server: the verbs of scenarios, and what the proxy on the wire does.

use std::time::Duration;

use super::vocabulary::Cut;

/// What goes wrong on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireFault {
    /// `protocol.drop-context`: the statement that sets the tenant context is swallowed.
    DropContext,
    /// To single statements: `protocol.*`.
    Statement(OnStatement),
    /// To connections: `network.*`.
    Link(OnLink),
}

impl WireFault {
    /// The name as scenarios spell it.
    pub fn name(&self) -> &'static str {
        match self {
            WireFault::DropContext => "protocol.drop-context",
            WireFault::Statement(verb) => verb.name(),
            WireFault::Link(verb) => verb.name(),
        }
    }

    /// Whether it can touch single statements.
    pub fn touches_statements(&self) -> bool {
        !matches!(self, WireFault::Link(verb) if !matches!(verb, OnLink::Latency { .. }))
    }
}

/// What happens to one statement. `ReadyForQuery` always tells the server's true transaction status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnStatement {
    /// `protocol.swallow`: it never reaches the server, and the client is told that it was done. `set_config` answers with its value, a
    /// write with one row, a read with none. `COPY` cannot be swallowed.
    Swallow,
    /// `protocol.fail`: the server fails it with this SQLSTATE, as if it had run into it: the transaction is aborted as by any error.
    Fail {
        /// Five letters and digits.
        sqlstate: String,
        /// Shown to the client.
        message: String,
    },
    /// `protocol.delay`: it and everything behind it on its connection wait.
    Delay {
        /// This long.
        by: Duration,
        /// And up to this much longer.
        jitter: Duration,
    },
    /// `protocol.duplicate`: it is done a second time once its batch has ended; the client does not hear of that.
    Duplicate,
    /// `protocol.reorder`: the client is told that it was done, and it is done after the next statement.
    Reorder,
    /// `protocol.cut` before it: the connection is cut after everything in front of it was sent.
    CutBefore(Cut),
    /// `protocol.cut` at its acknowledgement: the connection is cut once the server has done it and said so, before the client hears of it.
    CutAfterReply(Cut),
}

impl OnStatement {
    fn name(&self) -> &'static str {
        match self {
            OnStatement::Swallow => "protocol.swallow",
            OnStatement::Fail { .. } => "protocol.fail",
            OnStatement::Delay { .. } => "protocol.delay",
            OnStatement::Duplicate => "protocol.duplicate",
            OnStatement::Reorder => "protocol.reorder",
            OnStatement::CutBefore(_) | OnStatement::CutAfterReply(_) => "protocol.cut",
        }
    }
}

/// What happens to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnLink {
    /// `network.latency`: every reply takes longer; the order stays.
    Latency {
        /// By this much.
        add: Duration,
        /// And up to this much more, drawn for each.
        jitter: Duration,
    },
    /// `network.bandwidth`: each direction carries at most this many bytes per second.
    Bandwidth {
        /// Over 0.
        bytes_per_s: u64,
    },
    /// `network.slice`: data arrives in slices.
    Slice {
        /// Bytes at most.
        bytes: usize,
        /// Between two of them.
        gap: Duration,
    },
    /// `network.limit`: the connection is reset after this many bytes to the client, counted from the rule's first sight of it.
    Limit {
        /// So many.
        bytes: u64,
    },
    /// `network.blackhole`: nothing moves in either direction until the rule is healed; nothing is lost.
    Blackhole,
    /// `network.drain`: the proxy reads what the server sends at this rate only, so that the server waits for its client.
    Drain {
        /// Over 0.
        bytes_per_s: u64,
    },
    /// `network.cut`: the connection is cut: open ones at once, new ones when they come.
    Cut(Cut),
    /// `network.refuse`: new connections are reset before they reach the server; open ones are left alone.
    Refuse,
}

impl OnLink {
    fn name(&self) -> &'static str {
        match self {
            OnLink::Latency { .. } => "network.latency",
            OnLink::Bandwidth { .. } => "network.bandwidth",
            OnLink::Slice { .. } => "network.slice",
            OnLink::Limit { .. } => "network.limit",
            OnLink::Blackhole => "network.blackhole",
            OnLink::Drain { .. } => "network.drain",
            OnLink::Cut(_) => "network.cut",
            OnLink::Refuse => "network.refuse",
        }
    }
}
