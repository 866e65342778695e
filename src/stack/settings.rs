//! How a server of our own is set up, wherever it runs.

/// Its data is thrown away, so nothing is forced to disk: what happens to data when the machine loses power is not among
/// the questions that are asked here. Commits still wait for their WAL as usual.
pub(super) const SETTINGS: [&str; 11] = [
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=200",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "checkpoint_timeout=30min",
    "jit=off",
    "cluster_name=tenant-chaos",
    "log_line_prefix=%m [%p] ",
];
