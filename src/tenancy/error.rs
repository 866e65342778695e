//! The runtime's errors. Each carries what it costs the business, in its message and as tracing fields.

use std::time::Duration;

use crate::scenario::{ErrorKind, Tier};

/// Why a tenant transaction failed.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// The application guard refused a request without a tenant (HTTP 400).
    #[error("request without a tenant refused")]
    MissingTenant,
    /// The tier's bulkhead was full.
    #[error("no place in the bulkhead of tier {tier} within {waited:?}")]
    BulkheadFull {
        /// The tier.
        tier: Tier,
        /// How long the request waited.
        waited: Duration,
    },
    /// No connection came free.
    #[error("no pool connection within {waited:?}")]
    PoolTimeout {
        /// How long the request waited.
        waited: Duration,
    },
    /// The database's word.
    #[error(transparent)]
    Database(sqlx::Error),
    /// The runtime could not be built.
    #[error("tenant runtime: {0}")]
    Setup(String),
}

impl TenancyError {
    /// The kind by which reports count it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            TenancyError::MissingTenant => ErrorKind::MissingTenant,
            TenancyError::BulkheadFull { .. } => ErrorKind::BulkheadFull,
            TenancyError::PoolTimeout { .. } => ErrorKind::PoolTimeout,
            TenancyError::Setup(_) => ErrorKind::Other,
            TenancyError::Database(error) => match (self.sqlstate().as_deref(), error) {
                (Some("57014" | "55P03"), _) => ErrorKind::StatementTimeout,
                (Some(code), _) => match &code[..code.len().min(2)] {
                    "08" | "53" | "57" => ErrorKind::Connection,
                    "22" | "23" | "42" => ErrorKind::Rejected,
                    _ => ErrorKind::Other,
                },
                (None, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)) => ErrorKind::Connection,
                (None, _) => ErrorKind::Other,
            },
        }
    }

    /// The server's SQLSTATE, if it said one.
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            TenancyError::Database(sqlx::Error::Database(error)) => error.code().map(|code| code.into_owned()),
            _ => None,
        }
    }

    /// Whether the connection cannot serve again.
    pub(super) fn is_connection_lost(&self) -> bool {
        self.kind() == ErrorKind::Connection
    }
}
