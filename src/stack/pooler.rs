//! A real PgBouncer between the application and the server: a process of this machine, or a container beside the
//! server's.
//!
//! It listens on a unix socket in a folder that only its owner can enter, or on a port of 127.0.0.1, and carries the
//! same lease or labels as a server does, so that nothing of it is left by a kill -9.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

#[cfg(feature = "docker")]
use super::docker;
use super::error::StackError;
use super::local;
use crate::scenario::{Defect, Pooler as Kind, PoolerSpec};

/// Port that PgBouncer listens on, and the number in the name of its unix socket.
pub(super) const PORT: u16 = 6432;
/// The first version that follows prepared statements through transaction mode (`max_prepared_statements`).
const TRACKS_STATEMENTS: (u32, u32) = (1, 21);
/// Prepared statements that it follows per server connection.
const FOLLOWED: u32 = 200;
/// Clients that may be connected to it at a time.
const MAX_CLIENTS: u32 = 2_000;
/// It must answer within this.
pub(super) const START_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks at one that is starting.
pub(super) const LOOK: Duration = Duration::from_millis(10);

/// Where a pooler runs.
pub(super) enum Place {
    /// On this machine.
    Here(Address),
    /// In a container beside the server's.
    #[cfg(feature = "docker")]
    Docker(Result<docker::Neighbour, String>),
}

/// How a pooler reaches its server.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// A name, an address, or the folder of a unix socket.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    pub(super) fn of(options: &PgConnectOptions) -> Self {
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        Self { host, port: options.get_port() }
    }
}

/// What a pooler is to do.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) spec: PoolerSpec,
    pub(super) defects: BTreeSet<Defect>,
    /// What every connection to the server begins with, where that is something.
    pub(super) connect_query: Option<String>,
}

/// How clients reach a pooler, as it writes it in its own settings.
pub(super) enum Listen<'a> {
    /// A unix socket in this folder; whoever can enter the folder is let in.
    Folder(&'a Path),
    /// Every address of its container; a password is asked for.
    #[cfg(feature = "docker")]
    Port,
}

impl Settings {
    /// The text of `pgbouncer.ini`.
    pub(super) fn ini(&self, server: &Address, listen: &Listen<'_>, auth_file: &str, version: &Version) -> String {
        let mode = match self.spec.kind {
            Kind::PgbouncerTransaction => "transaction",
            Kind::PgbouncerSession | Kind::None => "session",
        };
        let listen = match listen {
            Listen::Folder(folder) => {
                let folder = folder.display();
                format!(
                    "unix_socket_dir = {folder}\nunix_socket_mode = 0700\nauth_type = trust\nlogfile = {folder}/log"
                )
            }
            #[cfg(feature = "docker")]
            Listen::Port => "listen_addr = 0.0.0.0\nunix_socket_dir =\nauth_type = scram-sha-256".to_owned(),
        };
        let reset = if self.defects.contains(&Defect::PoolerResetOff) { "" } else { "DISCARD ALL" };
        let followed = match (version.tracks_statements(), self.defects.contains(&Defect::KeptStatements)) {
            (true, false) => format!("max_prepared_statements = {FOLLOWED}\n"),
            (true, true) => "max_prepared_statements = 0\n".to_owned(),
            (false, _) => String::new(),
        };
        let (database, PoolerSpec { size, wait, .. }) = (&self.database, self.spec);
        let (host, port, wait) = (&server.host, server.port, wait.as_secs_f64());
        let first = self.connect_query.as_ref().map(|query| format!(" connect_query='{}'", query.replace('\'', "''")));
        let first = first.unwrap_or_default();
        // After a failed login PgBouncer waits 15 s before it tries again unless told otherwise.
        format!(
            "[databases]\n{database} = host={host} port={port} dbname={database}{first}\n\n\
             [pgbouncer]\n{listen}\nlisten_port = {PORT}\nauth_file = {auth_file}\npool_mode = {mode}\n\
             default_pool_size = {size}\nmax_client_conn = {MAX_CLIENTS}\nserver_reset_query = {reset}\n\
             query_wait_timeout = {wait}\nserver_login_retry = 0.2\nignore_startup_parameters = extra_float_digits\n\
             log_connections = 0\nlog_disconnections = 0\n{followed}"
        )
    }

    /// The text of the file with the users: one line of name and password.
    pub(super) fn user_list(&self) -> String {
        format!("\"{}\" \"{}\"\n", self.user, self.password)
    }

    /// A connection by name and password to the database that it is in front of.
    pub(super) fn client(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .username(&self.user)
            .password(&self.password)
            .database(&self.database)
            .port(PORT)
    }
}

/// A version of PgBouncer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version(String);

impl Version {
    /// Out of what `pgbouncer --version` says.
    pub(super) fn of(said: &str) -> Self {
        let version = said.lines().next().unwrap_or_default().trim_start_matches("PgBouncer").trim();
        Self(version.to_owned())
    }

    /// Whether it can follow prepared statements from one server connection to the next.
    pub(super) fn tracks_statements(&self) -> bool {
        let mut parts = self.0.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= TRACKS_STATEMENTS
    }
}

/// A running pooler. Stop it with [`Pooler::stop`]; one that is dropped is ended as well.
pub struct Pooler {
    running: Running,
    settings: Settings,
    connect: PgConnectOptions,
    version: Version,
}

enum Running {
    Here(Box<local::PgBouncer>),
    #[cfg(feature = "docker")]
    Docker(Box<docker::PgBouncer>),
}

impl Pooler {
    pub(super) async fn start(place: Place, settings: Settings, program: Option<&Path>) -> Result<Self, StackError> {
        let (running, connect, version) = match place {
            Place::Here(server) => {
                let (bouncer, version) = local::PgBouncer::start(&server, &settings, program).await?;
                let connect = settings.client().socket(bouncer.folder());
                (Running::Here(Box::new(bouncer)), connect, version)
            }
            #[cfg(feature = "docker")]
            Place::Docker(neighbour) => {
                let neighbour = neighbour.map_err(StackError::Provider)?;
                let (bouncer, version) = docker::PgBouncer::start(neighbour, &settings).await?;
                let connect = settings.client().host("127.0.0.1").port(bouncer.port());
                (Running::Docker(Box::new(bouncer)), connect, version)
            }
        };
        let pooler = Self { running, settings, connect, version };
        match pooler.answers().await {
            Ok(()) => Ok(pooler),
            Err(error) => {
                // Best effort: what is left is found by its lease or its labels.
                let _ = pooler.stop().await;
                Err(error)
            }
        }
    }

    /// Whether this machine has the program.
    pub(crate) fn is_installed() -> bool {
        local::PgBouncer::is_installed()
    }

    /// Starts one on this machine, in transaction mode with a single connection to the server of `database`, which
    /// begins with `connect_query`. Its socket is in a folder that only the user of this process can enter.
    pub(crate) async fn of_one_connection(
        database: &PgConnectOptions,
        password: String,
        connect_query: String,
    ) -> Result<Self, StackError> {
        let settings = Settings {
            database: database.get_database().unwrap_or_default().to_owned(),
            user: database.get_username().to_owned(),
            password,
            spec: PoolerSpec { kind: Kind::PgbouncerTransaction, size: 1, wait: START_LIMIT },
            defects: BTreeSet::new(),
            connect_query: Some(connect_query),
        };
        Self::start(Place::Here(Address::of(database)), settings, None).await
    }

    /// How the application connects: the role and the database that it was started for.
    pub fn connect(&self) -> &PgConnectOptions {
        &self.connect
    }

    /// Its version, such as `1.18.0`.
    pub fn version(&self) -> &str {
        &self.version.0
    }

    /// Whether names of prepared statements stay those of the client who gave them: in session mode if a server
    /// connection is reset between two clients, in transaction mode only if this version follows them.
    pub fn keeps_statements(&self) -> bool {
        let planted = |defect| self.settings.defects.contains(&defect);
        match self.settings.spec.kind {
            Kind::PgbouncerTransaction => self.version.tracks_statements() && !planted(Defect::KeptStatements),
            Kind::PgbouncerSession | Kind::None => !planted(Defect::PoolerResetOff),
        }
    }

    /// Kills it, and every connection with it. It can be started again.
    ///
    /// # Errors
    /// The system's or the engine's word.
    pub async fn kill(&self) -> Result<(), StackError> {
        match &self.running {
            Running::Here(bouncer) => bouncer.kill().await,
            #[cfg(feature = "docker")]
            Running::Docker(bouncer) => bouncer.kill().await,
        }
    }

    /// Starts it again, unless it runs, and waits until it answers.
    ///
    /// # Errors
    /// [`StackError::Provider`] with what it said.
    pub async fn start_again(&self) -> Result<(), StackError> {
        match &self.running {
            Running::Here(bouncer) => bouncer.start_again().await?,
            #[cfg(feature = "docker")]
            Running::Docker(bouncer) => bouncer.start_again().await?,
        }
        self.answers().await
    }

    /// Waits until it lets a client through to the server.
    async fn answers(&self) -> Result<(), StackError> {
        let mut last = None;
        let answer = async {
            loop {
                match PgConnection::connect_with(&self.connect).await {
                    // Whether the goodbye arrives does not matter.
                    Ok(connection) => return drop(connection.close().await),
                    Err(error) => last = Some(error),
                }
                // Nothing can be awaited from outside.
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(START_LIMIT, answer).await.is_ok() {
            return Ok(());
        }
        let said = match &self.running {
            Running::Here(bouncer) => bouncer.last_words(),
            #[cfg(feature = "docker")]
            Running::Docker(bouncer) => bouncer.last_words().await,
        };
        let why = last.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
        Err(StackError::Provider(format!("PgBouncer does not serve within {START_LIMIT:?} ({why}); it said: {said}")))
    }

    /// Ends it, removes what belongs to it and verifies that it is gone. A second call does nothing.
    ///
    /// # Errors
    /// [`StackError::Left`] with what is left.
    pub async fn stop(&self) -> Result<(), StackError> {
        match &self.running {
            Running::Here(bouncer) => bouncer.stop().await,
            #[cfg(feature = "docker")]
            Running::Docker(bouncer) => bouncer.stop().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: Kind, defects: &[Defect]) -> Settings {
        let spec = PoolerSpec { kind, size: 4, wait: Duration::from_millis(300) };
        let [database, user, password] = ["db", "app", "secret"].map(str::to_owned);
        Settings { database, user, password, spec, defects: defects.iter().copied().collect(), connect_query: None }
    }

    /// Versions are told apart by whether they follow prepared statements.
    #[test]
    fn versions_are_read() {
        let version = Version::of("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n");
        assert_eq!((version.0.as_str(), version.tracks_statements()), ("1.18.0", false));
        assert!(
            Version::of("PgBouncer 1.21.0").tracks_statements() && Version::of("PgBouncer 2.0").tracks_statements()
        );
        assert!(!Version::of("not found").tracks_statements());
    }

    /// What a connection begins with stands beside the server, quoted.
    #[test]
    fn a_connection_begins_with_a_query() {
        let server = Address { host: "/run/server".into(), port: 5433 };
        let mut settings = settings(Kind::PgbouncerTransaction, &[]);
        settings.connect_query = Some("SET ROLE 'app'".to_owned());
        let ini = settings.ini(&server, &Listen::Folder(Path::new("/run/pooler")), "users", &Version::of("1.18.0"));
        assert!(ini.contains("dbname=db connect_query='SET ROLE ''app'''\n"), "{ini}");
    }

    /// What a scenario asks for stands in the settings, and a defect changes exactly its own line.
    #[test]
    fn settings_say_what_was_asked_for() {
        let server = Address { host: "/run/server".into(), port: 5433 };
        let folder = Path::new("/run/pooler");
        let ini = |defects: &[Defect], version: &str| {
            let version = Version::of(version);
            settings(Kind::PgbouncerTransaction, defects).ini(&server, &Listen::Folder(folder), "users", &version)
        };
        let plain = ini(&[], "PgBouncer 1.18.0");
        for line in [
            "db = host=/run/server port=5433 dbname=db",
            "unix_socket_dir = /run/pooler",
            "pool_mode = transaction",
            "default_pool_size = 4",
            "query_wait_timeout = 0.3",
            "server_reset_query = DISCARD ALL",
        ] {
            assert!(plain.lines().any(|l| l == line), "{line}: {plain}");
        }
        assert!(!plain.contains("listen_addr") && !plain.contains("max_prepared_statements"), "{plain}");
        let off = ini(&[Defect::PoolerResetOff], "PgBouncer 1.18.0");
        assert_eq!(off, plain.replace("server_reset_query = DISCARD ALL", "server_reset_query = "));
        assert!(ini(&[], "PgBouncer 1.24.1").contains("max_prepared_statements = 200"));
        assert!(ini(&[Defect::KeptStatements], "PgBouncer 1.24.1").contains("max_prepared_statements = 0"));
    }
}
