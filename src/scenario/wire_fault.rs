//! Faults between the application and the server, as the proxy on the wire does them.

use std::time::Duration;

use super::vocabulary::{Cut, CutPlace};

/// What goes wrong on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireFault {
    /// `network.latency`: replies take longer, or with a condition on statements those statements do.
    Latency {
        /// By this much.
        add: Duration,
        /// And up to this much more.
        jitter: Duration,
    },
    /// `network.bandwidth`: each direction of a connection carries so much at most.
    Bandwidth {
        /// Bytes per second.
        bytes_per_s: u64,
    },
    /// `network.slice`: data arrives in slices.
    Slice {
        /// Bytes of a slice.
        bytes: u64,
        /// Between two of them.
        gap: Duration,
    },
    /// `network.limit`: a connection is reset after so many bytes to the client.
    Limit {
        /// So many.
        bytes: u64,
    },
    /// `network.cut`: connections are cut at once.
    CutLink {
        /// How.
        how: Cut,
    },
    /// `network.blackhole`: nothing moves.
    Blackhole,
    /// `network.refuse`: new connections are reset.
    Refuse,
    /// `network.drain`: what the server sends is read slowly.
    Drain {
        /// Bytes per second.
        bytes_per_s: u64,
    },
    /// `protocol.swallow`: a statement never reaches the server, and the client is told that it was done.
    Swallow,
    /// `protocol.drop-context`: the same for the statement that sets the tenant context.
    DropContext,
    /// `protocol.fail`: the server fails a statement.
    Fail {
        /// With this SQLSTATE.
        sqlstate: String,
        /// And this message.
        message: String,
    },
    /// `protocol.delay`: a statement and what follows it on its connection wait.
    Delay {
        /// This long.
        by: Duration,
        /// And up to this much longer.
        jitter: Duration,
    },
    /// `protocol.duplicate`: a statement is done twice, and the client hears of once.
    Duplicate,
    /// `protocol.reorder`: a statement is done after the next one.
    Reorder,
    /// `protocol.cut`: the connection is cut at a statement.
    CutStatement {
        /// Before it or at its acknowledgement.
        place: CutPlace,
        /// How.
        how: Cut,
    },
}

impl WireFault {
    /// The name as scenarios spell it.
    pub fn name(&self) -> &'static str {
        match self {
            WireFault::Latency { .. } => "network.latency",
            WireFault::Bandwidth { .. } => "network.bandwidth",
            WireFault::Slice { .. } => "network.slice",
            WireFault::Limit { .. } => "network.limit",
            WireFault::CutLink { .. } => "network.cut",
            WireFault::Blackhole => "network.blackhole",
            WireFault::Refuse => "network.refuse",
            WireFault::Drain { .. } => "network.drain",
            WireFault::Swallow => "protocol.swallow",
            WireFault::DropContext => "protocol.drop-context",
            WireFault::Fail { .. } => "protocol.fail",
            WireFault::Delay { .. } => "protocol.delay",
            WireFault::Duplicate => "protocol.duplicate",
            WireFault::Reorder => "protocol.reorder",
            WireFault::CutStatement { .. } => "protocol.cut",
        }
    }

    /// Whether it can touch single statements.
    pub fn touches_statements(&self) -> bool {
        matches!(self, WireFault::Latency { .. }) || self.name().starts_with("protocol.")
    }
}
