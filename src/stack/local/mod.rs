//! The local provider: server binaries of this machine in a temporary folder, dropping root.

mod binaries;
mod cluster;
mod lease;
mod process;

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

pub(super) use binaries::find;
pub(super) use cluster::Cluster;

use lease::{Owner, PREFIX};
use process::RunAs;

use super::error::StackError;

/// A folder without a lease is left alone for this long: its owner may be about to take it.
const YOUNG: Duration = Duration::from_secs(10);

/// Which orphans to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Those whose owner is gone and did not ask to keep them.
    Orphans,
    /// Those that were to be kept, too.
    Kept,
}

/// Ends and removes clusters whose owner is gone; returns what was removed. Those of living owners are never touched.
///
/// # Errors
/// [`StackError::Left`] with the first that could not be removed, after having tried all.
pub(super) fn sweep(which: Sweep) -> Result<Vec<String>, StackError> {
    let own = nix::unistd::geteuid().as_raw();
    let dropped = RunAs::instead_of_root().ok().flatten().map(|run_as| run_as.uid);
    let (mut removed, mut trouble) = (Vec::new(), None);
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let ours =
            entry.metadata().is_ok_and(|meta| meta.is_dir() && (meta.uid() == own || Some(meta.uid()) == dropped));
        let folder = entry.path();
        let orphan = match ours.then(|| lease::owner(&folder, YOUNG)) {
            Some(Owner::Gone) => true,
            Some(Owner::GoneKept) => which == Sweep::Kept,
            Some(Owner::Alive) | None => false,
        };
        if !orphan {
            continue;
        }
        match cluster::remove(&folder) {
            Ok(()) => removed.push(format!("local server in {}", folder.display())),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    trouble.map_or(Ok(removed), Err)
}
