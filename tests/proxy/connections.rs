//! Faults on connections.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, Row};
use tenant_chaos::faults::proxy::{Cut, OnLink, Rule, When};

use crate::stand::{Stand, count};

/// Faults on connections: each has its effect while its guard lives, and none afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_broken_and_healed() {
    let stand = Stand::new().await;
    break_and_heal(&stand).await;
    stand.stop().await;
}

/// The same on threads of the proxy's own, which end with it, and with them connections that are still open.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_broken_and_healed_on_threads_of_its_own() {
    let stand = Stand::with(|options| options.threads = 2).await;
    has_threads(2).await;
    break_and_heal(&stand).await;
    let mut open = [stand.connect().await, stand.connect().await, stand.connect().await];
    assert!(stand.proxy.connections() >= 3);
    stand.stop().await;
    for connection in &mut open {
        assert!(connection.ping().await.is_err(), "a connection outlives the proxy");
    }
    has_threads(0).await;
}

/// Waits until so many threads of this process are a proxy's: one takes its name when it runs.
async fn has_threads(wanted: usize) {
    let name = |thread: &std::fs::DirEntry| std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let threads = threads.filter(|thread| name(thread).trim() == "proxy").count();
        if threads == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{threads} threads instead of {wanted}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn break_and_heal(stand: &Stand) {
    let mut connection = stand.connect().await;
    async fn ping(connection: &mut PgConnection) -> Duration {
        let begun = Instant::now();
        sqlx::query("SELECT 1").execute(connection).await.unwrap();
        begun.elapsed()
    }
    async fn big(connection: &mut PgConnection) -> Duration {
        let begun = Instant::now();
        let row = sqlx::query("SELECT repeat('x', 100000)").fetch_one(connection).await.unwrap();
        assert_eq!(row.get::<String, _>(0).len(), 100_000);
        begun.elapsed()
    }
    let limit = Duration::from_secs(5);
    ping(&mut connection).await;
    big(&mut connection).await;

    let add = Duration::from_millis(80);
    let guard = stand.proxy.install(Rule::new(OnLink::Latency { add, jitter: Duration::from_millis(20) }));
    assert!(ping(&mut connection).await >= add);
    assert!(guard.heal().touched >= 1);
    assert!(ping(&mut connection).await < add, "healed");

    for verdict in [
        OnLink::Bandwidth { bytes_per_s: 500_000 },
        OnLink::Drain { bytes_per_s: 500_000 },
        OnLink::Slice { bytes: 1_000, gap: Duration::from_millis(2) },
    ] {
        let guard = stand.proxy.install(Rule::new(verdict.clone()));
        let took = big(&mut connection).await;
        assert!(took >= Duration::from_millis(150), "{verdict:?}: {took:?}");
        assert!(guard.heal().touched >= 10, "{verdict:?}");
        assert!(big(&mut connection).await < took, "healed: {verdict:?}");
    }

    let guard = stand.proxy.install(Rule::new(OnLink::Blackhole));
    let waiting = tokio::time::timeout(Duration::from_millis(200), ping(&mut connection)).await;
    assert!(waiting.is_err(), "nothing moves");
    assert_eq!(guard.heal().touched, 1);
    let healed = tokio::time::timeout(limit, ping(&mut connection)).await;
    assert!(healed.is_ok(), "nothing was lost");

    let guard = stand.proxy.install(Rule::new(OnLink::Refuse));
    assert!(PgConnection::connect_with(&stand.through()).await.is_err());
    ping(&mut connection).await;
    assert!(guard.heal().touched >= 1);
    drop(stand.connect().await);

    let guard = stand.proxy.install(Rule::new(OnLink::Limit { bytes: 50_000 }));
    let cut = sqlx::query("SELECT repeat('x', 100000)").fetch_one(&mut connection).await;
    assert!(cut.is_err());
    assert_eq!(guard.heal().touched, 1);

    for cut in [Cut::Reset, Cut::Close] {
        let mut connection = stand.connect().await;
        let guard = stand.proxy.install(Rule::new(OnLink::Cut(cut)));
        assert!(sqlx::query("SELECT 1").execute(&mut connection).await.is_err(), "{cut:?}");
        // A connection that says goodbye at this moment is cut as well.
        assert!(guard.heal().touched >= 1, "{cut:?}");
    }

    let mut connection = stand.connect().await;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
    let mut direct = stand.direct().await;
    let guard =
        stand.proxy.install(Rule::new(OnLink::Cut(Cut::Silence)).when(When { first: Some(1), ..When::default() }));
    let deadline = Instant::now() + limit;
    while count(&mut direct, &format!("pg_stat_activity WHERE pid = {pid}")).await > 0 {
        assert!(Instant::now() < deadline, "the server's side is still open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut unheard = Box::pin(sqlx::query("SELECT 1").execute(&mut connection));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut unheard).await.is_err(), "the client hears nothing");
    assert_eq!(guard.heal().touched, 1);
    let ended = tokio::time::timeout(limit, unheard).await.expect("it hears of it when the rule is healed");
    assert!(ended.is_err());
}
