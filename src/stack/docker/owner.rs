//! Who owns a container: the process that started it, named so that no other process can be taken for it.

use std::fmt;

/// What became of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It lives.
    Alive,
    /// It is gone.
    Gone,
    /// It cannot be seen from here: another machine, or another namespace of processes. Left alone.
    Unknown,
}

/// A process as a label names it: machine, boot, process namespace, id and start time. An id alone is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    machine: String,
    boot: String,
    namespace: String,
    pid: i32,
    started: String,
}

impl Process {
    /// This process.
    pub(super) fn own() -> Self {
        let pid = std::process::id() as i32;
        Self {
            machine: read("/etc/machine-id"),
            boot: read("/proc/sys/kernel/random/boot_id"),
            namespace: std::fs::read_link("/proc/self/ns/pid")
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            pid,
            started: started(pid).unwrap_or_default(),
        }
    }

    fn parse(label: &str) -> Option<Self> {
        let mut parts = label.split('/').map(str::to_owned);
        let (machine, boot, namespace) = (parts.next()?, parts.next()?, parts.next()?);
        let pid = parts.next()?.parse().ok()?;
        Some(Self { machine, boot, namespace, pid, started: parts.next()? })
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}/{}", self.machine, self.boot, self.namespace, self.pid, self.started)
    }
}

/// What became of the process that a label names.
pub(super) fn fate(label: &str) -> Owner {
    let Some(owner) = Process::parse(label) else { return Owner::Unknown };
    let here = Process::own();
    // Two machines without an id would look alike.
    if owner.machine != here.machine || (owner.machine.is_empty() && owner.boot != here.boot) {
        return Owner::Unknown;
    }
    if owner.boot != here.boot {
        return Owner::Gone;
    }
    if owner.namespace != here.namespace {
        return Owner::Unknown;
    }
    let alive = match started(owner.pid) {
        Some(started) => started == owner.started,
        // Without /proc the id is all there is.
        None if here.started.is_empty() => nix::sys::signal::kill(nix::unistd::Pid::from_raw(owner.pid), None).is_ok(),
        None => false,
    };
    if alive { Owner::Alive } else { Owner::Gone }
}

/// When a process started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
fn started(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it, in parentheses, may hold blanks and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This process is alive; another one under its id, one before the last boot and one that never was are gone; what
    /// runs elsewhere or cannot be read is left alone.
    #[test]
    fn only_the_dead_are_gone() {
        let own = Process::own();
        assert_eq!(fate(&own.to_string()), Owner::Alive);
        let changed = |change: fn(&mut Process)| {
            let mut process = own.clone();
            change(&mut process);
            fate(&process.to_string())
        };
        assert_eq!(changed(|process| process.started = "1".into()), Owner::Gone);
        assert_eq!(changed(|process| process.boot = "before".into()), Owner::Gone);
        assert_eq!(changed(|process| process.pid = i32::MAX), Owner::Gone);
        assert_eq!(changed(|process| process.machine = "another".into()), Owner::Unknown);
        assert_eq!(changed(|process| process.namespace = "pid:[1]".into()), Owner::Unknown);
        assert_eq!(fate("nonsense"), Owner::Unknown);
    }
}
