//! The commands that start nothing, run as a user would run them: what they print, where, and the exit code.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn tenant_chaos() -> Command {
    let mut command = Command::cargo_bin("tenant-chaos").expect("the binary is built");
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").env("COLUMNS", "100");
    command
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the folder can be written");
    path.display().to_string()
}

const SOUND: &str = r#"
name = "sound"
why = "A scenario that is sound."

[expect]
always = ["leaked_rows == 0"]

[phases]
inject = "300ms"

[load]
rate = "100/s"
"#;

/// The whole catalogue is sound, and every scenario of it is listed with its tags.
#[test]
fn the_catalogue_is_sound_and_listed() {
    tenant_chaos().arg("check").assert().success().stdout(contains("are sound"));
    let list = tenant_chaos().args(["list", "--json"]).assert().success();
    let entries: serde_json::Value = serde_json::from_slice(&list.get_output().stdout).unwrap();
    let entries = entries.as_array().unwrap();
    let files = walk(Path::new("scenarios"));
    assert_eq!(entries.len(), files, "one entry per file");
    assert!(entries.iter().all(|entry| entry["why"].as_str().is_some_and(|why| why.len() > 40)));
    assert!(entries.iter().filter(|entry| entry["must_find"].as_array().is_some_and(|m| !m.is_empty())).count() >= 8);
}

fn walk(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("the folder can be read").flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => walk(&path),
            path => usize::from(path.extension().is_some_and(|end| end == "toml")),
        })
        .sum()
}

/// Several mistakes in one file are all shown, each with line, column and what to do; nothing goes to standard output.
#[test]
fn every_mistake_is_shown_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = SOUND.replace("always", "allways").replace("100/s", "300/min") + "timeout = \"1\"\n";
    let path = write(folder.path(), "wrong.toml", &wrong);
    for command in ["check", "plan", "list", "run"] {
        tenant_chaos()
            .args([command, &path])
            .assert()
            .code(2)
            .stdout(predicates::str::is_empty())
            .stderr(contains("wrong.toml:6:1").and(contains("did you mean `always`")))
            .stderr(contains("wrong.toml:12:8").and(contains("300/s")))
            .stderr(contains("wrong.toml:13:11").and(contains("no unit")));
    }
}

/// Mistakes on the command line end with 2 and say what would be right.
#[test]
fn wrong_arguments_are_refused() {
    let cases: [(&[&str], &str); 6] = [
        (&["rum"], "run"),
        (&["run", "--provider", "podman"], "docker"),
        (&["run", "--jobs", "0"], "--jobs"),
        (&["check", "nowhere"], "nowhere"),
        (&["list", "--filter", "no-such-tag"], "no-such-tag"),
        (&["plan", "--assumptions", "nowhere.toml"], "nowhere.toml"),
    ];
    for (arguments, word) in cases {
        tenant_chaos().args(arguments).assert().code(2).stderr(contains(word));
    }
}

/// A plan starts nothing and says when what happens, how it is undone, and what it could cost; the same seed gives the
/// same schedule, another seed another one.
#[test]
fn a_plan_tells_times_undo_and_worst_case() {
    let plan = |seed: &str| {
        let plan = tenant_chaos().args(["plan", "scenarios/isolation/stale-context.toml", "--seed", seed]).assert();
        String::from_utf8(plan.success().get_output().stdout.clone()).unwrap()
    };
    let (first, again, other) = (plan("1"), plan("1"), plan("2"));
    assert!(first.contains("fault 1 ") && !first.contains("fault 0 "), "{first}");
    for part in ["context.drop takes effect", "undo", "worst case", "$", "arrivals", "verify"] {
        assert!(first.contains(part), "{part} is missing in: {first}");
    }
    assert_eq!(first, again);
    assert_ne!(first.lines().next(), other.lines().next());
}

/// The schemas that editors and readers use are those that are committed.
#[test]
fn schemas_are_printed() {
    for (format, file) in [("scenario", "scenario.schema.json"), ("report", "report.schema.json")] {
        let committed = std::fs::read_to_string(format!("docs/schemas/{file}")).unwrap();
        tenant_chaos().args(["schema", format]).assert().success().stdout(committed);
    }
}

/// What is no journal is refused by name, and so is a folder without any.
#[test]
fn what_is_no_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "x.jsonl", "{\"event\":\"nonsense\"\n");
    tenant_chaos().args(["report", &path]).assert().code(2).stderr(contains("x.jsonl"));
    let empty = tempfile::tempdir().unwrap();
    tenant_chaos().arg("report").arg(empty.path()).assert().code(2).stderr(contains("no journal"));
}

/// When nobody can serve, the error says for each provider what was tried and what mends it.
#[test]
fn without_a_server_the_error_says_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "sound.toml", SOUND);
    let nothing = folder.path().display().to_string();
    tenant_chaos()
        .args(["run", &path, "--provider", "local", "--bin-dir", &nothing, "--out", &nothing])
        .assert()
        .code(4)
        .stdout(contains("to mend it"));
}
