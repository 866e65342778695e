//! A server of our own: initdb into a temporary folder, a unix socket there and 127.0.0.1, gone when it is stopped.

use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use sqlx::postgres::PgConnectOptions;

use super::binaries::Binaries;
use super::lease::{self, Lease, PREFIX};
use super::member::{Home, Member, STOP_LIMIT};
use super::process::{self, RunAs};
use super::{replica, volume};
use crate::stack::error::StackError;
use crate::stack::options::Needs;
use crate::stack::settings::settings;

/// A path of a unix socket may have 107 bytes on Linux, 103 elsewhere; `/.s.PGSQL.65535` takes 15.
const LONGEST_FOLDER: usize = 88;
/// The primary's data folder.
const DATA: &str = "data";

/// A running server, with its replica if it has one.
#[derive(Debug)]
pub(in crate::stack) struct Cluster {
    folder: PathBuf,
    lease: Lease,
    home: Home,
    /// Whoever takes writes.
    primary: Member,
    /// Whoever follows it.
    replica: Option<Member>,
    /// One that was replaced by its replica, and must not come back.
    fenced: Option<Member>,
    volume: Option<PathBuf>,
    admin: PgConnectOptions,
    keep: bool,
}

impl Cluster {
    /// Makes and starts a server. Takes about a second, twice that with a replica.
    pub(in crate::stack) async fn start(binaries: &Binaries, keep: bool, needs: &Needs) -> Result<Self, StackError> {
        let run_as = RunAs::instead_of_root().map_err(StackError::Provider)?;
        let (folder, lease) = new_folder(run_as.as_ref())?;
        if keep {
            lease.keep().map_err(StackError::io(format!("mark {}", folder.display())))?;
        }
        let (binaries, settings) = (binaries.clone(), settings(needs));
        let home = Home { binaries, folder: folder.clone(), run_as, settings };
        match members(&home, needs).await {
            Ok((primary, replica, volume)) => {
                let admin = home.admin(primary.port());
                Ok(Self { folder, lease, home, primary, replica, fenced: None, volume, admin, keep })
            }
            Err(error) => {
                // Best effort: what is left is found by its lease.
                let _ = remove(&folder);
                Err(error)
            }
        }
    }

    /// Superuser, database `postgres`, over the unix socket, of whoever takes writes.
    pub(in crate::stack) fn admin(&self) -> &PgConnectOptions {
        &self.admin
    }

    /// The same of the replica.
    pub(in crate::stack) fn replica_admin(&self) -> Option<PgConnectOptions> {
        self.replica.as_ref().map(|replica| self.home.admin(replica.port()))
    }

    /// The folder of bounded size, if there is one.
    pub(in crate::stack) fn volume(&self) -> Option<&Path> {
        self.volume.as_deref()
    }

    /// Its folder.
    pub(in crate::stack) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills every process of the primary.
    pub(in crate::stack) async fn kill(&mut self) -> Result<(), StackError> {
        self.primary.kill().await
    }

    /// Starts the primary again, if it does not run.
    pub(in crate::stack) async fn start_again(&mut self) -> Result<(), StackError> {
        self.primary.start_again().await
    }

    /// Stops the primary in an orderly way and starts it again.
    pub(in crate::stack) async fn restart(&mut self) -> Result<(), StackError> {
        self.primary.stop(Signal::SIGINT).await?;
        self.primary.start_again().await
    }

    /// Holds every process of the primary.
    pub(in crate::stack) fn pause(&self) {
        self.primary.pause();
    }

    /// Lets them go on.
    pub(in crate::stack) fn resume(&self) {
        self.primary.resume();
    }

    /// Kills the primary for good; the replica takes its place. Whether it has been promoted is the caller's to see to.
    pub(in crate::stack) async fn replace_primary(&mut self) -> Result<(), StackError> {
        let replica =
            self.replica.take().ok_or_else(|| StackError::Provider("there is no replica to take over".into()))?;
        self.fenced = Some(std::mem::replace(&mut self.primary, replica));
        self.admin = self.home.admin(self.primary.port());
        match &mut self.fenced {
            Some(fenced) => fenced.kill().await,
            None => Ok(()),
        }
    }

    /// Ends the server and removes its folder; verifies both. With `keep` it does neither.
    pub(in crate::stack) async fn stop(&mut self) -> Result<(), StackError> {
        if self.keep {
            return Ok(());
        }
        for member in [self.replica.as_mut(), Some(&mut self.primary)].into_iter().flatten() {
            member.stop(Signal::SIGQUIT).await?;
        }
        let folder = self.folder.clone();
        let cleaned = tokio::task::spawn_blocking(move || remove(&folder)).await;
        let left = |why: String| StackError::Left { what: self.folder.display().to_string(), why };
        cleaned.unwrap_or_else(|error| Err(left(error.to_string())))
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
        self.primary.reap();
        for member in [&mut self.replica, &mut self.fenced].into_iter().flatten() {
            member.reap();
        }
        let _ = &self.lease;
    }
}

/// The server, its replica and its volume, as they are needed.
async fn members(home: &Home, needs: &Needs) -> Result<(Member, Option<Member>, Option<PathBuf>), StackError> {
    let volume = match needs.disk_bytes {
        Some(bytes) => Some(volume::mount(&home.folder, bytes, home.run_as.as_ref())?),
        None => None,
    };
    init(home).await?;
    let primary = Member::start(home, DATA).await?;
    let replica = match needs.replica {
        Some(kind) => Some(replica::start(home, &primary, kind).await?),
        None => None,
    };
    Ok((primary, replica, volume))
}

/// Ends whatever runs on a folder and removes it.
pub(super) fn remove(folder: &Path) -> Result<(), StackError> {
    let left = process::end(folder, STOP_LIMIT);
    if !left.is_empty() {
        let what = format!("{} (processes {left:?})", folder.display());
        return Err(StackError::Left { what, why: "they do not end".into() });
    }
    volume::unmount(folder);
    match lease::remove_but_lease(folder).and_then(|()| std::fs::remove_dir_all(folder)) {
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
    if !is_plain(&folder) {
        return Err(StackError::Provider(format!(
            "{} has a character that a shell or a configuration file takes for something else; set TMPDIR to a folder \
             of letters, digits and `/._-+@=`",
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

/// Whether a path means itself wherever it is written: in SQL, in a shell's command, in a pooler's configuration.
fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.chars().all(|c| c.is_alphanumeric() || "/._-+@=".contains(c)))
}

async fn init(home: &Home) -> Result<(), StackError> {
    let mut initdb = home.command("initdb");
    // The socket lies in a folder that only its owner can enter; TCP asks for a password that nobody was told.
    initdb
        .arg("--pgdata")
        .arg(home.folder.join(DATA))
        .args(["--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"])
        .args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    let output = initdb.output().await.map_err(StackError::io("run initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    let who = home.run_as.as_ref().map_or(String::new(), |run_as| format!(" as {}", run_as.name));
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(StackError::Provider(format!("initdb{who} in {} failed: {said}", home.folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that a shell would take apart, or that ends a literal, is refused before anything is written there.
    #[test]
    fn a_path_that_needs_quotes_is_refused() {
        for plain in ["/tmp/tenant-chaos-0123abcd", "/var/folders/zz/T_1/a+b=c", "/home/jürgen/tmp"] {
            assert!(is_plain(Path::new(plain)), "{plain}");
        }
        for odd in ["/tmp/my files", "/tmp/o'clock", "/tmp/a;b", "/tmp/$HOME", "/tmp/a\nb", "/tmp/\"a\"", "/tmp/*"] {
            assert!(!is_plain(Path::new(odd)), "{odd}");
        }
    }
}
