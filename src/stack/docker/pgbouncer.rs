//! PgBouncer in a container beside the server's, from the same image.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering};

use testcontainers::bollard::Docker;
use testcontainers::bollard::models::PortBinding;
use testcontainers::core::{ExecCommand, IntoContainerPort};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::sync::Mutex;

use super::image::Image;
use super::owner::Process;
use super::{OWNER_LABEL, REMOVE_LIMIT, RUN_LABEL, engine, remove};
use crate::stack::error::StackError;
use crate::stack::pooler::{Address, LOOK, Listen, PORT, START_LIMIT, Settings, Version};

const INI: &str = "/tmp/pgbouncer.ini";
const USERS: &str = "/tmp/pgbouncer.users";
/// Starts it again and again while it is to be up. `kill` ends it; the container goes on.
const LOOP: &str = "command -v pgbouncer >/dev/null || { echo 'no pgbouncer in this image' >&2; exit 127; }; \
     while :; do \
     while [ ! -e /tmp/up ]; do sleep 0.02; done; \
     pgbouncer /tmp/pgbouncer.ini & echo $! > /tmp/pid; wait $!; \
     done";

/// What a container beside the server's needs to know.
pub(in crate::stack) struct Neighbour {
    pub(super) image: Image,
    pub(super) run: String,
    /// The server, as other containers reach it.
    pub(super) server: Address,
}

/// A running PgBouncer.
pub(in crate::stack) struct PgBouncer {
    container: Mutex<Option<ContainerAsync<GenericImage>>>,
    docker: Docker,
    id: String,
    port: AtomicU16,
}

impl PgBouncer {
    /// Starts it; it may not answer yet.
    ///
    /// # Errors
    /// [`StackError::Provider`] with the command that mends it, if the image has none.
    pub(in crate::stack) async fn start(
        neighbour: Neighbour,
        settings: &Settings,
    ) -> Result<(Self, Version), StackError> {
        let Neighbour { image, run, server } = neighbour;
        let failed = |why: String| StackError::Provider(format!("no PgBouncer from {image}: {why}"));
        let docker = engine().await.map_err(failed)?;
        let request = GenericImage::new(&image.name, &image.tag)
            .with_exposed_port(PORT.tcp())
            .with_label(RUN_LABEL, &run)
            .with_label(OWNER_LABEL, Process::own().to_string())
            .with_cmd(["sh", "-c", LOOP])
            .with_host_config_modifier(|host| {
                // Everywhere is the engine's default.
                let here = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
                host.publish_all_ports = Some(false);
                host.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![here]))]));
            });
        let container = request.start().await.map_err(|error| failed(error.to_string()))?;
        let id = container.id().to_owned();
        let bouncer = Self { container: Mutex::new(Some(container)), docker, id, port: AtomicU16::new(0) };
        match bouncer.set_up(&server, settings).await {
            Ok(version) => Ok((bouncer, version)),
            Err(why) => {
                // Best effort: what is left is found by its labels.
                let _ = bouncer.stop().await;
                let mend = "a Postgres image with PgBouncer is built by .ci/build-image (docs/images.md)";
                Err(failed(format!("{why}; to mend it: {mend}")))
            }
        }
    }

    async fn set_up(&self, server: &Address, settings: &Settings) -> Result<Version, String> {
        let version = Version::of(&self.sh("pgbouncer --version").await?);
        let ini = settings.ini(server, &Listen::Port, USERS, &version);
        // The version decides about the settings, so it is started once they are there.
        self.sh(&format!(
            "umask 077; cat > {INI} <<'END'\n{ini}END\ncat > {USERS} <<'END'\n{}END\n",
            settings.user_list()
        ))
        .await?;
        if let Some(container) = self.container.lock().await.as_ref() {
            let port = container.get_host_port_ipv4(PORT.tcp()).await.map_err(|error| error.to_string())?;
            self.port.store(port, Ordering::Relaxed);
        }
        self.sh(": > /tmp/up").await?;
        Ok(version)
    }

    /// Runs lines in the container; what they say.
    async fn sh(&self, lines: &str) -> Result<String, String> {
        let container = self.container.lock().await;
        let container = container.as_ref().ok_or("its container is gone")?;
        // The status comes as the last line: asking the engine for it would need a handle that cannot move threads.
        let script = format!("{{ {lines}\n}} 2>&1; echo; echo $?");
        let mut ran =
            container.exec(ExecCommand::new(["sh", "-c", &script])).await.map_err(|error| error.to_string())?;
        let said = ran.stdout_to_vec().await.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&said);
        let (said, status) = said.trim_end().rsplit_once('\n').unwrap_or(("", said.trim_end()));
        match status {
            "0" => Ok(said.to_owned()),
            code => Err(format!("`{}` ended with {code}: {}", lines.lines().next().unwrap_or_default(), said.trim())),
        }
    }

    /// Where it is published on 127.0.0.1.
    pub(in crate::stack) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    /// Kills it and waits until it is gone.
    pub(in crate::stack) async fn kill(&self) -> Result<(), StackError> {
        let gone = "rm -f /tmp/up; kill -9 $(cat /tmp/pid) 2>/dev/null; \
                    while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.01; done";
        self.bounded(gone, "kill pgbouncer").await
    }

    /// Starts it, unless it runs.
    pub(in crate::stack) async fn start_again(&self) -> Result<(), StackError> {
        self.bounded(": > /tmp/up", "start pgbouncer").await
    }

    async fn bounded(&self, line: &str, what: &str) -> Result<(), StackError> {
        let failed = |why: String| StackError::Provider(format!("cannot {what} in container {}: {why}", self.id));
        match tokio::time::timeout(START_LIMIT, self.sh(line)).await {
            Ok(ran) => ran.map(|_| ()).map_err(failed),
            Err(_) => Err(failed(format!("not within {START_LIMIT:?}"))),
        }
    }

    /// The last lines of its log.
    pub(in crate::stack) async fn last_words(&self) -> String {
        let container = self.container.lock().await;
        let Some(container) = container.as_ref() else { return String::new() };
        let log = container.stderr_to_vec().await.unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        text.lines().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    /// Removes its container and verifies that it is gone.
    pub(in crate::stack) async fn stop(&self) -> Result<(), StackError> {
        let left = |why: String| StackError::Left { what: format!("container {}", self.id), why };
        if let Some(container) = self.container.lock().await.take() {
            let removed = tokio::time::timeout(REMOVE_LIMIT, container.rm()).await;
            if !matches!(removed, Ok(Ok(()))) {
                remove(&self.docker, &self.id).await.map_err(left)?;
            }
        }
        let gone = tokio::time::timeout(REMOVE_LIMIT, async {
            while self.docker.inspect_container(&self.id, None).await.is_ok() {
                // Someone else is removing it.
                tokio::time::sleep(LOOK).await;
            }
        });
        gone.await.map_err(|_| left("the engine still lists it".to_owned()))
    }
}

impl Drop for PgBouncer {
    /// On the ways out that do not stop it: a panic, or a caller who forgot.
    fn drop(&mut self) {
        // Dropping the handle removes the container, and panics where no runtime is; then the next start sweeps it.
        if tokio::runtime::Handle::try_current().is_err() {
            std::mem::forget(self.container.get_mut().take());
        }
    }
}
