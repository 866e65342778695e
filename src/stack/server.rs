//! A running server, whoever provides it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;

use super::control::Control;
use super::databases::{Databases, connect, drop_of_run};
use super::error::StackError;
use super::fleet::SeedProgress;
use super::options::{Needs, StackOptions};
use super::pooler::{Pooler, Settings};
use super::provider::provide;
use super::roles::{LoginRole, Roles};
use crate::scenario::{Defect, Fleet, PoolerSpec};

/// Dropping a run's databases may take this long before the server is stopped all the same.
const DROP_LIMIT: Duration = Duration::from_secs(20);

/// A replica must have applied what its primary has written within this.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(20);
/// Pause between two looks at a replica.
const LOOK: Duration = Duration::from_millis(20);
/// On the bounded volume.
const TABLESPACE: &str = "chaos_volume";

/// A running server with the roles of this run. Stop it with [`Server::stop`].
pub struct Server {
    control: Control,
    databases: Databases,
    provider: &'static str,
    why: String,
    version: String,
    pgbouncer: Option<PathBuf>,
    keep: bool,
    needs: Needs,
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
                let (control, keep, needs) = (Control::new(provided), options.keep, options.needs);
                let pgbouncer = options.pgbouncer.clone();
                let server = Self { control, databases, provider, why, version, pgbouncer, keep, needs };
                match server.make_volume().await {
                    Ok(()) => Ok(server),
                    Err(error) => {
                        warn_of_what_is_left(server.stop().await);
                        Err(error)
                    }
                }
            }
            Err(error) => {
                warn_of_what_is_left(provided.stop().await);
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
        self.control.container_id().await
    }

    /// The administrator's connection to one database.
    pub fn admin(&self, database: &str) -> PgConnectOptions {
        self.control.admin().database(database)
    }

    /// A connection to one database as one of the run's roles.
    pub fn connect_as(&self, role: LoginRole, database: &str) -> PgConnectOptions {
        self.databases.roles().connect(self.control.admin(), role).database(database)
    }

    /// A connection to one database of the replica as one of the run's roles; `None` without a replica.
    pub async fn connect_to_replica(&self, role: LoginRole, database: &str) -> Option<PgConnectOptions> {
        let replica = self.control.replica_admin().await?;
        Some(self.databases.roles().connect(replica, role).database(database))
    }

    /// Waits until the replica, if there is one, has applied what the primary has written.
    ///
    /// # Errors
    /// The database's word, or that it took too long.
    pub async fn replica_catches_up(&self) -> Result<(), StackError> {
        let Some(replica) = self.control.replica_admin().await else { return Ok(()) };
        let mut primary = connect(&self.control.admin(), "look at the primary").await?;
        let position: String = sqlx::query_scalar("SELECT pg_current_wal_lsn()::text")
            .fetch_one(&mut primary)
            .await
            .map_err(StackError::database("look at the primary"))?;
        let mut replica = connect(&replica, "look at the replica").await?;
        let deadline = tokio::time::Instant::now() + CATCH_UP_LIMIT;
        loop {
            let there: Option<bool> = sqlx::query_scalar("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn")
                .bind(&position)
                .fetch_one(&mut replica)
                .await
                .map_err(StackError::database("look at the replica"))?;
            match there {
                Some(true) => return Ok(()),
                _ if tokio::time::Instant::now() > deadline => {
                    return Err(StackError::Provider(format!("the replica is behind after {CATCH_UP_LIMIT:?}")));
                }
                // The replica has no condition to await.
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// What can be done to this server, if it was started for one scenario.
    pub fn control(&self) -> Option<Control> {
        self.needs.own.then(|| self.control.clone())
    }

    /// Databases of a server with a bounded volume lie there, in a tablespace.
    async fn make_volume(&self) -> Result<(), StackError> {
        let Some(volume) = self.control.volume().await else { return Ok(()) };
        let mut connection = connect(&self.control.admin(), "make the tablespace").await?;
        let folder = volume.join("space").display().to_string();
        for statement in [
            format!("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; mkdir {folder}'"),
            format!("CREATE TABLESPACE {TABLESPACE} LOCATION '{folder}'"),
        ] {
            let sent = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
            sent.map_err(StackError::database("make the tablespace on the bounded volume"))?;
        }
        Ok(())
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
        let (database, defects, connect_query) = (database.to_owned(), defects.clone(), None);
        let settings = Settings { database, user, password, spec, defects, connect_query };
        let place = self.control.place_for_a_pooler().await?;
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
        let tablespace = self.needs.disk_bytes.map(|_| TABLESPACE);
        self.databases.clone_of_fleet(fleet, label, tablespace, progress).await
    }

    /// Drops a database, unless everything is to be kept, or goes with its server.
    ///
    /// # Errors
    /// The database's word.
    pub async fn drop_database(&self, name: &str) -> Result<(), StackError> {
        // A server of its own takes its databases with it, and the administrator's connection may be broken there.
        match self.keep || self.needs.own {
            true => Ok(()),
            false => self.databases.drop(name).await,
        }
    }

    /// Removes what the run made and stops the server, and verifies it. A second call does nothing.
    ///
    /// # Errors
    /// [`StackError::Left`] with what is left.
    pub async fn stop(&self) -> Result<(), StackError> {
        let Some(provided) = self.control.take().await else { return Ok(()) };
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

/// On the way out with an error that says more.
fn warn_of_what_is_left(stopped: Result<(), StackError>) {
    if let Err(left) = stopped {
        tracing::warn!(%left, "clean-up");
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
    let roles = match Roles::create(&mut connection, run).await {
        Ok(roles) => roles,
        Err(error) => {
            warn_of_what_is_left(drop_of_run(&mut connection, run).await);
            return Err(error);
        }
    };
    let databases = Databases::new(admin.clone(), connection, roles, run.to_owned(), version.clone());
    Ok((databases, version))
}
