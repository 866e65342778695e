//! Processes: as whom servers run, which ones belong to a folder, and how they are ended.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

/// The user that the server runs as: servers refuse to run as root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunAs {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) name: String,
}

impl RunAs {
    /// Who to become; `None` if this process is not root and need not become anyone.
    ///
    /// # Errors
    /// A sentence, if root finds no one to become.
    pub(super) fn instead_of_root() -> Result<Option<Self>, String> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let known = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        let user =
            known.ok_or("this is root, servers refuse to run as root, and there is no user postgres or nobody")?;
        Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name }))
    }
}

/// Processes that were started with this folder on their command line, and servers' processes that work in it: a backend
/// does not keep the command line, and outlives its postmaster by a moment, or for as long as it is held.
pub(super) fn processes_of(folder: &Path) -> Vec<Pid> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let own = std::process::id() as i32;
    commands()
        .into_iter()
        .filter(|(pid, command)| *pid != own && command.windows(needle.len()).any(|window| window == needle))
        .map(|(pid, _)| Pid::from_raw(pid))
        .chain(working_in(folder))
        .collect()
}

/// Processes called `postgres` whose working folder lies in this one; none where there is no /proc.
fn working_in(folder: &Path) -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let here = std::fs::read_link(entry.path().join("cwd")).ok()?.starts_with(folder);
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        (here && name.trim_end() == "postgres").then(|| Pid::from_raw(pid))
    })
}

/// The processes that this one has started.
pub(super) fn children_of(parent: Pid) -> Vec<Pid> {
    let children = match std::fs::read_dir("/proc/self").is_ok() {
        true => parents_from_proc(),
        false => parents_from_ps(),
    };
    children.into_iter().filter(|(_, of)| *of == parent.as_raw()).map(|(pid, _)| Pid::from_raw(pid)).collect()
}

/// Every process with its parent.
fn parents_from_proc() -> Vec<(i32, i32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let parent = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name before it, in parentheses, may hold blanks and parentheses.
        let (_, rest) = stat.rsplit_once(')')?;
        Some((pid, rest.split_whitespace().nth(1)?.parse().ok()?))
    };
    entries.filter_map(parent).collect()
}

fn parents_from_ps() -> Vec<(i32, i32)> {
    let Ok(output) = std::process::Command::new("ps").args(["-axo", "pid=,ppid="]).output() else { return Vec::new() };
    let line = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    String::from_utf8_lossy(&output.stdout).lines().filter_map(line).collect()
}

/// Every process with its command line.
fn commands() -> Vec<(i32, Vec<u8>)> {
    match std::fs::read_dir("/proc/self").is_ok() {
        true => from_proc(),
        false => from_ps(),
    }
}

fn from_proc() -> Vec<(i32, Vec<u8>)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    pids.filter_map(|pid: i32| Some((pid, std::fs::read(format!("/proc/{pid}/cmdline")).ok()?))).collect()
}

fn from_ps() -> Vec<(i32, Vec<u8>)> {
    let Ok(output) = std::process::Command::new("ps").args(["-axo", "pid=,args="]).output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let (pid, command) = line.trim_start().split_once(' ')?;
        Some((pid.parse().ok()?, command.as_bytes().to_vec()))
    };
    text.lines().filter_map(line).collect()
}

/// Sends a signal; a process that is already gone is fine.
pub(super) fn signal(pid: Pid, signal: Signal) {
    match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => tracing::warn!(%pid, %signal, %errno, "cannot signal a server process"),
    }
}

/// Ends processes that are not our children: an orderly `SIGQUIT` (the server's immediate shutdown), then `SIGKILL`.
/// Blocks until they are gone or `limit` has passed; returns those that remain.
pub(super) fn end(folder: &Path, limit: Duration) -> Vec<Pid> {
    let begun = Instant::now();
    let mut sent = None;
    loop {
        let left = processes_of(folder);
        if left.is_empty() || begun.elapsed() > limit {
            return left;
        }
        let wanted = if begun.elapsed() > limit / 2 { Signal::SIGKILL } else { Signal::SIGQUIT };
        if sent != Some(wanted) {
            left.iter().for_each(|pid| signal(*pid, wanted));
            // Whoever was held hears nothing until it goes on.
            left.iter().for_each(|pid| signal(*pid, Signal::SIGCONT));
            sent = Some(wanted);
        }
        // The end of a process that is not a child cannot be awaited.
        std::thread::sleep(Duration::from_millis(10));
    }
}
