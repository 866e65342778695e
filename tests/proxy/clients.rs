//! Clients work through the proxy unchanged.

use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgListener, PgSslMode};
use sqlx::{Connection, Executor, PgConnection};
use tenant_chaos::faults::proxy::{Encryption, Proxy, ProxyError, ProxyOptions, Reach, Upstream};

use crate::stand::{Proxied, Stand, count, run, sqlstate};

/// psql says the same through the proxy as past it: results, notices, errors, COPY both ways, cursors, big rows; and
/// pgbench runs in all three protocols without a failed transaction.
#[tokio::test(flavor = "multi_thread")]
async fn clients_work_through_it_unchanged() {
    let stand = Stand::new().await;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.sql");
    let text = r"
CREATE TABLE t (id int PRIMARY KEY, body text);
COPY t FROM STDIN;
1	one
2	\N
\.
INSERT INTO t SELECT n, repeat(md5(n::text), 40000) FROM generate_series(3, 8) n;
\copy (SELECT id, left(body, 10) FROM t ORDER BY id) TO STDOUT
COPY (SELECT * FROM t ORDER BY id) TO STDOUT;
SELECT 1/0;
DO $$ BEGIN RAISE NOTICE 'careful; now'; END $$;
BEGIN; SELECT 1; SAVEPOINT a; SELECT nothing; ROLLBACK TO a; COMMIT;
BEGIN; DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id; FETCH 2 FROM c; FETCH ALL FROM c; CLOSE c; END;
PREPARE p AS SELECT $1::int; EXECUTE p(4);
SELECT md5(string_agg(body, ',' ORDER BY id)) FROM t;
LISTEN news; NOTIFY news, 'hello';
SELECT 2;
";
    std::fs::write(&script, text).unwrap();
    let (mut direct, mut outputs) = (stand.direct().await, Vec::new());
    for proxied in [Proxied::No, Proxied::Yes] {
        direct.execute("DROP TABLE IF EXISTS t").await.unwrap();
        let mut psql = stand.command("psql", proxied);
        psql.args(["-X", "-a", "-f"]).arg(&script);
        let output = run(psql).await;
        assert!(output.status.success());
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // The only thing that is not the same twice is the backend's process.
        let digit = |c: char| c.is_ascii_digit();
        outputs.push(said.split("PID ").map(|part| part.trim_start_matches(digit)).collect::<String>());
    }
    assert!(outputs[0].contains("division by zero") && outputs[0].contains("Asynchronous notification"));
    assert!(outputs[0] == outputs[1], "psql says something else through the proxy");

    let mut init = stand.command("pgbench", Proxied::Yes);
    init.args(["-i", "-q", "-s", "1"]);
    assert!(run(init).await.status.success());
    for protocol in ["simple", "extended", "prepared"] {
        let mut pgbench = stand.command("pgbench", Proxied::Yes);
        pgbench.args(["-M", protocol, "-c", "4", "-j", "2", "-t", "100"]);
        let output = run(pgbench).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{protocol}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("number of transactions actually processed: 400/400"), "{protocol}: {said}");
        assert!(said.contains("number of failed transactions: 0"), "{protocol}: {said}");
    }
    stand.stop().await;
}

/// A query is cancelled through the proxy, and a notification from another session reaches a listener behind it.
#[tokio::test(flavor = "multi_thread")]
async fn cancel_and_notify_pass() {
    let stand = Stand::new().await;
    let mut psql = stand.command("psql", Proxied::Yes);
    psql.args(["-X", "-c", "SELECT pg_sleep(60)"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = psql.spawn().unwrap();
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    let mut direct = stand.direct().await;
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND wait_event = 'PgSleep'";
    let deadline = Instant::now() + Duration::from_secs(10);
    while sqlx::query_scalar::<_, i64>(sleeping).fetch_one(&mut direct).await.unwrap() == 0 {
        assert!(Instant::now() < deadline, "the query does not run");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("canceling statement due to user request"), "{said}");

    let mut listener = PgListener::connect_with(&sqlx::PgPool::connect_lazy_with(stand.through())).await.unwrap();
    listener.listen("news").await.unwrap();
    direct.execute("NOTIFY news, 'hello'").await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(5), listener.recv()).await.unwrap().unwrap();
    assert_eq!(heard.payload(), "hello");
    drop(listener);
    stand.stop().await;
}

/// A password is checked through the proxy over TCP; a client that insists on encryption is told that there is none
/// where it is refused, and gets what the server says where it is passed through.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_encryption_requests_pass() {
    let stand = Stand::new().await;
    stand.direct().await.execute("ALTER ROLE postgres PASSWORD 'secret'").await.unwrap();
    for encryption in [Encryption::Refuse, Encryption::PassThrough] {
        let upstream = Upstream::Tcp("127.0.0.1".into(), stand.port);
        let options = ProxyOptions { encryption, ..ProxyOptions::new(upstream) };
        let proxy = Proxy::start(options).await.unwrap();
        let login = stand.through().port(proxy.address().port()).ssl_mode(PgSslMode::Prefer);
        let mut connection = PgConnection::connect_with(&login.clone().password("secret")).await.unwrap();
        assert_eq!(count(&mut connection, "pg_am WHERE amname = 'btree'").await, 1);
        let refused = PgConnection::connect_with(&login.clone().password("wrong")).await.unwrap_err();
        assert_eq!(sqlstate(&refused).as_deref(), Some("28P01"));
        let insists = login.ssl_mode(PgSslMode::Require).password("secret");
        assert!(PgConnection::connect_with(&insists).await.is_err(), "neither proxy nor server encrypts");
        proxy.stop().await;
    }
    stand.stop().await;
}

/// A proxy that others could reach is refused unless it is meant.
#[tokio::test]
async fn it_listens_on_this_machine_only() {
    let upstream = || Upstream::Tcp("127.0.0.1".into(), 1);
    let options = ProxyOptions { listen: "0.0.0.0:0".parse().unwrap(), ..ProxyOptions::new(upstream()) };
    let refused = Proxy::start(options.clone()).await.unwrap_err();
    assert!(matches!(refused, ProxyError::NotLoopback(_)), "{refused}");
    Proxy::start(ProxyOptions { reach: Reach::Anywhere, ..options }).await.unwrap().stop().await;
}
