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
const DRAFT: &str = "lease.new";

/// A folder that is ours for as long as this value, or its process, lives.
#[derive(Debug)]
pub(super) struct Lease {
    folder: PathBuf,
    _lock: File,
}

impl Lease {
    /// Takes a new, empty folder. The file gets its name only once it is locked, so that no one sees it unlocked.
    pub(super) fn take(folder: &Path) -> std::io::Result<Self> {
        let draft = folder.join(DRAFT);
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

/// Whether a folder's name is one that this program gives: the prefix and eight hexadecimal digits. What a user calls
/// `tenant-chaos-results` is none of its business.
pub(super) fn is_named_like_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// Looks at a folder's lease. An empty folder without one is somebody's who was killed before it took it, or about to
/// take it: it counts as alive for `young`, as gone after that. One with anything in it, or whose lease cannot be read,
/// is left alone: a folder loses its lease last ([`remove_but_lease`]).
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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_bare(folder) => {
            let age = std::fs::metadata(folder).and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > young) { gone } else { Owner::Alive }
        }
        Err(_) => Owner::Alive,
    }
}

/// Whether a folder has nothing in it but a lease that was about to be taken.
fn is_bare(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == DRAFT))
}

/// Removes everything in a folder but its lease, so that a removal that is cut short leaves an orphan that is known as one.
pub(super) fn remove_but_lease(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == LEASE {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path())?,
            false => std::fs::remove_file(entry.path())?,
        }
    }
    Ok(())
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

    /// A folder of somebody else's is never an orphan, however old: neither by its name nor by what is in it. One that was
    /// left before its lease was taken is.
    #[test]
    fn folders_of_others_are_left_alone() {
        assert!(is_named_like_ours("tenant-chaos-0123abcd"));
        for name in ["tenant-chaos-results", "tenant-chaos-0123ABCD", "tenant-chaos-0123abcd1", "tenant-chaos-"] {
            assert!(!is_named_like_ours(name), "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(DRAFT), "").unwrap();
        assert_eq!(owner(folder.path(), Duration::ZERO), Owner::Gone);
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        assert_eq!(owner(folder.path(), Duration::ZERO), Owner::Alive);
    }

    /// A removal takes the lease last.
    #[test]
    fn a_removal_leaves_the_lease() {
        let folder = tempfile::tempdir().unwrap();
        let lease = Lease::take(folder.path()).unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/base"), "").unwrap();
        drop(lease);
        remove_but_lease(folder.path()).unwrap();
        assert_eq!(owner(folder.path(), Duration::ZERO), Owner::Gone);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
