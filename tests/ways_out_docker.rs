//! Proves on a real engine what tests/ways_out.rs proves on this machine: whatever the fault and whatever the way out, no
//! container, network, volume, process or folder is left.
//!
//! Every group of faults takes one way out, and every way is taken at least once; with `TENANT_CHAOS_WAYS=all` every
//! group takes every way. Without an engine it is listed as ignored, with the reason in its kind, unless
//! `TENANT_CHAOS_REQUIRE_DOCKER=1`: then that is a failure.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod machine;
mod ways;

use std::process::{Child, Command, ExitCode};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use machine::{Machine, PATIENCE};
use ways::{Group, Place, WAYS_OUT, WayOut, all, groups, leave};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let required = std::env::var("TENANT_CHAOS_REQUIRE_DOCKER").is_ok_and(|value| value == "1");
    let ignored = docker(&["info", "--format", "{{.ServerVersion}}"]).is_err() && !required;
    let kind = if ignored { "no Docker engine answers" } else { "" };
    let trial = Trial::test("no_fault_leaves_anything_of_a_container_by_any_way_out", || {
        every_fault_leaves_nothing();
        Ok(())
    });
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(ignored).with_kind(kind)]).exit_code()
}

fn every_fault_leaves_nothing() {
    let groups = groups(Engine::PROVIDER);
    let cases: Vec<(&Group, WayOut)> = match std::env::var("TENANT_CHAOS_WAYS").is_ok_and(|ways| ways == "all") {
        true => groups.iter().flat_map(|group| WAYS_OUT.map(|way| (group, way))).collect(),
        false => groups.iter().zip(WAYS_OUT.into_iter().cycle()).collect(),
    };
    assert!(cases.len() >= WAYS_OUT.len());
    let networks = docker(&["network", "ls", "--quiet"]).unwrap();
    all(&cases, |(group, way)| leave(Engine::new, group, *way));
    assert_eq!(docker(&["network", "ls", "--quiet"]).unwrap(), networks);
}

/// A Docker engine, and what a run had there.
struct Engine {
    machine: Machine,
    run: Mutex<Run>,
}

#[derive(Default)]
struct Run {
    process: u32,
    containers: Vec<String>,
    volumes: Vec<String>,
}

impl Engine {
    fn new(machine: Machine) -> Self {
        Self { machine, run: Mutex::default() }
    }

    /// What is there now of what the run had.
    fn now(&self) -> Vec<String> {
        let run = self.run.lock().unwrap();
        let containers = containers_of(run.process).into_iter().map(|id| format!("container {id}"));
        let volumes = run.volumes.iter().filter(|name| docker(&["volume", "inspect", name]).is_ok());
        let volumes = volumes.map(|name| format!("volume {name}"));
        let processes = run.containers.iter().flat_map(|id| processes_of(id));
        containers.chain(volumes).chain(processes).chain(self.machine.left()).collect()
    }
}

impl Place for Engine {
    const PROVIDER: &'static str = "docker";
    const INJECT: &'static str = "2s";

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn look(&self, process: &Child) {
        let containers = containers_of(process.id());
        let mounts = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{println .Name}}{{end}}{{end}}";
        let volumes = containers.iter().flat_map(|id| {
            let named = docker(&["inspect", "--format", mounts, id]).unwrap();
            named.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        });
        let volumes: Vec<String> = volumes.collect();
        // Whoever sees nothing now would see nothing afterwards, whatever is left.
        assert!(!containers.is_empty() && !volumes.is_empty(), "the run has no container or no volume");
        assert!(containers.iter().all(|id| !processes_of(id).is_empty()), "processes of containers cannot be seen");
        *self.run.lock().unwrap() = Run { process: process.id(), containers, volumes };
    }

    fn end_servers(&self, process: &Child) {
        for id in containers_of(process.id()) {
            // One that is gone already is as good.
            let _ = docker(&["kill", &id]);
        }
    }

    fn left(&self) -> Vec<String> {
        // What holds a container's processes ends soon after them.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = self.now();
            if left.is_empty() || Instant::now() > deadline {
                return left;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn left_after_clean(&self) -> Vec<String> {
        let left = self.machine.clean_until_empty();
        if left.is_empty() { self.left() } else { left }
    }
}

/// The containers that a process of ours owns.
fn containers_of(process: u32) -> Vec<String> {
    let format = "{{.ID}} {{.Label \"tenant-chaos.owner\"}}";
    let listed =
        docker(&["ps", "--all", "--no-trunc", "--filter", "label=tenant-chaos.run", "--format", format]).unwrap();
    let owned = |line: &str| {
        let (id, owner) = line.split_once(' ')?;
        (owner.split('/').nth(3)? == process.to_string()).then(|| id.to_owned())
    };
    listed.lines().filter_map(owned).collect()
}

/// Processes of this machine that name a container or are in its control group.
fn processes_of(container: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let group = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        // Our own clients ask about it.
        let ours = command.starts_with("docker ");
        (!ours && (command.contains(container) || group.contains(container))).then(|| format!("process {command}"))
    });
    processes.collect()
}

/// Runs the engine's own client.
fn docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
