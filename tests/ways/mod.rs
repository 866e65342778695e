//! Faults in groups, the ways out of a run, and a run that takes one. The faults are those of `faults::EXAMPLES`, so that
//! a new one cannot be forgotten.

#![allow(dead_code, reason = "each test crate uses what it needs of it")]

use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tenant_chaos::faults::{EXAMPLES, Example};

use crate::machine::{Machine, PATIENCE, send, when_it_says};

/// Time for all faults of a group where the last one must be reached.
const PATIENT_INJECT: &str = "6s";
/// Runs at a time: they mostly wait.
const AT_A_TIME: usize = 4;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WayOut {
    Normal,
    FailedExpectation,
    StopCondition,
    Panic,
    Interrupt,
    Terminate,
    Kill,
    ServerGone,
}

pub(crate) const WAYS_OUT: [WayOut; 8] = [
    WayOut::Normal,
    WayOut::FailedExpectation,
    WayOut::StopCondition,
    WayOut::Panic,
    WayOut::Interrupt,
    WayOut::Terminate,
    WayOut::Kill,
    WayOut::ServerGone,
];

/// Faults that can be on at the same time.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) faults: Vec<Example>,
    /// Whether faults of these names belong to it.
    of: fn(&str) -> bool,
}

/// Every fault that a provider can do, in groups: one per fault that changes the server, and those that share one by the
/// layer that they work on.
pub(crate) fn groups(provider: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = [
        ("runtime", (|name| ["context.", "pool.", "flood."].iter().any(|of| name.starts_with(of))) as fn(&str) -> bool),
        ("pooler", |name| name.starts_with("pooler.")),
        ("wire", |name| name.starts_with("network.") || name.starts_with("protocol.")),
        ("database", |name| {
            let strokes = ["server.terminate", "server.long-transaction", "server.checkpoint-storm"];
            name.starts_with("operator.") || strokes.contains(&name)
        }),
        ("killed", |name| name == "server.kill"),
        ("paused", |name| name == "server.pause"),
        ("full", |name| name == "server.fill-disk"),
        ("shrunk", |name| name == "server.shrink-connections"),
        ("replica", |name| name.starts_with("server.replica-") || name == "server.failover"),
        ("cut off", |name| name == "server.cut-network"),
    ]
    .map(|(name, of)| Group { name, faults: Vec::new(), of })
    .into();
    for example in EXAMPLES {
        let mut fitting = groups.iter_mut().filter(|group| (group.of)(example.name));
        fitting.next().unwrap_or_else(|| panic!("{} is in no group", example.name)).faults.push(example);
        assert!(fitting.next().is_none(), "{} is in two groups", example.name);
    }
    for group in &mut groups {
        group.faults.retain(|fault| fault.scenario().unwrap().cannot_run_on(provider).is_none());
    }
    groups.retain(|group| !group.faults.is_empty());
    groups
}

impl Group {
    /// A short run with all of them; they get so long, such as `700ms`, to be injected one by one.
    pub(crate) fn scenario(&self, way: WayOut, inject: &str) -> String {
        let stack =
            self.faults.iter().map(|fault| fault.stack).find(|stack| !["", "server = \"alone\""].contains(stack));
        let stack = stack.unwrap_or("server = \"alone\"");
        let (defects, stop) = match way {
            WayOut::StopCondition => ("defects = [\"rls-off-on-table\"]\n", "[stop]\nleaked_rows = 250\n"),
            // An operator's mistakes leak before all of them are made, and must not end the run another way.
            _ => ("", "[stop]\nleaked_rows = 1_000_000\n"),
        };
        let expect = match way {
            WayOut::FailedExpectation => "inject = [\"errors > 1_000_000\"]",
            _ => "always = [\"errors < 1_000_000\"]",
        };
        // Late enough that rows have leaked where the stop condition needs some.
        let faults: String = self.faults.iter().map(|fault| fault.table() + "at = \"100ms\"\n").collect();
        format!(
            "name = \"short\"\nwhy = \"Every fault of a group at once.\"\n[stack]\n{stack}\n{defects}\
             [fleet]\nstarter = 4\ngrowth = 2\nrows_per_tenant = 20\n[load]\nrate = \"200/s\"\ntimeout = \"500ms\"\n\
             [phases]\ninject = \"{inject}\"\n{faults}[expect]\n{expect}\n{stop}"
        )
    }
}

/// Runs jobs a few at a time and says what went wrong with each.
pub(crate) fn all<T: Sync>(jobs: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(what) = work(job) {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), jobs.len(), wrong.join("\n---\n"));
}

/// Where runs are, and what is left of them there.
pub(crate) trait Place {
    const PROVIDER: &'static str;
    /// Time for all faults of a group.
    const INJECT: &'static str;

    fn machine(&self) -> &Machine;

    /// Called while faults are under way: takes down what to look for afterwards.
    fn look(&self, run: &Child);

    /// Ends the run's servers as a crash would.
    fn end_servers(&self, run: &Child);

    /// What is left of a run that has ended by itself.
    fn left(&self) -> Vec<String>;

    /// What is left of a killed one after `clean`.
    fn left_after_clean(&self) -> Vec<String>;
}

/// Runs a group of faults, ends the run in one way and says what is wrong with what it left.
pub(crate) fn leave<P: Place>(at: impl FnOnce(Machine) -> P, group: &Group, way: WayOut) -> Result<(), String> {
    // The last fault of a group is the one that panics, however long the others take on a busy machine.
    let inject = if way == WayOut::Panic { PATIENT_INJECT } else { P::INJECT };
    let place = at(Machine::new(&group.scenario(way, inject)));
    let mut command = place.machine().run_with(&[P::PROVIDER]);
    if way == WayOut::Panic {
        command.env("TENANT_CHAOS_TEST_PANIC", group.faults.last().map_or("", |fault| fault.name));
    }
    let begun = Instant::now();
    let mut run = command.spawn().unwrap();
    let said = when_it_says(&mut run, ": inject", |run| {
        place.look(run);
        // Somewhere among the injections and the faults' work.
        std::thread::sleep(Duration::from_millis(rand::random_range(0..400)));
        match way {
            WayOut::Interrupt => send(run, Signal::SIGINT),
            WayOut::Terminate => send(run, Signal::SIGTERM),
            WayOut::Kill => send(run, Signal::SIGKILL),
            WayOut::ServerGone => place.end_servers(run),
            _ => {}
        }
    });
    let status = run.wait().unwrap();
    let case = format!("{} by {way:?} ({status}, {:?}): {said}", group.name, begun.elapsed());
    if begun.elapsed() > PATIENCE {
        return Err(format!("took too long: {case}"));
    }
    // Inconclusive is fine where a fault had no time to touch anything; trouble is not, where nobody made any.
    let expected: &[i32] = match way {
        WayOut::Normal | WayOut::Interrupt | WayOut::Terminate => &[0, 1, 3],
        // All of the wire's faults together may let nothing through that could leak.
        WayOut::StopCondition if group.name == "wire" => &[1, 3],
        WayOut::FailedExpectation | WayOut::StopCondition => &[1],
        WayOut::Panic => &[1, 3],
        WayOut::ServerGone => &[0, 1, 3, 4],
        WayOut::Kill => &[],
    };
    let left = match way {
        WayOut::Kill => place.left_after_clean(),
        _ => place.left(),
    };
    if way == WayOut::Panic && !said.contains("told to panic") {
        return Err(format!("did not panic: {case}"));
    }
    match status.code() {
        Some(code) if !expected.contains(&code) => Err(format!("unexpected exit code: {case}")),
        None if way != WayOut::Kill => Err(format!("ended by a signal: {case}")),
        _ if !left.is_empty() => Err(format!("left {left:#?}: {case}")),
        _ => Ok(()),
    }
}
