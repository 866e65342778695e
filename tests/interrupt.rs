//! Proves that a run which is interrupted, terminated or killed in any of its phases leaves nothing behind: no server
//! process, no folder; and that its journal still says what was seen.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a run says when it enters a phase, in the order in which it says it.
const MOMENTS: [&str; 8] = [
    "starting PostgreSQL",
    "by provider local",
    "seeding",
    ": provisioning",
    ": baseline",
    ": inject",
    ": recover",
    ": verify",
];
/// A run that is asked to end must have ended within this, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

const SCENARIO: &str = r#"
name = "short"
why = "Short, with faults of two families under way while it is interrupted."

[load]
rate = "200/s"

[phases]
baseline = "300ms"
inject = "600ms"
recover = "300ms"

[[fault]]
context.drop = { leaves = "stale" }
when = { share = "20%" }

[[fault]]
pool.hold = { connections = 2 }

[expect]
always = ["leaked_rows == 0"]
"#;

/// The same behind a pooler, which is then one more process that must not be left.
const POOLED: &str = "[stack]\npooler = \"pgbouncer-transaction\"\n\n[load]";

/// A machine of its own, as far as the harness can tell: nothing else runs in its temporary folder.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(scenario: &str) -> Self {
        let open = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        std::fs::write(folder.path().join("short.toml"), scenario).unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn tenant_chaos(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tenant-chaos"));
        command.env("TMPDIR", self.path().join("tmp")).env_remove("RUST_LOG").env_remove("TENANT_CHAOS_PROVIDER");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self) -> Child {
        let mut command = self.tenant_chaos();
        command.arg("run").arg(self.path().join("short.toml")).args(["--provider", "local"]);
        command.arg("--out").arg(self.path().join("out")).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What is left of servers: folders, and processes whose command line names this machine.
    fn left(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.path().join("tmp")).unwrap().flatten();
        let folders = folders.map(|entry| entry.path().display().to_string());
        let mine = self.path().join("tmp").display().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            command.contains(&mine).then_some(command)
        });
        folders.chain(processes).collect()
    }

    fn clean(&self) {
        let cleaned = self.tenant_chaos().arg("clean").stderr(Stdio::null()).status().unwrap();
        assert!(cleaned.success(), "clean ended with {cleaned}");
    }
}

/// Reads the run's progress until it says `moment`, then sends the signal and reads on, so that the pipe stays open.
fn signal_at(run: &mut Child, moment: &str, signal: Signal) -> String {
    let mut said = String::new();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let mut reached = false;
    while let Some(Ok(line)) = lines.next() {
        let due = !reached && line.contains(moment);
        said.push_str(&line);
        said.push('\n');
        if due {
            reached = true;
            kill(Pid::from_raw(run.id() as i32), signal).unwrap();
        }
    }
    assert!(reached, "the run never said {moment:?}: {said}");
    said
}

fn interrupted(scenario: &str, moment: &str, signal: Signal) {
    let machine = Machine::new(scenario);
    let begun = Instant::now();
    let mut run = machine.run();
    let said = signal_at(&mut run, moment, signal);
    let status = run.wait().unwrap();
    let case = format!("{signal} at {moment:?} ({status}): {said}");
    assert!(begun.elapsed() < PATIENCE, "{case}");
    if signal == Signal::SIGKILL {
        assert_eq!(status.code(), None, "{case}");
        // A folder that its owner had not yet taken may be left alone for some seconds.
        let deadline = Instant::now() + PATIENCE;
        while !machine.left().is_empty() && Instant::now() < deadline {
            machine.clean();
        }
    } else {
        // Inconclusive: nothing had gone wrong, and not everything was evaluated. In the verify phase it was.
        let expected = if moment == ": verify" { 0 } else { 3 };
        assert_eq!(status.code(), Some(expected), "{case}");
    }
    let left = machine.left();
    assert!(left.is_empty(), "{case}left: {left:#?}");
    journal_still_says_what_was_seen(&machine, moment, &case);
}

/// From the baseline on there is a journal, and it can be judged however the run ended: never to a pass, unless all
/// phases had run.
fn journal_still_says_what_was_seen(machine: &Machine, moment: &str, case: &str) {
    if !matches!(moment, ": inject" | ": recover") {
        return;
    }
    let judged =
        machine.tenant_chaos().arg("report").arg(machine.path().join("out/journal/short.jsonl")).output().unwrap();
    let trouble = String::from_utf8_lossy(&judged.stderr);
    assert!(matches!(judged.status.code(), Some(3 | 4)), "{case}report: {}: {trouble}", judged.status);
}

fn at_every_moment(signal: Signal) {
    for moment in MOMENTS {
        interrupted(SCENARIO, moment, signal);
    }
}

/// Ctrl-C in every phase: the run undoes, cleans up and says that it was interrupted.
#[test]
fn an_interrupt_in_any_phase_leaves_nothing() {
    at_every_moment(Signal::SIGINT);
}

/// SIGTERM, likewise.
#[test]
fn a_termination_in_any_phase_leaves_nothing() {
    at_every_moment(Signal::SIGTERM);
}

/// kill -9 in every phase: `clean` removes what is left.
#[test]
fn after_a_kill_in_any_phase_clean_leaves_nothing() {
    at_every_moment(Signal::SIGKILL);
}

/// A pooler is undone like a server, by an interrupt and after a kill -9.
#[test]
fn a_pooler_is_not_left() {
    let scenario = SCENARIO.replace("[load]", POOLED);
    assert_ne!(scenario, SCENARIO);
    for (moment, signal) in
        [(": provisioning", Signal::SIGKILL), (": inject", Signal::SIGKILL), (": inject", Signal::SIGINT)]
    {
        interrupted(&scenario, moment, signal);
    }
}
