//! A server in containers: its primary, and its replica if it has one.

use sqlx::postgres::PgConnectOptions;

use super::container::Container;
use crate::stack::error::{Attempt, StackError};
use crate::stack::options::StackOptions;

/// Running containers that belong together.
pub(in crate::stack) struct Pair {
    /// Whoever takes writes.
    primary: Container,
    /// Whoever follows it.
    replica: Option<Container>,
    /// One that was replaced by its replica, and must not come back.
    fenced: Option<Container>,
}

impl Pair {
    /// Starts a server, and its replica if one is needed, and waits until they answer.
    ///
    /// # Errors
    /// What was tried, why it failed, and the command that mends it.
    pub(in crate::stack) async fn start(
        options: &StackOptions,
        postgres: Option<&str>,
        run: &str,
    ) -> Result<Self, Attempt> {
        let primary = Container::start(options, postgres, run).await?;
        let mut pair = Self { primary, replica: None, fenced: None };
        let Some(kind) = options.needs.replica else { return Ok(pair) };
        match pair.primary.start_replica(kind, &options.needs, options.keep).await {
            Ok(replica) => {
                pair.replica = Some(replica);
                Ok(pair)
            }
            Err(error) => {
                // Best effort: what is left is found by its labels.
                let _ = pair.stop().await;
                let cause = std::error::Error::source(&error).map_or(String::new(), |source| format!(": {source}"));
                let mend = "an image in which user postgres may run pg_basebackup, or --provider local".to_owned();
                Err(Attempt { provider: "docker", why: format!("{error}{cause}"), mend })
            }
        }
    }

    /// Whoever takes writes.
    pub(in crate::stack) fn primary(&self) -> &Container {
        &self.primary
    }

    /// The administrator's connection to the replica.
    pub(in crate::stack) fn replica_admin(&self) -> Option<PgConnectOptions> {
        self.replica.as_ref().map(|replica| replica.admin().clone())
    }

    /// Kills the primary for good; the replica takes its place. Whether it has been promoted is the caller's to see to.
    pub(in crate::stack) async fn replace_primary(&mut self) -> Result<(), StackError> {
        let replica =
            self.replica.take().ok_or_else(|| StackError::Provider("there is no replica to take over".to_owned()))?;
        let fenced = self.fenced.insert(std::mem::replace(&mut self.primary, replica));
        fenced.kill().await
    }

    /// Removes every container with its volume, whatever state it is in, and verifies it.
    ///
    /// # Errors
    /// The first that is left, after having tried all.
    pub(in crate::stack) async fn stop(&mut self) -> Result<(), StackError> {
        let mut outcome = Ok(());
        for container in [self.replica.as_mut(), self.fenced.as_mut(), Some(&mut self.primary)].into_iter().flatten() {
            outcome = outcome.and(container.stop().await);
        }
        outcome
    }

    /// Lets go of them without stopping anything (`--keep`).
    pub(in crate::stack) fn leave(self) {
        for container in [Some(self.primary), self.replica, self.fenced].into_iter().flatten() {
            container.leave();
        }
    }
}
