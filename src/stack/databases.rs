//! Databases of a run: one template per fleet, cloned per scenario. Each carries the run's name in its own and in its
//! comment, so that an orphan is known as one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::{Mutex, OnceCell};

use super::error::StackError;
use super::fleet::{SeedProgress, seed};
use super::migrate::{migrate, migrations_hash};
use super::roles::{LoginRole, Roles};
use crate::scenario::Fleet;

/// Names of databases begin with this.
pub(super) const PREFIX: &str = "chaos_";
/// Databases that belong to a run say so in their comment.
pub(super) const COMMENT: &str = "tenant-chaos run ";
/// An identifier of Postgres has at most 63 bytes.
const LONGEST_NAME: usize = 63;

/// The databases of one run on one server.
pub(super) struct Databases {
    admin: PgConnectOptions,
    /// One statement at a time: two clones of one template exclude each other anyway.
    connection: Mutex<PgConnection>,
    roles: Roles,
    run: String,
    server_version: String,
    templates: Mutex<HashMap<Fleet, Arc<OnceCell<String>>>>,
    clones: AtomicU64,
}

impl Databases {
    pub(super) fn new(
        admin: PgConnectOptions,
        connection: PgConnection,
        roles: Roles,
        run: String,
        server_version: String,
    ) -> Self {
        let (connection, templates, clones) = (Mutex::new(connection), Default::default(), Default::default());
        Self { admin, connection, roles, run, server_version, templates, clones }
    }

    pub(super) fn roles(&self) -> &Roles {
        &self.roles
    }

    /// A fresh clone of the fleet's template, which is made if this is the first.
    pub(super) async fn clone_of_fleet(
        &self,
        fleet: &Fleet,
        label: &str,
        tablespace: Option<&str>,
        progress: &(dyn Fn(SeedProgress) + Send + Sync),
    ) -> Result<String, StackError> {
        let cell = self.templates.lock().await.entry(*fleet).or_default().clone();
        let template = cell.get_or_try_init(|| self.make_template(fleet, progress)).await?;
        let number = self.clones.fetch_add(1, Ordering::Relaxed);
        let mut name = format!("{PREFIX}{}_{number}_{}", self.run, label.replace('-', "_"));
        name.truncate(LONGEST_NAME);
        self.create(&name, Some(template), tablespace).await?;
        Ok(name)
    }

    async fn make_template(
        &self,
        fleet: &Fleet,
        progress: &(dyn Fn(SeedProgress) + Send + Sync),
    ) -> Result<String, StackError> {
        let name = format!("{PREFIX}{}_t_{}", self.run, key(fleet, &self.server_version));
        // What an attempt that failed or was cancelled has left.
        self.drop(&name).await?;
        self.create(&name, None, None).await?;
        let options = self.admin.clone().database(&name);
        let mut admin = connect(&options, "connect to the template").await?;
        // Before PostgreSQL 15 the schema public is the superuser's.
        run(&mut admin, "ALTER SCHEMA public OWNER TO chaos_owner").await?;
        let mut migrator = connect(&self.roles.connect(options, LoginRole::Migrator), "connect as migrator").await?;
        migrate(&mut migrator).await?;
        migrator.close().await.map_err(StackError::database("leave the template"))?;
        seed(&mut admin, fleet, progress).await?;
        admin.close().await.map_err(StackError::database("leave the template"))?;
        Ok(name)
    }

    async fn create(&self, name: &str, template: Option<&str>, tablespace: Option<&str>) -> Result<(), StackError> {
        let tablespace = tablespace.map_or(String::new(), |name| format!(" TABLESPACE {name}"));
        let template = template.unwrap_or("template0");
        let mut connection = self.connection.lock().await;
        let create = format!("CREATE DATABASE {name} OWNER chaos_owner TEMPLATE {template}{tablespace}");
        run(&mut connection, &create).await?;
        let comment = format!("COMMENT ON DATABASE {name} IS '{COMMENT}{}'", self.run);
        run(&mut connection, &comment).await
    }

    /// Drops a database, whoever is connected to it.
    pub(super) async fn drop(&self, name: &str) -> Result<(), StackError> {
        drop_database(&mut *self.connection.lock().await, name).await
    }

    /// Drops whatever this run made.
    pub(super) async fn drop_all(&self) -> Result<(), StackError> {
        drop_of_run(&mut *self.connection.lock().await, &self.run).await
    }
}

/// Drops every database and login role of a run.
pub(super) async fn drop_of_run(admin: &mut PgConnection, run: &str) -> Result<(), StackError> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') = $1 OR datname LIKE $2",
    )
    .bind(format!("{COMMENT}{run}"))
    .bind(format!("chaos\\_{run}\\_%"))
    .fetch_all(&mut *admin)
    .await
    .map_err(StackError::database("list the run's databases"))?;
    for name in names {
        drop_database(admin, &name).await?;
    }
    Roles::drop_of(admin, run).await
}

async fn drop_database(admin: &mut PgConnection, name: &str) -> Result<(), StackError> {
    let quoted = name.replace('"', "\"\"");
    run(admin, &format!("DROP DATABASE IF EXISTS \"{quoted}\" WITH (FORCE)")).await
}

/// What makes a template: the migrations, the fleet and the server's version.
fn key(fleet: &Fleet, server_version: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(migrations_hash().as_bytes());
    for number in [fleet.starter, fleet.growth, fleet.enterprise, fleet.rows_per_tenant] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(server_version.as_bytes());
    hasher.finalize().to_hex()[..12].to_owned()
}

pub(super) async fn connect(options: &PgConnectOptions, what: &'static str) -> Result<PgConnection, StackError> {
    PgConnection::connect_with(options).await.map_err(StackError::database(what))
}

async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), StackError> {
    let sent = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    sent.map(|_| ()).map_err(StackError::database(format!("run `{statement}`")))
}
