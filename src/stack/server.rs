//! A running server, whoever provides it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;

use super::databases::{Databases, connect};
use super::error::StackError;
use super::fleet::SeedProgress;
use super::options::StackOptions;
use super::pooler::{Pooler, Settings};
use super::provider::{Provided, provide};
use super::roles::{LoginRole, Roles};
use crate::scenario::{Defect, Fleet, PoolerSpec};

/// Dropping a run's databases may take this long before the server is stopped all the same.
const DROP_LIMIT: Duration = Duration::from_secs(20);

/// A running server with the roles of this run. Stop it with [`Server::stop`].
pub struct Server {
    provided: Mutex<Option<Provided>>,
    databases: Databases,
    admin: PgConnectOptions,
    provider: &'static str,
    why: String,
    version: String,
    pgbouncer: Option<PathBuf>,
    keep: bool,
}

impl Server {
    /// Gets a server from the chosen provider. `postgres` is the wanted major version. Sweeps what dead runs have left
    /// behind first.
    ///
    /// # Errors
    /// [`StackError::NoProvider`] with what was tried and what mends it; otherwise what went wrong with the server.
    pub async fn start(options: &StackOptions, postgres: Option<&str>) -> Result<Self, StackError> {
        let run = format!("{:08x}", rand::random::<u32>());
        let (provided, why) = provide(options, postgres, &run).await?;
        let admin = provided.admin().clone();
        let provider = provided.name();
        match prepare(&admin, &run, postgres).await {
            Ok((databases, version)) => {
                let provided = Mutex::new(Some(provided));
                let (pgbouncer, keep) = (options.pgbouncer.clone(), options.keep);
                Ok(Self { provided, databases, admin, provider, why, version, pgbouncer, keep })
            }
            Err(error) => {
                provided.stop().await?;
                Err(error)
            }
        }
    }

    /// `docker`, `local` or `external`.
    pub fn provider(&self) -> &str {
        self.provider
    }

    /// Why this provider.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What the server says of its version, such as `17.2`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The engine's id of the server's container; `None` without one, and once it is stopped.
    pub async fn container_id(&self) -> Option<String> {
        self.provided.lock().await.as_ref()?.container_id().map(str::to_owned)
    }

    /// The administrator's connection to one database.
    pub fn admin(&self, database: &str) -> PgConnectOptions {
        self.admin.clone().database(database)
    }

    /// A connection to one database as one of the run's roles.
    pub fn connect_as(&self, role: LoginRole, database: &str) -> PgConnectOptions {
        self.databases.roles().connect(self.admin.clone(), role).database(database)
    }

    /// The name of one of the run's roles.
    pub fn name_of(&self, role: LoginRole) -> String {
        self.databases.roles().login(role).0
    }

    /// Starts a pooler in front of one database for one role; of the defects it plants those that are a
    /// pooler's.
    ///
    /// # Errors
    /// [`StackError::Provider`] with the command that mends it, if there is no PgBouncer.
    pub async fn start_pooler(
        &self,
        role: LoginRole,
        database: &str,
        spec: PoolerSpec,
        defects: &BTreeSet<Defect>,
    ) -> Result<Pooler, StackError> {
        let (user, password) = self.databases.roles().login(role);
        let settings = Settings { database: database.to_owned(), user, password, spec, defects: defects.clone() };
        let place = match self.provided.lock().await.as_ref() {
            Some(provided) => provided.place_for_a_pooler(),
            None => return Err(StackError::Provider("the server is stopped".into())),
        };
        Pooler::start(place, settings, self.pgbouncer.as_deref()).await
    }

    /// A fresh database with the reference schema and a fleet; `label` goes into its name. The first call for a fleet
    /// makes its template, the others clone it.
    ///
    /// # Errors
    /// [`StackError`] with the step that failed.
    pub async fn clone_of_fleet(
        &self,
        fleet: &Fleet,
        label: &str,
        progress: &(dyn Fn(SeedProgress) + Send + Sync),
    ) -> Result<String, StackError> {
        self.databases.clone_of_fleet(fleet, label, progress).await
    }

    /// Drops a database, unless everything is to be kept.
    ///
    /// # Errors
    /// The database's word.
    pub async fn drop_database(&self, name: &str) -> Result<(), StackError> {
        match self.keep {
            true => Ok(()),
            false => self.databases.drop(name).await,
        }
    }

    /// Removes what the run made and stops the server, and verifies it. A second call does nothing.
    ///
    /// # Errors
    /// [`StackError::Left`] with what is left.
    pub async fn stop(&self) -> Result<(), StackError> {
        let Some(provided) = self.provided.lock().await.take() else { return Ok(()) };
        if self.keep {
            return provided.leave().await;
        }
        let dropped = match provided.outlives_the_run() {
            true => tokio::time::timeout(DROP_LIMIT, self.databases.drop_all()).await.unwrap_or_else(|_| {
                Err(StackError::Left { what: "databases".into(), why: format!("not dropped within {DROP_LIMIT:?}") })
            }),
            false => Ok(()),
        };
        provided.stop().await.and(dropped)
    }
}

async fn prepare(
    admin: &PgConnectOptions,
    run: &str,
    postgres: Option<&str>,
) -> Result<(Databases, String), StackError> {
    let mut connection = connect(admin, "connect to the server").await?;
    let version: String = sqlx::query_scalar("SHOW server_version")
        .fetch_one(&mut connection)
        .await
        .map_err(StackError::database("ask for the server's version"))?;
    let version = version.split_whitespace().next().unwrap_or_default().to_owned();
    if let Some(wanted) = postgres.filter(|wanted| version.split('.').next() != Some(wanted)) {
        return Err(StackError::Provider(format!("PostgreSQL {wanted} is wanted, and the server is {version}")));
    }
    let roles = Roles::create(&mut connection, run).await?;
    let databases = Databases::new(admin.clone(), connection, roles, run.to_owned(), version.clone());
    Ok((databases, version))
}
