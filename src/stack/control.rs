//! What can be done to a running server: the hands of the faults. Every method says what went wrong, and none leaves the
//! server in a state that stopping it would not end.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::postgres::PgConnectOptions;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::error::StackError;
use super::pooler::Place;
use super::provider::Provided;

/// A server that was started for one scenario, to be killed, held and changed.
#[derive(Clone)]
pub struct Control {
    provided: Arc<Mutex<Option<Provided>>>,
    admin: Arc<RwLock<PgConnectOptions>>,
}

impl Control {
    pub(super) fn new(provided: Provided) -> Self {
        let admin = Arc::new(RwLock::new(provided.admin().clone()));
        Self { provided: Arc::new(Mutex::new(Some(provided))), admin }
    }

    /// The administrator's connection to the database `postgres` of whoever takes writes.
    pub fn admin(&self) -> PgConnectOptions {
        self.admin.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn take(&self) -> Option<Provided> {
        self.provided.lock().await.take()
    }

    pub(super) async fn container_id(&self) -> Option<String> {
        self.provided.lock().await.as_ref()?.container_id().map(str::to_owned)
    }

    /// Where a pooler in front of the server runs.
    pub(super) async fn place_for_a_pooler(&self) -> Result<Place, StackError> {
        Ok(self.server().await?.place_for_a_pooler())
    }

    async fn server(&self) -> Result<MappedMutexGuard<'_, Provided>, StackError> {
        let provided = self.provided.lock().await;
        MutexGuard::try_map(provided, Option::as_mut)
            .map_err(|_| StackError::Provider("the server has been stopped".to_owned()))
    }

    /// Kills every process of the server.
    ///
    /// # Errors
    /// The system's or the engine's word; a provider that does not own its server refuses. So do all others here.
    pub async fn kill(&self) -> Result<(), StackError> {
        match &mut *self.server().await? {
            Provided::Local(cluster) => cluster.kill().await,
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().kill().await,
            Provided::External(_) => Err(not_ours("killed")),
        }
    }

    /// Starts a killed server again and waits until it answers; one that runs is left alone.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn start_again(&self) -> Result<(), StackError> {
        match &mut *self.server().await? {
            Provided::Local(cluster) => cluster.start_again().await,
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().start_again().await,
            Provided::External(_) => Err(not_ours("started")),
        }
    }

    /// Stops the server in an orderly way, cutting its clients off, and starts it again.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn restart(&self) -> Result<(), StackError> {
        match &mut *self.server().await? {
            Provided::Local(cluster) => cluster.restart().await,
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().restart().await,
            Provided::External(_) => Err(not_ours("restarted")),
        }
    }

    /// Holds every process of the server.
    ///
    /// # Errors
    /// The engine's word.
    pub async fn pause(&self) -> Result<(), StackError> {
        match &mut *self.server().await? {
            Provided::Local(cluster) => {
                cluster.pause();
                Ok(())
            }
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().pause().await,
            Provided::External(_) => Err(not_ours("held")),
        }
    }

    /// Lets a held server go on; one that runs is left alone.
    ///
    /// # Errors
    /// The engine's word.
    pub async fn resume(&self) -> Result<(), StackError> {
        match &mut *self.server().await? {
            Provided::Local(cluster) => {
                cluster.resume();
                Ok(())
            }
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().resume().await,
            Provided::External(_) => Err(not_ours("let go on")),
        }
    }

    /// Takes the server's container out of its network.
    ///
    /// # Errors
    /// The engine's word; a server without a container has no network to leave.
    pub async fn leave_network(&self) -> Result<(), StackError> {
        match &mut *self.server().await? {
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().leave_network().await,
            _ => Err(StackError::Provider("the server is in no container, so it has no network to leave".to_owned())),
        }
    }

    /// Brings it back; one that never left is left alone.
    ///
    /// # Errors
    /// The engine's word.
    pub async fn join_network(&self) -> Result<(), StackError> {
        match &mut *self.server().await? {
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().join_network().await,
            _ => Ok(()),
        }
    }

    /// The folder of bounded size, as the server sees it.
    pub async fn volume(&self) -> Option<PathBuf> {
        match self.provided.lock().await.as_ref()? {
            Provided::Local(cluster) => cluster.volume().map(ToOwned::to_owned),
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().volume(),
            Provided::External(_) => None,
        }
    }

    /// The administrator's connection to the replica.
    pub async fn replica_admin(&self) -> Option<PgConnectOptions> {
        match self.provided.lock().await.as_ref()? {
            Provided::Local(cluster) => cluster.replica_admin(),
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.replica_admin(),
            Provided::External(_) => None,
        }
    }

    /// Kills the primary for good and puts the replica in its place, which is the caller's to promote.
    ///
    /// # Errors
    /// If there is no replica.
    pub async fn replace_primary(&self) -> Result<(), StackError> {
        let mut server = self.server().await?;
        let replaced = match &mut *server {
            Provided::Local(cluster) => cluster.replace_primary().await,
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.replace_primary().await,
            Provided::External(_) => return Err(not_ours("replaced")),
        };
        *self.admin.write().unwrap_or_else(PoisonError::into_inner) = server.admin().clone();
        replaced
    }
}

fn not_ours(what: &str) -> StackError {
    StackError::Provider(format!("the server belongs to somebody else, so it is not {what}"))
}
