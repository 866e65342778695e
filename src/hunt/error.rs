//! Why a hunt has no result. Findings are not errors.

use std::path::PathBuf;

use crate::stack::StackError;

/// Why a hunt has no result.
#[derive(Debug, thiserror::Error)]
pub enum HuntError {
    /// The user's SQL does not apply.
    #[error("{}:{line}: {message}\n  {statement}", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// Line in it, from 1.
        line: usize,
        /// The server's message, with its SQLSTATE.
        message: String,
        /// The first line of the statement that failed.
        statement: String,
    },
    /// Something else about the input, and what to do.
    #[error("{0}")]
    Input(String),
    /// The server.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A query of ours failed.
    #[error("cannot {what}")]
    Database {
        /// What was being done.
        what: &'static str,
        /// The database's word.
        source: sqlx::Error,
    },
}

impl HuntError {
    /// Whether the user's input is to blame, and not the harness.
    pub fn is_input(&self) -> bool {
        matches!(self, HuntError::Sql { .. } | HuntError::Input(_))
    }

    pub(super) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { what, source }
    }
}
