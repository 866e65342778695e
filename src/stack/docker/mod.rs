//! The docker provider: a container per run, another one per replica and per pooler, published on 127.0.0.1 only,
//! gone with its run.
//!
//! A container carries its owner in its labels. What has no living owner is swept by the next start and by `clean`.

mod container;
mod control;
mod image;
mod owner;
mod pair;
mod pgbouncer;
mod replica;

use std::collections::HashMap;
use std::time::Duration;

use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use testcontainers::core::client::docker_client_instance;

pub(super) use pair::Pair;
pub(super) use pgbouncer::{Neighbour, PgBouncer};

use owner::{Owner, fate};

use super::error::StackError;
use super::local::Sweep;

/// The label that every container of the harness has; its value is the run.
pub(super) const RUN_LABEL: &str = "tenant-chaos.run";
const OWNER_LABEL: &str = "tenant-chaos.owner";
const KEEP_LABEL: &str = "tenant-chaos.keep";
/// An engine must answer within this, or there is none.
const ENGINE_LIMIT: Duration = Duration::from_secs(2);
/// A container must be gone within this.
const REMOVE_LIMIT: Duration = Duration::from_secs(20);

/// The engine that `DOCKER_HOST` or the usual socket leads to.
///
/// # Errors
/// Why it does not answer, in a sentence.
async fn engine() -> Result<Docker, String> {
    let docker = docker_client_instance().await.map_err(|error| error.to_string())?;
    match tokio::time::timeout(ENGINE_LIMIT, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it does not answer within {ENGINE_LIMIT:?}")),
    }
}

/// Removes containers whose owner is gone; returns what was removed. Without an engine there is nothing to remove.
///
/// # Errors
/// [`StackError::Left`] with the first that could not be removed, after having tried all.
pub(super) async fn sweep(which: Sweep) -> Result<Vec<String>, StackError> {
    let Ok(docker) = engine().await else { return Ok(Vec::new()) };
    let ours = HashMap::from([("label", vec![RUN_LABEL])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&ours).build();
    let containers = docker
        .list_containers(Some(options))
        .await
        .map_err(|error| StackError::Provider(format!("the Docker engine does not list containers: {error}")))?;
    let (mut removed, mut trouble) = (Vec::new(), None);
    for container in containers {
        let labels = container.labels.unwrap_or_default();
        let kept = labels.contains_key(KEEP_LABEL) && which == Sweep::Orphans;
        let owner = labels.get(OWNER_LABEL).map_or(Owner::Unknown, |label| fate(label));
        let Some(id) = container.id.filter(|_| owner == Owner::Gone && !kept) else { continue };
        let what = format!("container {} of run {}", &id[..id.len().min(12)], labels[RUN_LABEL]);
        match remove(&docker, &id).await {
            Ok(()) => removed.push(what),
            Err(why) => trouble = trouble.or(Some(StackError::Left { what, why })),
        }
    }
    trouble.map_or(Ok(removed), Err)
}

/// Removes a container with its volumes, whatever it does; one that is gone already is fine.
async fn remove(docker: &Docker, id: &str) -> Result<(), String> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match tokio::time::timeout(REMOVE_LIMIT, docker.remove_container(id, Some(options))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if says(&error, 404) || says(&error, 409) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it is not gone within {REMOVE_LIMIT:?}")),
    }
}

/// Whether the engine answered with this status: 404, there is no such thing; 409, someone else is removing it.
fn says(error: &testcontainers::bollard::errors::Error, status: u16) -> bool {
    use testcontainers::bollard::errors::Error;
    matches!(error, Error::DockerResponseServerError { status_code, .. } if *status_code == status)
}
