//! What goes wrong with the server itself.

use std::time::Duration;

/// A fault of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFault {
    /// `server.terminate`: a backend of the application is ended in the middle of its transaction, again and again.
    Terminate {
        /// Between two of them.
        every: Duration,
    },
    /// `server.kill`: every process of the server is killed; it is started again when the fault is undone.
    Kill,
    /// `server.pause`: every process of the server is stopped, and goes on when the fault is undone.
    Pause,
    /// `server.cut-network`: the server's container leaves its network.
    CutNetwork,
    /// `server.fill-disk`: the volume that the database lies on is filled to the last byte.
    FillDisk,
    /// `server.shrink-connections`: the server is restarted with a smaller `max_connections`.
    ShrinkConnections {
        /// Connections at most.
        to: u32,
    },
    /// `server.long-transaction`: a transaction keeps an old snapshot, so that nothing can be vacuumed.
    LongTransaction,
    /// `server.checkpoint-storm`: checkpoints are forced again and again.
    CheckpointStorm {
        /// Between the end of one and the begin of the next.
        every: Duration,
    },
    /// `server.replica-lag`: the replica applies what it receives this much later.
    ReplicaLag {
        /// This much.
        by: Duration,
    },
    /// `server.replica-cut`: the replica receives nothing.
    ReplicaCut,
    /// `server.failover`: the primary is killed and the replica takes over.
    Failover,
}

impl ServerFault {
    /// The name as scenarios spell it.
    pub fn name(self) -> &'static str {
        match self {
            ServerFault::Terminate { .. } => "server.terminate",
            ServerFault::Kill => "server.kill",
            ServerFault::Pause => "server.pause",
            ServerFault::CutNetwork => "server.cut-network",
            ServerFault::FillDisk => "server.fill-disk",
            ServerFault::ShrinkConnections { .. } => "server.shrink-connections",
            ServerFault::LongTransaction => "server.long-transaction",
            ServerFault::CheckpointStorm { .. } => "server.checkpoint-storm",
            ServerFault::ReplicaLag { .. } => "server.replica-lag",
            ServerFault::ReplicaCut => "server.replica-cut",
            ServerFault::Failover => "server.failover",
        }
    }

    /// Whether it stops, restarts or replaces the server, so that nobody else may be on it.
    pub fn needs_own(self) -> bool {
        !matches!(
            self,
            ServerFault::Terminate { .. } | ServerFault::LongTransaction | ServerFault::CheckpointStorm { .. }
        )
    }

    /// Whether it is about a replica.
    pub fn needs_replica(self) -> bool {
        matches!(self, ServerFault::ReplicaLag { .. } | ServerFault::ReplicaCut | ServerFault::Failover)
    }
}
