//! Why there is no server, and what mends it.

use std::fmt;

/// The stack failed. Not a finding.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// No provider could serve.
    #[error("{0}")]
    NoProvider(NoProvider),
    /// The server started and then did not do as it was told.
    #[error("cannot {what}")]
    Database {
        /// What was being done.
        what: String,
        /// The database's word.
        source: sqlx::Error,
    },
    /// The reference schema could not be created.
    #[error("cannot create the reference schema")]
    Migrate(#[from] super::MigrateError),
    /// The fleet could not be seeded.
    #[error("cannot seed the fleet")]
    Seed(#[from] super::SeedError),
    /// A file or a process.
    #[error("cannot {what}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// A provider's own trouble, in its own words.
    #[error("{0}")]
    Provider(String),
    /// Something is left behind.
    #[error("{what} is left; `tenant-chaos clean` removes it: {why}")]
    Left {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
}

/// Whether a server refused a connection because it has no place left (`too_many_connections`): it serves.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("53300")
}

impl StackError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(super) fn database(what: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}

/// What each provider said.
#[derive(Debug, Clone, Default)]
pub struct NoProvider {
    /// Provider, why it cannot serve, and the command that mends it.
    pub tried: Vec<Attempt>,
}

/// One provider that cannot serve.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its name.
    pub provider: &'static str,
    /// Why not.
    pub why: String,
    /// What mends it.
    pub mend: String,
}

impl fmt::Display for NoProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no PostgreSQL server can be had. What was tried:")?;
        for Attempt { provider, why, mend } in &self.tried {
            write!(f, "\n  {provider}: {why}\n    to mend it: {mend}")?;
        }
        Ok(())
    }
}
