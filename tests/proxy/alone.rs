//! `tenant-chaos proxy` alone, as a program: what it says, and its exit codes.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

use crate::stand::Stand;

/// The program with a free port, in front of the stand's server.
struct Alone {
    child: Child,
    port: u16,
}

impl Alone {
    fn start(stand: &Stand, arguments: &[&str]) -> Self {
        let upstream = stand.socket.join(format!(".s.PGSQL.{}", stand.port));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenant-chaos"));
        command.args(["proxy", "--listen", "127.0.0.1:0", "--upstream"]).arg(upstream).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on ").and_then(|rest| rest.split(',').next());
        let port = address.and_then(|address| address.rsplit(':').next()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("it says `{line}`"));
        // What it says later must not block it.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Self { child, port }
    }

    async fn connect(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port).username("postgres");
        PgConnection::connect_with(&options.database("postgres")).await.unwrap()
    }

    /// Waits for its end: exit code and standard output.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }

    fn interrupt(self) -> (Option<i32>, String) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
        self.end()
    }
}

fn scenario(folder: &Path, expect: &str) -> String {
    let path = folder.join("lost-context.toml");
    let text = format!(
        "name = \"lost-context\"\nwhy = \"The context is lost.\"\nload = {{ rate = \"1/s\" }}\n\
         phases = {{ inject = \"3s\" }}\nexpect = {{ {expect} }}\n[[fault]]\nprotocol.drop-context = {{}}\n"
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A session-level tenant is left behind, the next one's context is lost: a leak that nobody's code shows. The proxy
/// alone finds it, fails for it unless it is planted, and passes a service that reads nothing then.
#[tokio::test(flavor = "multi_thread")]
async fn it_finds_what_a_lost_context_leaks() {
    let stand = Stand::new().await;
    let mut direct = stand.direct().await;
    direct
        .execute("CREATE TABLE notes (tenant_id text, body text); INSERT INTO notes VALUES ('a', 'x'), ('b', 'y')")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    const READ: &str = "SELECT tenant_id, body FROM notes WHERE tenant_id = current_setting('app.tenant_id', true)";
    for (expect, leaves_behind, codes) in [
        ("always = [\"leaked_rows == 0\"]", true, &[1][..]),
        ("must_find = [\"TC-L01\"]", true, &[0]),
        // Inconclusive if no row came through before the fault, either.
        ("always = [\"leaked_rows == 0\"]", false, &[0, 3]),
    ] {
        let alone = Alone::start(&stand, &["--scenario", &scenario(folder.path(), expect)]);
        let mut connection = alone.connect().await;
        // Until the proxy has seen enough, or its phases have passed, and it ends.
        let mut tenant = "a";
        loop {
            let scope = if leaves_behind { "false" } else { "true" };
            let mut texts = vec![format!("SELECT set_config('app.tenant_id', '{tenant}', {scope})")];
            if leaves_behind && tenant == "a" {
                // In a block, where the fault does not see that it is the context.
                texts.push("DO $$ BEGIN PERFORM set_config('app.tenant_id', 'a', false); END $$".to_owned());
            }
            texts.push(READ.to_owned());
            let sent = connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(texts.join(";")))).await;
            if sent.is_err() {
                break;
            }
            tenant = if tenant == "a" { "b" } else { "a" };
        }
        let (exit, said) = alone.end();
        assert!(exit.is_some_and(|exit| codes.contains(&exit)), "{expect}: {exit:?} {said}");
        assert_eq!(
            said.contains("TC-L01 a row of a in notes reached b; the server's context was"),
            leaves_behind,
            "{said}"
        );
    }
    stand.stop().await;
}

/// Without a scenario it judges until it is interrupted; an address that others can reach, a scenario with other faults
/// and an address that is taken are refused, each with its exit code.
#[tokio::test(flavor = "multi_thread")]
async fn it_judges_until_it_is_interrupted() {
    let stand = Stand::new().await;
    let alone = Alone::start(&stand, &["--tenant-column", "owner,tenant_id"]);
    let mut connection = alone.connect().await;
    connection.execute("SET app.tenant_id = '7'").await.unwrap();
    sqlx::query("SELECT 7::bigint AS owner").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let (exit, said) = alone.interrupt();
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("pass: 1 rows compared with who asked"), "{said}");

    let nothing = Alone::start(&stand, &[]).interrupt();
    assert_eq!(nothing.0, Some(3), "{}", nothing.1);

    let folder = tempfile::tempdir().unwrap();
    let pool = folder.path().join("pool.toml");
    let text = "name = \"pool\"\nwhy = \"x\"\nload = { rate = \"1/s\" }\nphases = { inject = \"1s\" }\n\
                expect = { always = [\"leaked_rows == 0\"] }\n[[fault]]\npool.hold = { connections = 1 }\n";
    std::fs::write(&pool, text).unwrap();
    let taken = stand.proxy.address().to_string();
    for (arguments, code, word) in [
        (["--listen", "0.0.0.0:0", "--seed", "1"], 2, "--listen-anywhere"),
        (["--scenario", pool.to_str().unwrap(), "--seed", "1"], 2, "pool.hold"),
        (["--listen", &taken, "--seed", "1"], 4, "listen on"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenant-chaos"));
        let output = command.args(["proxy", "--upstream", "127.0.0.1:1"]).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(word), "{said}");
    }
    stand.stop().await;
}
