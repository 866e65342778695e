//! Proves the local provider: it serves, drops root, isolates the application's role, clones, and leaves nothing
//! behind on any way out, kill -9 of the harness included.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, Row};
use tenant_chaos::observe::{Roster, TenantId};
use tenant_chaos::scenario::{Fleet, Tier};
use tenant_chaos::stack::{LoginRole, ProviderChoice, Server, StackError, StackOptions, Sweep, clean};

const FLEET: Fleet = Fleet { starter: 2, growth: 2, enterprise: 1, rows_per_tenant: 20 };

fn options() -> StackOptions {
    StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() }
}

/// The folder that a server's socket lies in.
async fn folder_of(server: &Server) -> String {
    let mut admin = PgConnection::connect_with(&server.admin("postgres")).await.unwrap();
    let row = sqlx::query("SHOW unix_socket_directories").fetch_one(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    row.get(0)
}

/// Processes whose command line names a folder.
fn processes_of(folder: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    commands.filter(|command| String::from_utf8_lossy(command).contains(folder)).count()
}

/// A server seeds a fleet once and clones it; the application sees exactly one tenant through the context, nothing
/// without it, and neither does it own or bypass anything. Afterwards nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_local_server_serves_isolates_and_leaves_nothing() {
    let server = Server::start(&options(), None).await.unwrap();
    assert_eq!(server.provider(), "local");
    let folder = folder_of(&server).await;
    assert!(processes_of(&folder) > 0, "the server runs in {folder}");

    let first = server.clone_of_fleet(&FLEET, "first", &|_| ()).await.unwrap();
    let second = server.clone_of_fleet(&FLEET, "second", &|_| ()).await.unwrap();
    assert_ne!(first, second);

    let mut app = PgConnection::connect_with(&server.connect_as(LoginRole::App, &second)).await.unwrap();
    let (tenant, _) = Roster::of(&FLEET).iter().nth(3).unwrap();
    assert_eq!(tenant.tier, Tier::Growth);
    let id = TenantId::of(tenant).0;
    let blind: i64 = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut app).await.unwrap();
    assert_eq!(blind, 0, "without a context nothing is visible");
    let mut transaction = app.begin().await.unwrap();
    sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
        .bind(id.to_string())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let (rows, owners): (i64, i64) = sqlx::query_as("SELECT count(*), count(DISTINCT tenant_id) FROM documents")
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
    assert_eq!((rows, owners), (20, 1));
    transaction.rollback().await.unwrap();
    let privileges: (bool, bool, bool) =
        sqlx::query_as("SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user")
            .fetch_one(&mut app)
            .await
            .unwrap();
    assert_eq!(privileges, (false, false, false));
    app.close().await.unwrap();

    server.drop_database(&first).await.unwrap();
    server.stop().await.unwrap();
    server.stop().await.unwrap();
    assert!(!Path::new(&folder).exists(), "{folder} is left");
    assert_eq!(processes_of(&folder), 0, "processes are left");
}

/// A server that is dropped without being stopped (a panic in a test) is gone, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_server_leaves_nothing() {
    let server = Server::start(&options(), None).await.unwrap();
    let folder = folder_of(&server).await;
    drop(server);
    assert!(!Path::new(&folder).exists(), "{folder} is left");
    assert_eq!(processes_of(&folder), 0, "processes are left");
}

/// Not a test of its own: the process that `a_killed_harness_is_swept` kills.
#[tokio::test]
#[ignore = "started by a_killed_harness_is_swept"]
async fn child_that_is_killed() {
    let server = Server::start(&options(), None).await.unwrap();
    println!("\nfolder {}", folder_of(&server).await);
    std::future::pending::<()>().await;
}

/// The harness is killed with -9 while its server runs: the server goes on, and `clean` ends and removes it.
#[test]
fn a_killed_harness_is_swept() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let folder = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("folder ").map(str::to_owned)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(clean(Sweep::Orphans, None)).unwrap();
    // Another test's start may have swept it first and be at it.
    let deadline = Instant::now() + Duration::from_secs(15);
    while Path::new(&folder).exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!Path::new(&folder).exists(), "{folder} is left");
    assert_eq!(processes_of(&folder), 0, "processes are left");
}

/// A version that nobody has and a folder without a server are refused with what mends it.
#[tokio::test]
async fn what_cannot_serve_says_what_mends_it() {
    let Err(error) = Server::start(&options(), Some("4")).await else { panic!("PostgreSQL 4 cannot be had") };
    assert!(matches!(error, StackError::NoProvider(_)));
    let text = error.to_string();
    assert!(text.contains("local:") && text.contains("to mend it: apt-get install postgresql-4"), "{text}");

    let empty = tempfile::tempdir().unwrap();
    let nowhere = StackOptions { bin_dir: Some(empty.path().into()), ..options() };
    let Err(error) = Server::start(&nowhere, None).await else { panic!("an empty folder cannot serve") };
    assert!(error.to_string().contains("has no postgres and initdb"), "{error}");
}
