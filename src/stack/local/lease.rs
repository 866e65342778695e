//! Who owns a cluster's folder: a lock that dies with its process.
//!
//! The lock is an advisory lock on a file in the folder. The system releases it when the owner ends, however it ends,
//! so a folder whose lock can be had is an orphan. No process id has to be trusted.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Folders of clusters begin with this.
pub(super) const PREFIX: &str = "tenant-chaos-";
const LEASE: &str = "lease";
const KEPT: &str = "kept";

/// A folder that is ours for as long as this value, or its process, lives.
#[derive(Debug)]
pub(super) struct Lease {
    folder: PathBuf,
    _lock: File,
}

impl Lease {
    /// Takes a new, empty folder. The file gets its name only once it is locked, so that no one sees it unlocked.
    pub(super) fn take(folder: &Path) -> std::io::Result<Self> {
        let draft = folder.join("lease.new");
        let mut file = OpenOptions::new().create_new(true).write(true).open(&draft)?;
        writeln!(file, "{}", std::process::id())?;
        file.try_lock()?;
        std::fs::hard_link(&draft, folder.join(LEASE))?;
        std::fs::remove_file(&draft)?;
        Ok(Self { folder: folder.to_path_buf(), _lock: file })
    }

    /// Says that the folder should outlive its owner.
    pub(super) fn keep(&self) -> std::io::Result<()> {
        std::fs::write(self.folder.join(KEPT), "")
    }
}

/// What became of a folder's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It lives.
    Alive,
    /// It is gone.
    Gone,
    /// It is gone and wanted the folder to stay.
    GoneKept,
}

/// Looks at a folder's lease. A folder without one is somebody's who was killed before it took it, or about to take
/// it: it counts as alive for `young`, as gone after that.
pub(super) fn owner(folder: &Path, young: std::time::Duration) -> Owner {
    let gone = match folder.join(KEPT).exists() {
        true => Owner::GoneKept,
        false => Owner::Gone,
    };
    match OpenOptions::new().write(true).open(folder.join(LEASE)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => gone,
            Err(_) => Owner::Alive,
        },
        Err(_) => {
            let age = std::fs::metadata(folder).and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > young) { gone } else { Owner::Alive }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A lease is alive while its value lives, gone afterwards, and remembers that it was to be kept.
    #[test]
    fn a_lease_dies_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(owner(folder.path(), Duration::from_secs(60)), Owner::Alive, "may be about to be taken");
        let lease = Lease::take(folder.path()).unwrap();
        assert_eq!(owner(folder.path(), Duration::ZERO), Owner::Alive);
        assert!(Lease::take(folder.path()).is_err(), "nobody else can take it");
        lease.keep().unwrap();
        drop(lease);
        assert_eq!(owner(folder.path(), Duration::ZERO), Owner::GoneKept);
    }
}
