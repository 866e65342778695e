//! Proves for every fault and every way out of a run that nothing is left behind: no process, folder, file system,
//! database, role or setting. The faults are those of `faults::EXAMPLES`, so that a new one cannot be forgotten.
//!
//! `TENANT_CHAOS_KILLS=100` kills a run with -9 at a hundred random moments instead of ten.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod machine;

use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use machine::{Machine, PATIENCE, send, when_it_says};
use nix::sys::signal::{Signal, kill};
use sqlx::{Connection, PgConnection};
use tenant_chaos::faults::{EXAMPLES, Example};
use tenant_chaos::stack::{MARKER, ProviderChoice, Server, StackOptions};

/// Runs at a time: they mostly wait.
const AT_A_TIME: usize = 4;
/// Kills at random moments, unless the environment says otherwise.
const KILLS: usize = 10;
/// A run takes about this long, so random moments lie within it.
const RUN_MS: u64 = 3_000;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOut {
    Normal,
    FailedExpectation,
    StopCondition,
    Panic,
    Interrupt,
    Terminate,
    Kill,
    ServerGone,
}

const WAYS_OUT: [WayOut; 8] = [
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
struct Group {
    name: &'static str,
    faults: Vec<Example>,
    /// Whether faults of these names belong to it.
    of: fn(&str) -> bool,
}

/// Every fault that the local provider can do, in groups: one per fault that changes the server, and those that share
/// one by the layer that they work on.
fn groups() -> Vec<Group> {
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
        ("docker", |name| name == "server.cut-network"),
    ]
    .map(|(name, of)| Group { name, faults: Vec::new(), of })
    .into();
    for example in EXAMPLES {
        let mut fitting = groups.iter_mut().filter(|group| (group.of)(example.name));
        fitting.next().unwrap_or_else(|| panic!("{} is in no group", example.name)).faults.push(example);
        assert!(fitting.next().is_none(), "{} is in two groups", example.name);
    }
    // Tried on a real engine by tests/docker.rs.
    groups.retain(|group| group.name != "docker");
    groups
}

impl Group {
    fn scenario(&self, way: WayOut) -> String {
        let stack =
            self.faults.iter().map(|fault| fault.stack).find(|stack| !["", "server = \"alone\""].contains(stack));
        let stack = stack.unwrap_or("server = \"alone\"");
        let (defects, stop) = match way {
            WayOut::StopCondition => ("defects = [\"rls-off-on-table\"]\n", "[stop]\nleaked_rows = 250\n"),
            _ => ("", ""),
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
             [phases]\ninject = \"700ms\"\n{faults}[expect]\n{expect}\n{stop}"
        )
    }
}

/// Runs jobs a few at a time and says what went wrong with each.
fn all<T: Sync>(jobs: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) {
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

fn leave(group: &Group, way: WayOut) -> Result<(), String> {
    let machine = Machine::new(&group.scenario(way));
    let mut command = machine.run_with(&["local"]);
    if way == WayOut::Panic {
        command.env("TENANT_CHAOS_TEST_PANIC", group.faults.last().map_or("", |fault| fault.name));
    }
    let begun = Instant::now();
    let mut run = command.spawn().unwrap();
    let said = when_it_says(&mut run, ": inject", |run| {
        // Somewhere among the injections and the faults' work.
        std::thread::sleep(Duration::from_millis(rand::random_range(0..400)));
        match way {
            WayOut::Interrupt => send(run, Signal::SIGINT),
            WayOut::Terminate => send(run, Signal::SIGTERM),
            WayOut::Kill => send(run, Signal::SIGKILL),
            // One that is gone already is as good.
            WayOut::ServerGone => machine.postmasters().iter().for_each(|pid| {
                let _ = kill(*pid, Signal::SIGKILL);
            }),
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
        WayOut::FailedExpectation | WayOut::StopCondition => &[1],
        WayOut::Panic => &[1, 3],
        WayOut::ServerGone => &[0, 1, 3, 4],
        WayOut::Kill => &[],
    };
    let left = match way {
        WayOut::Kill => machine.clean_until_empty(),
        _ => machine.left(),
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

/// Every group of faults, by every way out.
#[test]
fn every_fault_leaves_nothing_by_every_way_out() {
    let groups = groups();
    let cases: Vec<(&Group, WayOut)> = groups.iter().flat_map(|group| WAYS_OUT.map(|way| (group, way))).collect();
    all(&cases, |(group, way)| leave(group, *way));
}

/// A run is killed with -9 at a random moment, whatever it is doing; the next `clean`, or the next run, leaves nothing.
#[test]
fn after_a_kill_at_any_moment_nothing_is_left() {
    let kills = std::env::var("TENANT_CHAOS_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let groups = groups();
    let cases: Vec<(usize, u64)> = (0..kills).map(|n| (n, rand::random_range(0..RUN_MS))).collect();
    all(&cases, |(n, after_ms)| {
        let group = &groups[n % groups.len()];
        let machine = Machine::new(&group.scenario(WayOut::Normal));
        let mut run = machine.run_with(&["local"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(*after_ms));
        send(&run, Signal::SIGKILL);
        run.wait().unwrap();
        if n % 2 == 0 {
            // A start sweeps, too.
            let next = machine.run_with(&["local"]).stderr(Stdio::null()).status().unwrap();
            if next.code() == Some(4) {
                return Err(format!("the run after a kill of {} at {after_ms} ms has trouble", group.name));
            }
        }
        let left = machine.clean_until_empty();
        match left.is_empty() {
            true => Ok(()),
            false => Err(format!("{} killed at {after_ms} ms left {left:#?}", group.name)),
        }
    });
}

/// On a server that somebody else runs nothing is left either: no database, role or setting, after an orderly end and,
/// with `clean`, after a kill.
#[test]
fn an_external_server_is_as_it_was() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let server = runtime.block_on(Server::start(&options, None)).unwrap();
    let admin = server.admin("postgres");
    let mark = format!("CREATE DATABASE theirs; COMMENT ON DATABASE theirs IS '{MARKER}'");
    let ask = |question: &'static str| {
        runtime.block_on(async {
            let mut connection = PgConnection::connect_with(&server.admin("postgres")).await.unwrap();
            let found: Vec<String> = sqlx::query_scalar(question).fetch_all(&mut connection).await.unwrap();
            found
        })
    };
    runtime.block_on(async {
        let mut connection = PgConnection::connect_with(&admin).await.unwrap();
        for statement in mark.split("; ") {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
    });
    let everything = "SELECT 'database ' || datname FROM pg_database UNION ALL SELECT 'role ' || rolname || rolbypassrls \
                      FROM pg_roles UNION ALL SELECT 'setting ' || setconfig::text FROM pg_db_role_setting \
                      UNION ALL SELECT 'system ' || name FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf' \
                      ORDER BY 1";
    let before = ask(everything);
    let socket = admin.get_socket().unwrap().display().to_string().replace('/', "%2F");
    let url = format!("postgres://postgres@{socket}:{}/theirs", admin.get_port());
    let mut group = groups().into_iter().find(|group| group.name == "database").unwrap();
    group.faults.retain(|fault| fault.scenario().unwrap().cannot_run_on("external").is_none());
    assert!(group.faults.len() > 5);
    for way in [WayOut::Normal, WayOut::Interrupt, WayOut::Kill] {
        let machine = Machine::new(&group.scenario(way));
        let mut run = machine.run_with(&["external", "--database-url", &url]).spawn().unwrap();
        let said = when_it_says(&mut run, ": inject", |run| {
            std::thread::sleep(Duration::from_millis(150));
            match way {
                WayOut::Interrupt => send(run, Signal::SIGINT),
                WayOut::Kill => send(run, Signal::SIGKILL),
                _ => {}
            }
        });
        let status = run.wait().unwrap();
        if way == WayOut::Kill {
            let clean = machine.tenant_chaos().args(["clean", "--database-url", &url]).status().unwrap();
            assert!(clean.success(), "clean after a kill ended with {clean}");
        } else {
            assert!(matches!(status.code(), Some(0 | 1 | 3)), "{way:?} ended with {status}: {said}");
        }
        assert_eq!(ask(everything), before, "{way:?}: {said}");
    }
    runtime.block_on(server.stop()).unwrap();
}
