//! Proves that a run which is interrupted, terminated or killed in any of its phases leaves nothing behind: no server
//! process, no folder; and that its journal still says what was seen.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod machine;

use std::time::Instant;

use machine::{Machine, PATIENCE, send, when_it_says};
use nix::sys::signal::Signal;

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

fn interrupted(scenario: &str, moment: &str, signal: Signal) {
    let machine = Machine::new(scenario);
    let begun = Instant::now();
    let mut run = machine.run_with(&["local"]).spawn().unwrap();
    let said = when_it_says(&mut run, moment, |run| send(run, signal));
    let status = run.wait().unwrap();
    let case = format!("{signal} at {moment:?} ({status}): {said}");
    assert!(begun.elapsed() < PATIENCE, "{case}");
    if signal == Signal::SIGKILL {
        assert_eq!(status.code(), None, "{case}");
        machine.clean_until_empty();
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

/// A hunt, and its pooler, are undone by a signal wherever it is; and after a kill -9 by `clean`. It has said nothing, so
/// its exit code is that of what could not be decided.
#[test]
fn a_hunt_is_not_left() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    for (moment, signal) in [
        ("starting PostgreSQL", Signal::SIGINT),
        ("seeding and probing", Signal::SIGTERM),
        ("through PgBouncer", Signal::SIGINT),
        ("through PgBouncer", Signal::SIGKILL),
    ] {
        let machine = Machine::new(SCENARIO);
        let mut hunt = machine.tenant_chaos();
        hunt.args(["hunt", "--schema", schema, "--provider", "local", "--out"]).arg(machine.path().join("out"));
        let mut hunt = hunt.env("RUST_LOG", "tenant_chaos=debug").stderr(std::process::Stdio::piped()).spawn().unwrap();
        let said = when_it_says(&mut hunt, moment, |hunt| send(hunt, signal));
        let status = hunt.wait().unwrap();
        let case = format!("{signal} at {moment:?} ({status}): {said}");
        if signal == Signal::SIGKILL {
            machine.clean_until_empty();
        } else {
            assert_eq!(status.code(), Some(3), "{case}");
        }
        let left = machine.left();
        assert!(left.is_empty(), "{case}left: {left:#?}");
    }
}
