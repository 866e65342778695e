//! A machine of its own, as far as the harness can tell: nothing else runs in its temporary folder. For tests that
//! interrupt and kill whole runs and then look at what is left.

#![allow(dead_code, reason = "each test crate uses what it needs of it")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A run that is asked to end must have ended within this, on a busy machine; and what a killed one left must be gone.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A temporary folder with one scenario, and an empty folder for what a run makes.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new(scenario: &str) -> Self {
        let open = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        std::fs::write(folder.path().join("short.toml"), scenario).unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where a run on this machine puts its servers.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    pub(crate) fn tenant_chaos(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tenant-chaos"));
        command.env("TMPDIR", self.tmp()).env_remove("RUST_LOG").env_remove("TENANT_CHAOS_PROVIDER");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// A run of the scenario, not started.
    pub(crate) fn run_with(&self, provider: &[&str]) -> Command {
        let mut command = self.tenant_chaos();
        command.arg("run").arg(self.path().join("short.toml")).arg("--provider").args(provider);
        command.arg("--out").arg(self.path().join("out")).stderr(Stdio::piped());
        command
    }

    /// What is left of servers: folders, file systems, and processes whose command line or working folder names this
    /// machine.
    pub(crate) fn left(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.tmp()).unwrap().flatten();
        let folders = folders.map(|entry| entry.path().display().to_string());
        let mine = self.tmp().display().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            (command.contains(&mine) || cwd.starts_with(&mine)).then_some(command)
        });
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let mounts: Vec<String> = mounts.lines().filter(|line| line.contains(&mine)).map(str::to_owned).collect();
        folders.chain(processes).chain(mounts).collect()
    }

    /// Cleans until nothing is left: a folder that its owner had not yet taken is left alone for some seconds.
    pub(crate) fn clean_until_empty(&self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let cleaned = self.tenant_chaos().arg("clean").stderr(Stdio::null()).status().unwrap();
            assert!(cleaned.success(), "clean ended with {cleaned}");
            let left = self.left();
            if left.is_empty() || Instant::now() > deadline {
                return left;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The servers that run on this machine.
    pub(crate) fn postmasters(&self) -> Vec<Pid> {
        let mine = format!("-D\0{}", self.tmp().display());
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let server = |entry: std::fs::DirEntry| {
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            String::from_utf8_lossy(&command).contains(&mine).then(|| Pid::from_raw(pid))
        };
        entries.filter_map(server).collect()
    }
}

/// Reads a run's progress until it says `moment`, then does something to it and reads on, so that the pipe stays open.
pub(crate) fn when_it_says(run: &mut Child, moment: &str, act: impl FnOnce(&Child)) -> String {
    let mut said = String::new();
    let mut act = Some(act);
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    while let Some(Ok(line)) = lines.next() {
        let due = line.contains(moment);
        said.push_str(&line);
        said.push('\n');
        if let (true, Some(act)) = (due, act.take_if(|_| due)) {
            act(run);
        }
    }
    assert!(act.is_none(), "the run never said {moment:?}: {said}");
    said
}

pub(crate) fn send(run: &Child, signal: Signal) {
    kill(Pid::from_raw(run.id() as i32), signal).unwrap();
}
