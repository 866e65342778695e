//! What can be done to a running container: killed, started again, held, taken off its network.

use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use testcontainers::bollard::query_parameters::KillContainerOptionsBuilder;
use tokio::time::Instant;

use super::container::Container;
use super::{REMOVE_LIMIT, says};
use crate::stack::error::StackError;

/// The network that containers are in when nothing else is said.
const NETWORK: &str = "bridge";
/// Pause between two looks at a container that is ending.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

impl Container {
    /// Kills every process in it; data and container stay.
    pub(in crate::stack) async fn kill(&self) -> Result<(), StackError> {
        self.end_with("KILL").await
    }

    /// Starts it again and waits until the server answers, at the address that it had.
    pub(in crate::stack) async fn start_again(&self) -> Result<(), StackError> {
        match self.docker.start_container(&self.id, None).await {
            Ok(()) => {}
            // It runs already.
            Err(error) if says(&error, 304) => {}
            Err(error) => return Err(trouble("start")(error)),
        }
        self.answers().await.map_err(StackError::Provider)
    }

    /// Asks the server to stop, cutting its clients off, and starts it again.
    pub(in crate::stack) async fn restart(&self) -> Result<(), StackError> {
        self.end_with("INT").await?;
        self.start_again().await
    }

    /// Holds every process in it.
    pub(in crate::stack) async fn pause(&self) -> Result<(), StackError> {
        self.docker.pause_container(&self.id).await.map_err(trouble("pause"))
    }

    /// Lets them go on; a container that is not held is left alone.
    pub(in crate::stack) async fn resume(&self) -> Result<(), StackError> {
        match self.state().await?.0 {
            true => self.docker.unpause_container(&self.id).await.map_err(trouble("unpause")),
            false => Ok(()),
        }
    }

    /// Takes it off its network.
    pub(in crate::stack) async fn leave_network(&self) -> Result<(), StackError> {
        let request = NetworkDisconnectRequest { container: self.id.clone(), force: Some(true) };
        self.docker.disconnect_network(NETWORK, request).await.map_err(trouble("disconnect"))
    }

    /// Brings it back and waits until the server answers; one that is on its network is left alone.
    pub(in crate::stack) async fn join_network(&self) -> Result<(), StackError> {
        let seen = self.docker.inspect_container(&self.id, None).await.map_err(trouble("look at"))?;
        let networks = seen.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        if !networks.contains_key(NETWORK) {
            let request = NetworkConnectRequest { container: self.id.clone(), endpoint_config: None };
            self.docker.connect_network(NETWORK, request).await.map_err(trouble("connect"))?;
        }
        self.answers().await.map_err(StackError::Provider)
    }

    /// Whether it is held, and whether it runs.
    async fn state(&self) -> Result<(bool, bool), StackError> {
        let seen = self.docker.inspect_container(&self.id, None).await.map_err(trouble("look at"))?;
        let state = seen.state.unwrap_or_default();
        Ok((state.paused == Some(true), state.running == Some(true)))
    }

    async fn end_with(&self, signal: &str) -> Result<(), StackError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match self.docker.kill_container(&self.id, Some(options)).await {
            Ok(()) => {}
            // It does not run.
            Err(error) if says(&error, 409) => {}
            Err(error) => return Err(trouble("end")(error)),
        }
        let deadline = Instant::now() + REMOVE_LIMIT;
        while self.state().await?.1 {
            if Instant::now() > deadline {
                return Err(StackError::Provider(format!("the container does not end within {REMOVE_LIMIT:?}")));
            }
            // The engine's event of it may come before the state is written.
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

fn trouble(what: &'static str) -> impl FnOnce(Error) -> StackError {
    move |error| StackError::Provider(format!("the Docker engine does not {what} the container: {error}"))
}
