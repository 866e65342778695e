//! One postmaster on one data folder: started, stopped, killed, held and let go on.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};

use super::binaries::Binaries;
use super::process::{self, RunAs};
use crate::stack::error::{StackError, is_full};

/// The server must answer within this.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Asked to stop, it must be gone within this.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks at a server that is starting.
const LOOK: Duration = Duration::from_millis(10);
/// Times that another port is tried when someone took the chosen one first.
const PORT_TRIES: usize = 3;

/// What a server of this machine needs beside the common settings.
const LOCAL_SETTINGS: [&str; 3] =
    ["listen_addresses=127.0.0.1", "logging_collector=off", "unix_socket_permissions=0700"];

/// Where and how a server runs, beside its data.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) binaries: Binaries,
    /// The socket and the log lie here.
    pub(super) folder: PathBuf,
    pub(super) run_as: Option<RunAs>,
    /// `name=value`.
    pub(super) settings: Vec<String>,
}

impl Home {
    /// A program of the server, to run as its user.
    pub(super) fn command(&self, program: &str) -> Command {
        command(&self.binaries.folder.join(program), &self.folder, self.run_as.as_ref())
    }

    /// Superuser, database `postgres`, over the unix socket.
    pub(super) fn admin(&self, port: u16) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.folder)
            .port(port)
            .username("postgres")
            .database("postgres")
            .application_name("tenant-chaos administrator")
    }
}

/// A program of a server or a pooler, to run in a folder as its user.
pub(super) fn command(program: &Path, folder: &Path, run_as: Option<&RunAs>) -> Command {
    let mut command = Command::new(program);
    // A group of its own: an interrupt at the terminal is for us, and we stop the server in our own time.
    command.stdin(Stdio::null()).current_dir(folder).process_group(0).env("LC_ALL", "C").env_remove("PGDATA");
    if let Some(run_as) = run_as {
        command.uid(run_as.uid).gid(run_as.gid);
    }
    command
}

/// A server on one data folder.
#[derive(Debug)]
pub(super) struct Member {
    home: Home,
    /// Below the home's folder.
    data: &'static str,
    port: u16,
    child: Child,
}

impl Member {
    /// Starts a server on a free port and waits until it answers.
    pub(super) async fn start(home: &Home, data: &'static str) -> Result<Self, StackError> {
        let mut last = None;
        for _ in 0..PORT_TRIES {
            let port = free_port()?;
            match launch(home, data, port).await {
                Ok(child) => return Ok(Self { home: home.clone(), data, port, child }),
                Err(error) if error.to_string().contains("Address already in use") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| StackError::Provider("no free port".into())))
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster, while it lives or is not yet reaped.
    fn pid(&self) -> Option<Pid> {
        self.child.id().map(|pid| Pid::from_raw(pid as i32))
    }

    /// Stops it with a signal of the postmaster and waits for its end.
    pub(super) async fn stop(&mut self, signal: Signal) -> Result<(), StackError> {
        let Some(pid) = self.pid() else { return Ok(()) };
        process::signal(pid, signal);
        // Whoever is held hears nothing.
        self.resume();
        if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            let left = |error: std::io::Error| StackError::Left {
                what: format!("server process {pid}"),
                why: error.to_string(),
            };
            self.child.kill().await.map_err(left)?;
        }
        Ok(())
    }

    /// Kills every process of the server at once, as a crash of the machine would, except that what was written to
    /// files stays written.
    pub(super) async fn kill(&mut self) -> Result<(), StackError> {
        let Some(postmaster) = self.pid() else { return Ok(()) };
        let children = process::children_of(postmaster);
        process::signal(postmaster, Signal::SIGKILL);
        children.iter().for_each(|pid| process::signal(*pid, Signal::SIGKILL));
        self.child.wait().await.map_err(StackError::io("wait for the killed server"))?;
        // What was forked meanwhile holds the shared memory that the next start needs.
        let data = self.home.folder.join(self.data);
        let left = tokio::task::spawn_blocking(move || process::end(&data, STOP_LIMIT)).await.unwrap_or_default();
        match left.is_empty() {
            true => Ok(()),
            false => Err(StackError::Provider(format!("processes of the killed server do not end: {left:?}"))),
        }
    }

    /// Starts it again where it was, if it does not run.
    pub(super) async fn start_again(&mut self) -> Result<(), StackError> {
        if matches!(self.child.try_wait(), Ok(None)) {
            return Ok(());
        }
        self.child = launch(&self.home, self.data, self.port).await?;
        Ok(())
    }

    /// Holds every process of the server: the postmaster first, so that it forks no more.
    pub(super) fn pause(&self) {
        let Some(postmaster) = self.pid() else { return };
        process::signal(postmaster, Signal::SIGSTOP);
        process::children_of(postmaster).iter().for_each(|pid| process::signal(*pid, Signal::SIGSTOP));
    }

    /// Lets every process go on.
    pub(super) fn resume(&self) {
        let Some(postmaster) = self.pid() else { return };
        process::children_of(postmaster).iter().for_each(|pid| process::signal(*pid, Signal::SIGCONT));
        process::signal(postmaster, Signal::SIGCONT);
    }

    /// Reaps it if it has ended, so that no zombie is left.
    pub(super) fn reap(&mut self) {
        let _ = self.child.try_wait();
    }
}

fn free_port() -> Result<u16, StackError> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(StackError::io("find a free port"))?;
    Ok(listener.local_addr().map_err(StackError::io("find a free port"))?.port())
}

async fn launch(home: &Home, data: &str, port: u16) -> Result<Child, StackError> {
    let log_path = home.folder.join(format!("log-{data}"));
    let log = std::fs::File::create(&log_path).map_err(StackError::io(format!("write {}", log_path.display())))?;
    let copy = log.try_clone().map_err(StackError::io("write the server's log"))?;
    let mut postgres = home.command("postgres");
    postgres.arg("-D").arg(home.folder.join(data)).stdout(log).stderr(copy);
    postgres.arg("-c").arg(format!("port={port}"));
    postgres.arg("-c").arg(format!("unix_socket_directories={}", home.folder.display()));
    for setting in home.settings.iter().map(String::as_str).chain(LOCAL_SETTINGS) {
        postgres.arg("-c").arg(setting);
    }
    let mut child = postgres.spawn().map_err(StackError::io("start postgres"))?;
    let admin = home.admin(port);
    let ready = async {
        loop {
            match PgConnection::connect_with(&admin).await {
                Ok(connection) => {
                    // Whether the goodbye arrives does not matter.
                    let _ = connection.close().await;
                    return;
                }
                Err(error) if is_full(&error) => return,
                // A server that is starting has no condition to await from outside.
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    };
    let why = tokio::select! {
        () = ready => return Ok(child),
        ended = child.wait() => format!("ended while starting ({})", ended.map_or_else(|e| e.to_string(), |s| s.to_string())),
        () = tokio::time::sleep(START_LIMIT) => format!("does not answer within {START_LIMIT:?}"),
    };
    let log = std::fs::read_to_string(&log_path).unwrap_or_default();
    let tail = log.lines().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n  ");
    Err(StackError::Provider(format!("postgres {why}; it said:\n  {tail}")))
}
