//! How a server of our own is set up, wherever it runs.

use super::options::Needs;

/// Its data is thrown away, so nothing is forced to disk: what happens to data when the machine loses power is not among
/// the questions that are asked here. Commits still wait for their WAL as usual, and a server that is killed recovers
/// them: what was written stays in the system's cache.
const SETTINGS: [&str; 8] = [
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "checkpoint_timeout=30min",
    "jit=off",
    "cluster_name=tenant-chaos",
    "log_line_prefix=%m [%p] ",
];
/// A fault may change this one on a server of its own, so there it keeps initdb's value.
const SHARED: [&str; 1] = ["max_connections=200"];
const ALONE: [&str; 2] = ["wal_level=minimal", "max_wal_senders=0"];
const WITH_REPLICA: [&str; 4] = ["wal_level=replica", "max_wal_senders=4", "hot_standby=on", "wal_keep_size=512MB"];

/// The settings of a server, as `name=value`.
pub(super) fn settings(needs: &Needs) -> Vec<String> {
    let connections = if needs.own { &[][..] } else { &SHARED };
    let replication = if needs.replica.is_some() { &WITH_REPLICA[..] } else { &ALONE };
    SETTINGS.iter().chain(connections).chain(replication).map(|setting| (*setting).to_owned()).collect()
}
