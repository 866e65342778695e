//! PgBouncer in transaction mode, where it is installed: two clients, one connection to the server, and what one tenant's
//! transaction leaves to the next one's.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User, chown, geteuid};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::catalogue::roles::quote;
use super::error::HuntError;
use super::input::without_password;
use super::seeding::run;

/// It is ready within this time or not at all.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running pooler with one connection to one database, on which everybody is the application's role.
pub(super) struct Pooler {
    child: Child,
    /// Holds its configuration.
    _folder: TempDir,
    clients: [PgConnection; 2],
}

impl Pooler {
    /// Starts it. The error is a sentence: without a pooler its cells are not tested.
    pub(super) async fn start(database: &PgConnectOptions, role: &str) -> Result<Self, String> {
        let program = program().ok_or("PgBouncer is not installed")?;
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let folder = tempfile::tempdir().map_err(|error| format!("no folder for its configuration: {error}"))?;
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration(database, role, port)).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        if geteuid().is_root() {
            // It refuses to run as root.
            let user = User::from_name("postgres").ok().flatten().ok_or("there is no user postgres to run it as")?;
            for path in [folder.path(), file.as_path()] {
                chown(path, Some(Uid::from_raw(user.uid.as_raw())), None).map_err(|error| error.to_string())?;
            }
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        let child = command.spawn().map_err(|error| format!("PgBouncer does not start: {error}"))?;
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username("hunt")
            .database("hunt")
            .ssl_mode(sqlx::postgres::PgSslMode::Disable)
            .statement_cache_capacity(0);
        let clients = [connect(&options).await?, connect(&options).await?];
        Ok(Self { child, _folder: folder, clients })
    }

    /// One tenant's transaction through the one client, then a read through the other: its texts.
    pub(super) async fn read_after(
        &mut self,
        before: &[String],
        enter: &[String],
        read: &str,
    ) -> Result<Vec<String>, sqlx::Error> {
        let [first, second] = &mut self.clients;
        let whole = [&["BEGIN".to_owned()], before, &["COMMIT".to_owned()]].concat().join(";\n");
        if let Err(error) = run(first, whole).await {
            run(first, "ROLLBACK".to_owned()).await?;
            return Err(error);
        }
        let result = async {
            run(second, [&["BEGIN".to_owned()], enter].concat().join(";\n")).await?;
            sqlx::raw_sql(AssertSqlSafe(read.to_owned())).fetch_all(&mut *second).await
        };
        let rows = result.await;
        run(second, "ROLLBACK".to_owned()).await?;
        Ok(rows?.iter().filter_map(|row| row.try_get::<String, _>(0).ok()).collect())
    }

    /// Ends it.
    pub(super) async fn stop(self) -> Result<(), HuntError> {
        let Self { mut child, clients: [first, second], .. } = self;
        for client in [first, second] {
            client.close().await.map_err(HuntError::database("leave PgBouncer"))?;
        }
        child.kill().await.map_err(|error| HuntError::Input(format!("cannot end PgBouncer: {error}")))
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    folders.into_iter().map(|folder| folder.join("pgbouncer")).find(|program| Path::is_file(program))
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// One connection to the server, which takes the application's role when it is opened and keeps it.
fn configuration(database: &PgConnectOptions, role: &str, port: u16) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let host = database.get_socket().map_or_else(|| database.get_host().to_owned(), |path| path.display().to_string());
    let mut server = format!(
        "host={} port={} dbname={} user={} connect_query={}",
        quoted(&host),
        database.get_port(),
        quoted(database.get_database().unwrap_or_default()),
        quoted(database.get_username()),
        quoted(&format!("SET SESSION AUTHORIZATION {}", quote(role)))
    );
    if let (_, Some(password)) = without_password(database.to_url_lossy().as_str()) {
        server.push_str(&format!(" password={}", quoted(&password)));
    }
    format!(
        "[databases]\nhunt = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = transaction\ndefault_pool_size = 1\nmax_client_conn = 10\n\
         ignore_startup_parameters = extra_float_digits,options,search_path\n"
    )
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, String> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match PgConnection::connect_with(options).await {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() > deadline => return Err(format!("PgBouncer does not answer: {error}")),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
