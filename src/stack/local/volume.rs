//! A volume of bounded size in a cluster's folder: a file system in memory, which only root may mount.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::RunAs;
use crate::stack::error::StackError;

/// Its name in the cluster's folder.
const NAME: &str = "volume";

/// Mounts a volume of so many bytes for the server's user.
pub(super) fn mount(folder: &Path, bytes: u64, run_as: Option<&RunAs>) -> Result<PathBuf, StackError> {
    let Some(run_as) = run_as else {
        return Err(StackError::Provider(
            "a volume of bounded size needs root on the local provider; run it as root, or use docker".to_owned(),
        ));
    };
    let volume = folder.join(NAME);
    let what = || format!("mount {}", volume.display());
    std::fs::create_dir(&volume).map_err(StackError::io(what()))?;
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0700"), "tenant-chaos"]).arg(&volume);
    let output = mount.output().map_err(StackError::io(what()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(StackError::Provider(format!("cannot {}: {said}", what())));
    }
    chown(&volume, Some(run_as.uid), Some(run_as.gid)).map_err(StackError::io(what()))?;
    Ok(volume)
}

/// Unmounts a folder's volume, if it has one. Whatever used it must have ended.
pub(super) fn unmount(folder: &Path) {
    let volume = folder.join(NAME);
    if !volume.exists() {
        return;
    }
    match Command::new("umount").arg(&volume).output() {
        Ok(output) if output.status.success() => {}
        // One that was never mounted is removed like any folder; one that is still used makes that fail, and is told.
        Ok(output) => tracing::debug!(said = %String::from_utf8_lossy(&output.stderr), "cannot unmount"),
        Err(error) => tracing::warn!(%error, "cannot run umount"),
    }
}
