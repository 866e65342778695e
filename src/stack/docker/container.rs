//! One container with a server in it.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::PortBinding;
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::time::Instant;

use super::image::{Image, choose};
use super::owner::Process;
use super::pgbouncer::Neighbour;
use super::{KEEP_LABEL, OWNER_LABEL, REMOVE_LIMIT, RUN_LABEL, engine, remove, says};
use crate::stack::error::{Attempt, StackError, is_full};
use crate::stack::options::{Needs, StackOptions};
use crate::stack::pooler::Address;
use crate::stack::settings::settings;

/// The server must answer within this, initdb included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two looks at a server that is starting.
const LOOK: Duration = Duration::from_millis(20);
const PORT: u16 = 5432;
/// Where a volume of bounded size is mounted.
const VOLUME: &str = "/volume";
/// Parallel queries keep their shared memory here; Docker's default is 64 MB.
const SHM_BYTES: u64 = 256 << 20;

/// How to start a container.
pub(super) struct Plan<'a> {
    /// Name and value.
    pub(super) environment: (&'static str, &'a str),
    pub(super) command: Vec<String>,
    /// If it is not the image's.
    pub(super) user: Option<&'static str>,
    /// Size of a volume beside the data.
    pub(super) disk_bytes: Option<u64>,
    pub(super) keep: bool,
}

/// A running container.
pub(in crate::stack) struct Container {
    container: Option<ContainerAsync<GenericImage>>,
    pub(super) docker: Docker,
    pub(super) image: Image,
    pub(super) id: String,
    admin: PgConnectOptions,
    /// Of the superuser.
    pub(super) password: String,
    bounded: bool,
    pub(super) run: String,
    /// As other containers reach it, once it serves.
    pub(super) inside: Result<Address, String>,
}

impl Container {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// What was tried, why it failed, and the command that mends it.
    pub(in crate::stack) async fn start(
        options: &StackOptions,
        postgres: Option<&str>,
        run: &str,
    ) -> Result<Self, Attempt> {
        let refused = |(why, mend): (String, String)| Attempt { provider: "docker", why, mend };
        let docker = engine().await.map_err(|error| {
            let mend = "start the engine (service docker start), let this user use its socket, or set DOCKER_HOST";
            refused((format!("no Docker engine answers: {error}"), mend.to_owned()))
        })?;
        let image = choose(&docker, options.image.as_deref(), postgres).await.map_err(refused)?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let plan = Plan {
            environment: ("POSTGRES_PASSWORD", &password),
            command: std::iter::once("postgres".to_owned()).chain(flags(&options.needs)).collect(),
            user: None,
            disk_bytes: options.needs.disk_bytes,
            keep: options.keep,
        };
        let name = image.to_string();
        Self::launch(docker, image, run, password.clone(), plan)
            .await
            .map_err(|why| refused((format!("{name} does not serve: {why}"), format!("docker run {name}"))))
    }

    /// Starts a container and waits until its server answers.
    ///
    /// # Errors
    /// Why it does not, in a clause.
    pub(super) async fn launch(
        docker: Docker,
        image: Image,
        run: &str,
        password: String,
        plan: Plan<'_>,
    ) -> Result<Self, String> {
        let port = free_port().map_err(|error| error.to_string())?;
        let bytes = plan.disk_bytes;
        let volume = bytes.map(|bytes| HashMap::from([(VOLUME.to_owned(), format!("rw,size={bytes},mode=1777"))]));
        let (variable, value) = plan.environment;
        let mut request = GenericImage::new(&image.name, &image.tag)
            .with_exposed_port(PORT.tcp())
            .with_env_var(variable, value)
            .with_label(RUN_LABEL, run)
            .with_label(OWNER_LABEL, Process::own().to_string())
            .with_shm_size(SHM_BYTES)
            .with_cmd(plan.command)
            .with_host_config_modifier(move |host| {
                // Everywhere is the engine's default. A port that the engine chooses is another one after each start.
                let here = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(port.to_string()) };
                host.publish_all_ports = Some(false);
                host.tmpfs = volume.clone();
                host.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![here]))]));
            });
        if let Some(user) = plan.user {
            request = request.with_user(user);
        }
        if plan.keep {
            request = request.with_label(KEEP_LABEL, "true");
        }
        let container = request.start().await.map_err(|error| error.to_string())?;
        let id = container.id().to_owned();
        let (run, inside) = (run.to_owned(), Err("the server's container does not serve yet".to_owned()));
        let bounded = bytes.is_some();
        let admin = PgConnectOptions::new_without_pgpass()
            .username("postgres")
            .password(&password)
            .database("postgres")
            .application_name("tenant-chaos administrator");
        let mut started = Self { container: Some(container), docker, image, id, admin, password, bounded, run, inside };
        match started.serve().await {
            Ok(()) => Ok(started),
            Err(why) => {
                // Best effort: what is left is found by its labels.
                let _ = started.stop().await;
                Err(why)
            }
        }
    }

    /// Finds out where the server is published, and waits until it answers.
    async fn serve(&mut self) -> Result<(), String> {
        if let Some(container) = &self.container {
            let host = container.get_host().await.map_err(|error| error.to_string())?;
            if !matches!(host.to_string().as_str(), "localhost" | "127.0.0.1" | "::1" | "[::1]") {
                return Err(format!(
                    "it is published on 127.0.0.1 of {host}, which is another machine; use an engine here"
                ));
            }
            let port = container.get_host_port_ipv4(PORT.tcp()).await.map_err(|error| error.to_string())?;
            self.admin = self.admin.clone().host(&host.to_string()).port(port);
            self.inside = self.address_inside().await;
        }
        self.answers().await
    }

    /// The container's address in the first network that it is in.
    async fn address_inside(&self) -> Result<Address, String> {
        let inspected = self.docker.inspect_container(&self.id, None).await.map_err(|error| error.to_string())?;
        let networks = inspected.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let host = networks.into_values().filter_map(|network| network.ip_address).find(|host| !host.is_empty());
        let host = host.ok_or("the server's container has no address that other containers could reach")?;
        Ok(Address { host, port: PORT })
    }

    /// Waits until the server answers, or its container has ended.
    pub(super) async fn answers(&self) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let error = match PgConnection::connect_with(&self.admin).await {
                Ok(connection) => return connection.close().await.map_err(|error| error.to_string()),
                Err(error) if is_full(&error) => return Ok(()),
                Err(error) => error,
            };
            let state = self.docker.inspect_container(&self.id, None).await.map_err(|error| error.to_string())?.state;
            if state.is_some_and(|state| state.running == Some(false)) {
                return Err(format!("its container has ended; it said: {}", self.last_words().await));
            }
            if Instant::now() >= deadline {
                return Err(format!("no answer within {START_LIMIT:?}: {error}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The end of its log.
    async fn last_words(&self) -> String {
        let Some(container) = &self.container else { return String::new() };
        let log = container.stderr_to_vec().await.unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        text.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    /// Superuser, database `postgres`.
    pub(in crate::stack) fn admin(&self) -> &PgConnectOptions {
        &self.admin
    }

    /// The engine's id of the container.
    pub(in crate::stack) fn id(&self) -> &str {
        &self.id
    }

    /// The folder of bounded size in the container, if it has one.
    pub(in crate::stack) fn volume(&self) -> Option<std::path::PathBuf> {
        self.bounded.then(|| VOLUME.into())
    }

    /// What a container beside it needs to know.
    pub(in crate::stack) fn neighbour(&self) -> Result<Neighbour, String> {
        let (image, run) = (self.image.clone(), self.run.clone());
        Ok(Neighbour { image, run, server: self.inside.clone()? })
    }

    /// What it was started from, such as `postgres:17`.
    pub(in crate::stack) fn image(&self) -> String {
        self.image.to_string()
    }

    /// Removes the container with its volume, whatever state it is in, and verifies it.
    pub(in crate::stack) async fn stop(&mut self) -> Result<(), StackError> {
        let what = format!("container {}", &self.id[..self.id.len().min(12)]);
        let left = |why: String| StackError::Left { what: what.clone(), why };
        if let Some(container) = self.container.take() {
            let removed = tokio::time::timeout(REMOVE_LIMIT, container.rm()).await;
            if !matches!(removed, Ok(Ok(()))) {
                remove(&self.docker, &self.id).await.map_err(left)?;
            }
        }
        let gone = tokio::time::timeout(REMOVE_LIMIT, async {
            loop {
                match self.docker.inspect_container(&self.id, None).await {
                    Err(error) if says(&error, 404) => return Ok(()),
                    Err(error) => return Err(left(error.to_string())),
                    // Someone else is removing it.
                    Ok(_) => tokio::time::sleep(LOOK).await,
                }
            }
        });
        gone.await.unwrap_or_else(|_| Err(left("the engine still lists it".to_owned())))
    }

    /// Lets go of it without stopping it (`--keep`).
    pub(in crate::stack) fn leave(mut self) {
        std::mem::forget(self.container.take());
    }
}

impl Drop for Container {
    /// On the ways out that do not stop it: a panic, or a caller who forgot.
    fn drop(&mut self) {
        // Dropping the handle removes the container, and panics where no runtime is; then the next start sweeps it.
        if tokio::runtime::Handle::try_current().is_err() {
            std::mem::forget(self.container.take());
        }
    }
}

/// A port of this machine that nobody listens on; somebody may take it before the container does, which is an error then.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The settings of a server, as it takes them on its command line.
pub(super) fn flags(needs: &Needs) -> impl Iterator<Item = String> {
    settings(needs).into_iter().flat_map(|setting| ["-c".to_owned(), setting])
}
