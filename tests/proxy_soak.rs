//! Proves that load with faults coming and going leaks nothing: no descriptors, no tasks, no memory. The short version;
//! `TENANT_CHAOS_SOAK=600` makes it ten minutes. A file of its own, because it counts what its whole process holds.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tenant_chaos::faults::proxy::{Cut, Kind, OnLink, OnStatement, Proxy, ProxyOptions, Rule, Upstream, When};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

const CLIENTS: usize = 24;
/// A client gives up on a request that a fault holds up after this long.
const PATIENCE: Duration = Duration::from_millis(200);

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory in KiB.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Connects, asks some questions, and goes, well or badly.
async fn client(options: PgConnectOptions, asked: Arc<AtomicU64>, until: Instant) {
    while Instant::now() < until {
        let session = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            for number in 0..20 {
                let mut transaction = connection.begin().await?;
                sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
                    .bind(number.to_string())
                    .execute(&mut *transaction)
                    .await?;
                sqlx::query("SELECT repeat('x', 20000)").execute(&mut *transaction).await?;
                transaction.commit().await?;
                asked.fetch_add(1, Ordering::Relaxed);
            }
            connection.close().await
        };
        // How it ends is the faults' business.
        let _ = tokio::time::timeout(PATIENCE, session).await;
    }
}

fn faults() -> Vec<Rule> {
    let of = |kind| When { kind: Some(kind), share: 0.1, ..When::default() };
    let some = || When { share: 0.3, ..When::default() };
    let (by, jitter) = (Duration::from_millis(5), Duration::from_millis(5));
    vec![
        Rule::new(OnStatement::Swallow).when(of(Kind::Context)),
        Rule::new(OnStatement::Duplicate).when(of(Kind::Select)),
        Rule::new(OnStatement::Reorder).when(of(Kind::Select)),
        Rule::new(OnStatement::Delay { by, jitter }).when(of(Kind::Select)),
        Rule::new(OnStatement::Fail { sqlstate: "40001".into(), message: "planted".into() }).when(of(Kind::Select)),
        Rule::new(OnStatement::CutBefore(Cut::Reset)).when(of(Kind::Context)),
        Rule::new(OnStatement::CutAfterReply(Cut::Silence)).when(of(Kind::Commit)),
        Rule::new(OnLink::Latency { add: by, jitter }).when(some()),
        Rule::new(OnLink::Slice { bytes: 4_000, gap: Duration::from_millis(1) }).when(some()),
        Rule::new(OnLink::Blackhole).when(some()),
        Rule::new(OnLink::Limit { bytes: 50_000 }).when(some()),
        Rule::new(OnLink::Cut(Cut::Silence)).when(some()),
        Rule::new(OnLink::Refuse).when(some()),
    ]
}

/// After load under faults that come and go, everything is as it was after a short warm-up of the same kind.
#[tokio::test(flavor = "multi_thread")]
async fn faults_that_come_and_go_leak_nothing() {
    let seconds = std::env::var("TENANT_CHAOS_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let stack = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let server = Server::start(&stack, None).await.unwrap();
    let admin = server.admin("postgres");
    let socket = admin.get_socket().unwrap().join(format!(".s.PGSQL.{}", admin.get_port()));
    let proxy = Proxy::start(ProxyOptions::new(Upstream::Unix(socket))).await.unwrap();
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(proxy.address().port())
        .username("postgres")
        .database("postgres");

    let round = async |lasts: Duration| {
        let asked = Arc::new(AtomicU64::new(0));
        let until = Instant::now() + lasts;
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(client(options.clone(), asked.clone(), until))).collect();
        let mut touched = 0;
        let rules = faults();
        for rule in rules.iter().cycle() {
            if Instant::now() >= until {
                break;
            }
            let guard = proxy.install(rule.clone());
            tokio::time::sleep(Duration::from_millis(60)).await;
            touched += guard.heal().touched;
        }
        for client in clients {
            client.await.unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while proxy.connections() > 0 {
            assert!(Instant::now() < deadline, "{} connections are left", proxy.connections());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        (asked.load(Ordering::Relaxed), touched, descriptors(), tasks(), memory())
    };
    let (.., descriptors, tasks, memory) = round(Duration::from_secs(2)).await;
    let (asked, touched, descriptors_after, tasks_after, memory_after) = round(Duration::from_secs(seconds)).await;
    assert!(asked > 100 && touched > 50, "{asked} transactions, {touched} touched: too little to prove anything");
    assert!(descriptors_after <= descriptors + 2, "{descriptors} descriptors became {descriptors_after}");
    assert!(tasks_after <= tasks + 2, "{tasks} tasks became {tasks_after}");
    assert!(memory_after < memory + 24 * 1024, "{memory} KiB became {memory_after} KiB");
    assert!(proxy.rules().is_empty());
    proxy.stop().await;
    server.stop().await.unwrap();
}
