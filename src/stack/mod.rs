//! Where it happens: a running Postgres, migrated, with a fleet of tenants.
//!
//! A [`Server`] comes from a container, from server binaries of this machine, or from someone who runs one. Scenarios
//! run in clones of a template database. Whatever is made carries a lease or a marker, so that nothing is left for
//! good: not by a panic, not by kill -9.

mod control;
mod databases;
#[cfg(feature = "docker")]
mod docker;
mod error;
mod external;
mod fleet;
mod local;
mod migrate;
mod options;
mod plant;
mod pooler;
mod provider;
mod replication;
mod roles;
mod server;
mod settings;

pub use control::Control;
pub(crate) use error::is_full;
pub use error::{Attempt, NoProvider, StackError};
pub use external::MARKER;
pub use fleet::{SeedError, SeedProgress, SeedReport, seed};
pub use local::Sweep;
pub use migrate::{MigrateError, migrate, migrations_hash};
pub use options::{Needs, ProviderChoice, StackOptions};
pub use plant::{PlantError, RowSecurity, TENANT_TABLES, plant};
pub use pooler::Pooler;
pub use roles::LoginRole;
pub use server::Server;

/// Removes what dead runs have left: local servers, containers, and on a marked server databases and roles. Returns
/// what was removed.
///
/// # Errors
/// What could not be removed, after having tried everything else.
pub async fn clean(which: Sweep, database_url: Option<&str>) -> Result<Vec<String>, StackError> {
    let local = tokio::task::spawn_blocking(move || local::sweep(which)).await;
    let local = local.unwrap_or_else(|error| Err(StackError::Provider(error.to_string())));
    #[cfg(feature = "docker")]
    let docker = docker::sweep(which).await;
    #[cfg(not(feature = "docker"))]
    let docker = Ok::<_, StackError>(Vec::new());
    let external = match database_url {
        Some(url) => external::sweep(url).await,
        None => Ok(Vec::new()),
    };
    Ok([local?, docker?, external?].concat())
}
