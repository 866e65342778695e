//! A server with a proxy in front of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenant_chaos::faults::proxy::{Kind, Proxy, ProxyOptions, Upstream, When};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// A server with a proxy in front of it.
pub(crate) struct Stand {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) socket: PathBuf,
    pub(crate) port: u16,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ProxyOptions)) -> Self {
        let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
        let server = Server::start(&options, None).await.unwrap();
        let admin = server.admin("postgres");
        let (socket, port) = (admin.get_socket().unwrap().clone(), admin.get_port());
        let mut options = ProxyOptions::new(Upstream::Unix(socket.join(format!(".s.PGSQL.{port}"))));
        change(&mut options);
        let proxy = Proxy::start(options).await.unwrap();
        Self { server, proxy, socket, port }
    }

    /// The administrator, through the proxy.
    pub(crate) fn through(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.proxy.address().port())
            .username("postgres")
            .database("postgres")
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.through()).await.unwrap()
    }

    /// The administrator, past the proxy.
    pub(crate) async fn direct(&self) -> PgConnection {
        PgConnection::connect_with(&self.server.admin("postgres")).await.unwrap()
    }

    pub(crate) fn command(&self, program: &str, proxied: Proxied) -> Command {
        let mut command = Command::new(program);
        match proxied {
            Proxied::Yes => command.args(["-h", "127.0.0.1", "-p", &self.proxy.address().port().to_string()]),
            Proxied::No => command.arg("-h").arg(&self.socket).args(["-p", &self.port.to_string()]),
        };
        command.args(["-U", "postgres"]).env("LC_ALL", "C").env("PGDATABASE", "postgres").stdin(Stdio::null());
        command
    }

    pub(crate) async fn stop(self) {
        self.proxy.stop().await;
        self.server.stop().await.unwrap();
    }
}

/// Whether a client goes through the proxy.
#[derive(Clone, Copy)]
pub(crate) enum Proxied {
    Yes,
    No,
}

/// Runs a command off the runtime, on which the proxy serves it.
pub(crate) async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let text = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(connection).await.unwrap()
}

pub(crate) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

pub(crate) fn of_kind(kind: Kind) -> When {
    When { kind: Some(kind), ..When::default() }
}
