//! PgBouncer as a process of this machine, in a leased folder like a server's.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::cluster::{new_folder, remove};
use super::lease::Lease;
use super::member::command;
use super::process::RunAs;
use crate::stack::error::StackError;
use crate::stack::pooler::{Address, Listen, Settings, Version};

/// Folders in which distributions and Homebrew put it, beside those of the PATH.
const FOLDERS: [&str; 5] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/local/bin"];
/// Killed, it must be gone within this.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Lines of its log that are shown.
const LAST_WORDS: usize = 4;

/// A running PgBouncer.
pub(in crate::stack) struct PgBouncer {
    program: PathBuf,
    run_as: Option<RunAs>,
    folder: PathBuf,
    _lease: Lease,
    child: tokio::sync::Mutex<Option<Child>>,
    /// Its folder is there.
    present: Mutex<bool>,
}

impl PgBouncer {
    /// Whether the program is where it is looked for.
    pub(in crate::stack) fn is_installed() -> bool {
        find(None).is_ok()
    }

    /// Starts it; it may not answer yet.
    ///
    /// # Errors
    /// [`StackError::Provider`] with the command that mends it, if there is none on this machine.
    pub(in crate::stack) async fn start(
        server: &Address,
        settings: &Settings,
        program: Option<&Path>,
    ) -> Result<(Self, Version), StackError> {
        let program = find(program)?;
        let output = Command::new(&program).arg("--version").output().await;
        let output = output.map_err(StackError::io(format!("run {}", program.display())))?;
        let version = Version::of(&String::from_utf8_lossy(&output.stdout));
        let run_as = RunAs::instead_of_root().map_err(StackError::Provider)?;
        let (folder, lease) = new_folder(run_as.as_ref())?;
        let (child, present) = (tokio::sync::Mutex::new(None), Mutex::new(true));
        // From here on its drop removes the folder.
        let bouncer = Self { program, run_as, folder, _lease: lease, child, present };
        let users = bouncer.folder.join("users");
        let ini = settings.ini(server, &Listen::Folder(&bouncer.folder), &users.display().to_string(), &version);
        bouncer.write(&users, &settings.user_list())?;
        bouncer.write(&bouncer.ini(), &ini)?;
        bouncer.start_again().await?;
        Ok((bouncer, version))
    }

    fn ini(&self) -> PathBuf {
        self.folder.join("pgbouncer.ini")
    }

    /// Writes a file that only its user can read.
    fn write(&self, path: &Path, text: &str) -> Result<(), StackError> {
        use std::io::Write;
        use std::os::unix::fs::{OpenOptionsExt, fchown};
        let write = || {
            let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            match &self.run_as {
                Some(run_as) => fchown(&file, Some(run_as.uid), Some(run_as.gid)),
                None => Ok(()),
            }
        };
        write().map_err(StackError::io(format!("write {}", path.display())))
    }

    /// Its folder, with its socket.
    pub(in crate::stack) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it, unless it runs.
    pub(in crate::stack) async fn start_again(&self) -> Result<(), StackError> {
        let mut child = self.child.lock().await;
        if let Some(running) = child.as_mut()
            && matches!(running.try_wait(), Ok(None))
        {
            return Ok(());
        }
        let mut pgbouncer = command(&self.program, &self.folder, self.run_as.as_ref());
        // Its own log has all that it says.
        pgbouncer
            .arg("--quiet")
            .arg(self.ini())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        *child = Some(pgbouncer.spawn().map_err(StackError::io(format!("start {}", self.program.display())))?);
        Ok(())
    }

    /// Kills it and waits until it is gone.
    pub(in crate::stack) async fn kill(&self) -> Result<(), StackError> {
        let Some(mut child) = self.child.lock().await.take() else { return Ok(()) };
        match tokio::time::timeout(KILL_LIMIT, child.kill()).await {
            Ok(killed) => killed.map_err(StackError::io("kill pgbouncer")),
            Err(_) => {
                let what = format!("pgbouncer in {}", self.folder.display());
                Err(StackError::Left { what, why: format!("it is not gone within {KILL_LIMIT:?}") })
            }
        }
    }

    /// The last lines of its log.
    pub(in crate::stack) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join(" | ")
    }

    /// Ends it and removes its folder; verifies both.
    pub(in crate::stack) async fn stop(&self) -> Result<(), StackError> {
        let killed = self.kill().await;
        let folder = self.folder.clone();
        let removed = tokio::task::spawn_blocking(move || remove(&folder)).await;
        let removed = removed.unwrap_or_else(|error| {
            Err(StackError::Left { what: self.folder.display().to_string(), why: error.to_string() })
        });
        if removed.is_ok() {
            *self.present.lock().unwrap_or_else(PoisonError::into_inner) = false;
        }
        killed.and(removed)
    }
}

impl Drop for PgBouncer {
    /// On the ways out that do not stop it: a panic, or a caller who forgot. Blocks until it is gone.
    fn drop(&mut self) {
        if !*self.present.get_mut().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        if let Err(error) = remove(&self.folder) {
            tracing::warn!(%error, "clean-up");
        }
        // Reap it, so that no zombie is left.
        if let Some(child) = self.child.get_mut() {
            let _ = child.try_wait();
        }
    }
}

/// The program: the given one, or the first in the PATH and the usual folders.
fn find(given: Option<&Path>) -> Result<PathBuf, StackError> {
    const MEND: &str = "apt-get install pgbouncer  (or brew install pgbouncer; its own service is not needed)";
    let missing =
        |what: String| StackError::Provider(format!("the scenario wants PgBouncer, and {what}; to mend it: {MEND}"));
    if let Some(given) = given {
        return match given.is_file() {
            true => Ok(given.to_path_buf()),
            false => Err(missing(format!("there is no {}", given.display()))),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    let mut programs = folders.map(|folder| folder.join("pgbouncer"));
    programs.find(|program| program.is_file()).ok_or_else(|| missing("this machine has none".to_owned()))
}
