//! Processor time of client and server together, from Linux's `/proc`.
//!
//! When client and server have the machine's processors to themselves, what a transaction takes of them decides how
//! many there are per second. When others are at work, too, it still tells the contenders apart and the rate does not.

use std::fs;

use sqlx::PgConnection;

use crate::common::Failure;

/// `/proc` counts in hundredths of a second, whatever the kernel's own clock does.
const TICKS_PER_S: f64 = 100.0;

/// Reads the processor time that was used so far.
pub(crate) struct Meter {
    postmaster: u32,
}

/// A line of `/proc/<pid>/stat`, in ticks.
struct Stat {
    parent: u32,
    own: u64,
    ended_children: u64,
}

impl Meter {
    /// A meter for this process and the server of a connection; `None` where there is no `/proc`.
    pub(crate) async fn new(connection: &mut PgConnection) -> Result<Option<Self>, Failure> {
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await?;
        Ok(stat(&backend.to_string()).map(|stat| Self { postmaster: stat.parent }))
    }

    /// Seconds of this process, of the programs that it has run, and of the server with all its backends. A backend
    /// that ends is counted on by its parent.
    pub(crate) fn seconds(&self) -> f64 {
        let roots = ["self".to_owned(), self.postmaster.to_string()];
        let ticks: u64 = roots.iter().filter_map(|pid| stat(pid)).map(|stat| stat.own + stat.ended_children).sum();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let backends = processes.filter_map(|entry| stat(entry.file_name().to_str()?));
        let backends: u64 = backends.filter(|stat| stat.parent == self.postmaster).map(|stat| stat.own).sum();
        (ticks + backends) as f64 / TICKS_PER_S
    }
}

fn stat(pid: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name comes second, in parentheses, and may contain anything.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<u64> = fields.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect();
    let parent = u32::try_from(*fields.first()?).ok()?;
    Some(Stat { parent, own: fields.get(10)? + fields.get(11)?, ended_children: fields.get(12)? + fields.get(13)? })
}
