//! Proves for every fault and every way out of a run that nothing is left behind: no process, folder, file system,
//! database, role or setting. On containers tests/ways_out_docker.rs does.
//!
//! `TENANT_CHAOS_KILLS=100` kills a run with -9 at a hundred random moments instead of ten.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

mod machine;
mod ways;

use std::process::{Child, Stdio};
use std::time::Duration;

use machine::{Machine, send, when_it_says};
use nix::sys::signal::{Signal, kill};
use sqlx::{Connection, PgConnection};
use tenant_chaos::stack::{MARKER, ProviderChoice, Server, StackOptions};
use ways::{Group, Place, WAYS_OUT, WayOut, all, groups, leave};

/// Kills at random moments, unless the environment says otherwise.
const KILLS: usize = 10;
/// A run takes about this long, so random moments lie within it.
const RUN_MS: u64 = 3_000;

/// Servers of this machine.
struct Here(Machine);

impl Place for Here {
    const PROVIDER: &'static str = "local";
    const INJECT: &'static str = "700ms";

    fn machine(&self) -> &Machine {
        &self.0
    }

    fn look(&self, _: &Child) {}

    fn end_servers(&self, _: &Child) {
        // One that is gone already is as good.
        self.0.postmasters().iter().for_each(|pid| {
            let _ = kill(*pid, Signal::SIGKILL);
        });
    }

    fn left(&self) -> Vec<String> {
        self.0.left()
    }

    fn left_after_clean(&self) -> Vec<String> {
        self.0.clean_until_empty()
    }
}

/// Every group of faults, by every way out.
#[test]
fn every_fault_leaves_nothing_by_every_way_out() {
    let groups = groups("local");
    let cases: Vec<(&Group, WayOut)> = groups.iter().flat_map(|group| WAYS_OUT.map(|way| (group, way))).collect();
    all(&cases, |(group, way)| leave(Here, group, *way));
}

/// A run is killed with -9 at a random moment, whatever it is doing; the next `clean`, or the next run, leaves nothing.
#[test]
fn after_a_kill_at_any_moment_nothing_is_left() {
    let kills = std::env::var("TENANT_CHAOS_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let groups = groups("local");
    let cases: Vec<(usize, u64)> = (0..kills).map(|n| (n, rand::random_range(0..RUN_MS))).collect();
    all(&cases, |(n, after_ms)| {
        let group = &groups[n % groups.len()];
        let machine = Machine::new(&group.scenario(WayOut::Normal, Here::INJECT));
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
    let group = groups("external").into_iter().find(|group| group.name == "database").unwrap();
    assert!(group.faults.len() > 5);
    for way in [WayOut::Normal, WayOut::Interrupt, WayOut::Kill] {
        let machine = Machine::new(&group.scenario(way, Here::INJECT));
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
