//! Proves the external provider on a real server that somebody else runs: it needs its marker, touches nothing that is
//! not its own, leaves nothing, and tells the living from the dead.

#![expect(clippy::unwrap_used, reason = "a test says what it wanted by panicking")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenant_chaos::oracle::Verdict;
use tenant_chaos::run::{ProgressEvent, Reporter, RunOptions, Session};
use tenant_chaos::scenario::{self, Scenario};
use tenant_chaos::stack::{MARKER, ProviderChoice, Server, StackOptions, Sweep, clean};

/// A server of somebody's, with databases of their own.
struct Somebody {
    server: Server,
}

impl Somebody {
    async fn start() -> Self {
        let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
        Self { server: Server::start(&options, None).await.unwrap() }
    }

    fn admin(&self) -> PgConnectOptions {
        self.server.admin("postgres")
    }

    async fn ask(&self, question: &str) -> Vec<String> {
        let mut connection = PgConnection::connect_with(&self.admin()).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(question)).fetch_all(&mut connection).await.unwrap()
    }

    async fn tell(&self, statement: &str) {
        let mut connection = PgConnection::connect_with(&self.admin()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }

    async fn marked(&self, database: &str) -> String {
        self.tell(&format!("CREATE DATABASE {database}")).await;
        self.tell(&format!("COMMENT ON DATABASE {database} IS '{MARKER}'")).await;
        self.url(database)
    }

    fn url(&self, database: &str) -> String {
        let admin = self.admin();
        let socket = admin.get_socket().unwrap().display().to_string();
        format!("postgres://postgres@localhost:{}/{database}?host={socket}", admin.get_port())
    }

    /// Databases of runs: the run that provides the server has none.
    async fn left(&self) -> Vec<String> {
        self.ask("SELECT datname::text FROM pg_database WHERE datname LIKE 'chaos\\_%'").await
    }
}

fn external(url: &str) -> StackOptions {
    StackOptions { provider: ProviderChoice::External, database_url: Some(url.to_owned()), ..StackOptions::default() }
}

fn leaking(name: &str) -> Scenario {
    let text = format!(
        r#"
name = "{name}"
why = "A tenth of the requests carry another tenant's context."
[load]
rate = "200/s"
[phases]
inject = "600ms"
[[fault]]
context.drop = {{ leaves = "other-tenant" }}
when = {{ share = "10%" }}
[expect]
always = ["leaked_rows == 0", "lost_writes == 0"]
"#
    );
    scenario::parse(Path::new("scenarios/isolation/test.toml"), &text).unwrap()
}

/// Without its marker a database is left alone, and the error says how to give it one.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_marker_is_refused() {
    let somebody = Somebody::start().await;
    let Err(error) = Server::start(&external(&somebody.url("postgres")), None).await else {
        panic!("it has no marker")
    };
    let text = error.to_string();
    assert!(text.contains(&format!("COMMENT ON DATABASE \"postgres\" IS '{MARKER}'")), "{text}");
    somebody.server.stop().await.unwrap();
}

/// Two runs with two databases of one server do not sweep each other's, and each takes its own away when it ends.
#[tokio::test(flavor = "multi_thread")]
async fn runs_on_one_server_leave_each_other_alone() {
    let somebody = Somebody::start().await;
    let (first, second) = (somebody.marked("first").await, somebody.marked("second").await);
    let living = Server::start(&external(&first), None).await.unwrap();
    let fleet = leaking("fleet").fleet;
    let database = living.clone_of_fleet(&fleet, "living", &|_| ()).await.unwrap();

    let other = Server::start(&external(&second), None).await.unwrap();
    clean(Sweep::Orphans, Some(&second)).await.unwrap();
    assert!(somebody.left().await.contains(&database), "a living run's database was swept");
    other.stop().await.unwrap();
    assert!(somebody.left().await.contains(&database), "a living run's database was dropped by another's end");
    living.stop().await.unwrap();
    assert_eq!(somebody.left().await, Vec::<String>::new());
    let databases = somebody.ask("SELECT datname::text FROM pg_database WHERE datname IN ('first', 'second')").await;
    assert_eq!(databases.len(), 2, "what was given is still there");
    somebody.server.stop().await.unwrap();
}

/// Says when the first leak has been seen.
struct FirstLeak(Mutex<Option<tokio::sync::oneshot::Sender<()>>>);

impl Reporter for FirstLeak {
    fn event(&self, event: &ProgressEvent) {
        if let ProgressEvent::Tick { leaks: 1.., .. } = event
            && let Some(said) = self.0.lock().unwrap().take()
        {
            said.send(()).unwrap();
        }
    }
}

/// The ledger's table is gone when the writes are to be compared: the run did not complete, and the leak that it saw
/// before is found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_leak_outlives_a_ledger_that_cannot_be_compared() {
    let somebody = Arc::new(Somebody::start().await);
    let url = somebody.marked("given").await;
    let (said, leaked) = tokio::sync::oneshot::channel();
    let saboteur = tokio::spawn({
        let somebody = somebody.clone();
        async move {
            leaked.await.unwrap();
            let names =
                somebody.ask("SELECT datname::text FROM pg_database WHERE datname LIKE 'chaos\\_%\\_0\\_%'").await;
            let options = somebody.server.admin(&names[0]);
            let mut connection = PgConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql("DROP TABLE orders CASCADE").execute(&mut connection).await.unwrap();
        }
    });
    let reporter = Arc::new(FirstLeak(Mutex::new(Some(said))));
    let options = RunOptions { stack: external(&url), reporter, ..RunOptions::default() };
    let session = Session::start(options, None).await.unwrap();
    let report = session.run(&leaking("sabotaged")).await.unwrap();
    saboteur.await.unwrap();
    session.stop().await.unwrap();
    assert_eq!(report.verdict, Verdict::Fail, "{:?}", report.reasons);
    assert!(report.judgement.findings.iter().any(|finding| finding.code.text() == "TC-L01"));
    let end = format!("{:?}", report.end);
    assert!(end.contains("cannot be compared with the database"), "{end}");
    somebody.server.stop().await.unwrap();
}
