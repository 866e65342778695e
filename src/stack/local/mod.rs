//! The local provider: server binaries of this machine in a temporary folder, dropping root.

mod binaries;
mod cache;
mod cluster;
#[cfg(feature = "fetch")]
mod fetch;
mod lease;
mod member;
mod pgbouncer;
mod process;
mod replica;
mod volume;

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

pub(super) use binaries::Binaries;
pub(super) use cluster::Cluster;
pub(super) use pgbouncer::PgBouncer;

use lease::Owner;
use process::RunAs;

use super::error::StackError;
use super::options::StackOptions;

/// An empty folder without a lease is left alone for this long: its owner may be about to take it.
const YOUNG: Duration = Duration::from_secs(10);

/// The wanted server binaries: those of the machine, else those that were fetched before, else fetched now.
///
/// # Errors
/// What was tried, in a sentence each.
pub(super) async fn obtain(options: &StackOptions, major: Option<&str>) -> Result<Binaries, String> {
    let (bin_dir, wanted) = (options.bin_dir.clone(), major.map(str::to_owned));
    let found = tokio::task::spawn_blocking(move || binaries::find(bin_dir.as_deref(), wanted.as_deref())).await;
    let not_here = match found.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(binaries) => return Ok(binaries),
        // Someone who names a folder wants no other.
        Err(why) if options.bin_dir.is_some() => return Err(why),
        Err(why) => why,
    };
    let cache = cache::Cache::of_this_user()?;
    match cache.find(major) {
        Some(binaries) => Ok(binaries),
        None => fetch_now(&cache, options, major).await.map_err(|why| format!("{not_here}; {why}")),
    }
}

#[cfg(feature = "fetch")]
async fn fetch_now(cache: &cache::Cache, options: &StackOptions, major: Option<&str>) -> Result<Binaries, String> {
    fetch::fetch(cache, options.fetch_from.as_deref(), major).await
}

#[cfg(not(feature = "fetch"))]
async fn fetch_now(_: &cache::Cache, _: &StackOptions, _: Option<&str>) -> Result<Binaries, String> {
    Err("fetching them is not built in (feature `fetch`)".to_owned())
}

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
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(lease::is_named_like_ours)) {
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
            Ok(()) => removed.push(format!("local server or pooler in {}", folder.display())),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    trouble.map_or(Ok(removed), Err)
}
