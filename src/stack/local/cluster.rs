//! A server of our own: initdb into a temporary folder, a unix socket there and 127.0.0.1, gone when it is stopped.

use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};

use super::binaries::Binaries;
use super::lease::{Lease, PREFIX};
use super::process::{self, RunAs};
use crate::stack::error::StackError;
use crate::stack::settings::SETTINGS;

/// The server must answer within this.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Asked to stop, it must be gone within this.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks at a server that is starting.
const LOOK: Duration = Duration::from_millis(10);
/// A path of a unix socket may have 107 bytes on Linux, 103 elsewhere; `/.s.PGSQL.65535` takes 15.
const LONGEST_FOLDER: usize = 88;
/// Times that another port is tried when someone took the chosen one first.
const PORT_TRIES: usize = 3;

/// What a server of this machine needs beside the common settings.
const LOCAL_SETTINGS: [&str; 3] =
    ["listen_addresses=127.0.0.1", "logging_collector=off", "unix_socket_permissions=0700"];

/// A running server.
#[derive(Debug)]
pub(in crate::stack) struct Cluster {
    folder: PathBuf,
    lease: Lease,
    child: Child,
    admin: PgConnectOptions,
    keep: bool,
}

impl Cluster {
    /// Makes and starts a server. Takes about a second.
    pub(in crate::stack) async fn start(binaries: &Binaries, keep: bool) -> Result<Self, StackError> {
        let run_as = RunAs::instead_of_root().map_err(StackError::Provider)?;
        let (folder, lease) = new_folder(run_as.as_ref())?;
        if keep {
            lease.keep().map_err(StackError::io(format!("mark {}", folder.display())))?;
        }
        let started = match init(binaries, &folder, run_as.as_ref()).await {
            Ok(()) => launch(binaries, &folder, run_as.as_ref()).await,
            Err(error) => Err(error),
        };
        match started {
            Ok((child, admin)) => Ok(Self { folder, lease, child, admin, keep }),
            Err(error) => {
                // Best effort: what is left is found by its lease.
                process::end(&folder, STOP_LIMIT);
                let _ = std::fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    /// Superuser, database `postgres`, over the unix socket.
    pub(in crate::stack) fn admin(&self) -> &PgConnectOptions {
        &self.admin
    }

    /// Its folder.
    pub(in crate::stack) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends the server and removes its folder; verifies both. With `keep` it does neither.
    pub(in crate::stack) async fn stop(&mut self) -> Result<(), StackError> {
        if self.keep {
            return Ok(());
        }
        let left = |what: String, why: &str| StackError::Left { what, why: why.to_owned() };
        if let Some(pid) = self.child.id() {
            process::signal(Pid::from_raw(pid as i32), Signal::SIGQUIT);
            if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
                self.child.kill().await.map_err(|error| left(format!("server process {pid}"), &error.to_string()))?;
            }
        }
        let folder = self.folder.clone();
        let cleaned = tokio::task::spawn_blocking(move || remove(&folder)).await;
        cleaned.unwrap_or_else(|error| Err(left(self.folder.display().to_string(), &error.to_string())))
    }
}

impl Drop for Cluster {
    /// On the ways out that do not stop it: a panic, or a caller who forgot. Blocks for as long as the server needs to
    /// end, some milliseconds as a rule.
    fn drop(&mut self) {
        if self.keep || !self.folder.exists() {
            return;
        }
        if let Err(error) = remove(&self.folder) {
            tracing::warn!(%error, "clean-up");
        }
        // Reap it, so that no zombie is left.
        let _ = self.child.try_wait();
        let _ = &self.lease;
    }
}

/// Ends whatever runs on a folder and removes it.
pub(super) fn remove(folder: &Path) -> Result<(), StackError> {
    let left = process::end(folder, STOP_LIMIT);
    if !left.is_empty() {
        let what = format!("{} (processes {left:?})", folder.display());
        return Err(StackError::Left { what, why: "they do not end".into() });
    }
    match std::fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StackError::Left { what: folder.display().to_string(), why: error.to_string() }),
    }
}

/// A new folder that only its owner can enter, leased by this process.
pub(super) fn new_folder(run_as: Option<&RunAs>) -> Result<(PathBuf, Lease), StackError> {
    let name = format!("{PREFIX}{:08x}", rand::random::<u32>());
    let folder = std::env::temp_dir().join(name);
    if folder.as_os_str().len() > LONGEST_FOLDER {
        return Err(StackError::Provider(format!(
            "{} is too long for the path of a unix socket; set TMPDIR to a shorter one",
            folder.display()
        )));
    }
    let making = || StackError::io(format!("make {}", folder.display()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(making())?;
    let lease = Lease::take(&folder).map_err(making())?;
    if let Some(run_as) = run_as {
        chown(&folder, Some(run_as.uid), Some(run_as.gid)).map_err(making())?;
    }
    Ok((folder, lease))
}

pub(super) fn command(program: &Path, folder: &Path, run_as: Option<&RunAs>) -> Command {
    let mut command = Command::new(program);
    // A group of its own: an interrupt at the terminal is for us, and we stop the server in our own time.
    command.stdin(Stdio::null()).current_dir(folder).process_group(0).env("LC_ALL", "C").env_remove("PGDATA");
    if let Some(run_as) = run_as {
        command.uid(run_as.uid).gid(run_as.gid);
    }
    command
}

async fn init(binaries: &Binaries, folder: &Path, run_as: Option<&RunAs>) -> Result<(), StackError> {
    let mut initdb = command(&binaries.folder.join("initdb"), folder, run_as);
    // The socket lies in a folder that only its owner can enter; TCP asks for a password that nobody was told.
    initdb
        .arg("--pgdata")
        .arg(folder.join("data"))
        .args(["--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"])
        .args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    let output = initdb.output().await.map_err(StackError::io("run initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    let who = run_as.map_or(String::new(), |run_as| format!(" as {}", run_as.name));
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(StackError::Provider(format!("initdb{who} in {} failed: {said}", folder.display())))
}

async fn launch(
    binaries: &Binaries,
    folder: &Path,
    run_as: Option<&RunAs>,
) -> Result<(Child, PgConnectOptions), StackError> {
    let mut last = None;
    for _ in 0..PORT_TRIES {
        match launch_on(free_port()?, binaries, folder, run_as).await {
            Ok(started) => return Ok(started),
            Err(error) if error.to_string().contains("Address already in use") => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| StackError::Provider("no free port".into())))
}

fn free_port() -> Result<u16, StackError> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(StackError::io("find a free port"))?;
    Ok(listener.local_addr().map_err(StackError::io("find a free port"))?.port())
}

async fn launch_on(
    port: u16,
    binaries: &Binaries,
    folder: &Path,
    run_as: Option<&RunAs>,
) -> Result<(Child, PgConnectOptions), StackError> {
    let log_path = folder.join("log");
    let log = std::fs::File::create(&log_path).map_err(StackError::io(format!("write {}", log_path.display())))?;
    let copy = log.try_clone().map_err(StackError::io("write the server's log"))?;
    let mut postgres = command(&binaries.folder.join("postgres"), folder, run_as);
    postgres.arg("-D").arg(folder.join("data")).stdout(log).stderr(copy);
    postgres.arg("-c").arg(format!("port={port}"));
    postgres.arg("-c").arg(format!("unix_socket_directories={}", folder.display()));
    for setting in SETTINGS.iter().chain(&LOCAL_SETTINGS) {
        postgres.arg("-c").arg(setting);
    }
    let mut child = postgres.spawn().map_err(StackError::io("start postgres"))?;
    let admin = PgConnectOptions::new_without_pgpass()
        .socket(folder)
        .port(port)
        .username("postgres")
        .database("postgres")
        .application_name("tenant-chaos administrator");
    let ready = async {
        loop {
            if let Ok(connection) = PgConnection::connect_with(&admin).await {
                // Whether the goodbye arrives does not matter.
                let _ = connection.close().await;
                return;
            }
            // A server that is starting has no condition to await from outside.
            tokio::time::sleep(LOOK).await;
        }
    };
    let why = tokio::select! {
        () = ready => return Ok((child, admin)),
        ended = child.wait() => format!("ended while starting ({})", ended.map_or_else(|e| e.to_string(), |s| s.to_string())),
        () = tokio::time::sleep(START_LIMIT) => format!("does not answer within {START_LIMIT:?}"),
    };
    let log = std::fs::read_to_string(&log_path).unwrap_or_default();
    let tail = log.lines().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n  ");
    Err(StackError::Provider(format!("postgres {why}; it said:\n  {tail}")))
}
