//! The peer: `pgbench -M prepared` with the statements of the tenant runtime.
//!
//! A script has one tenant, since pgbench has no variables of type uuid; every client draws a script per transaction.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;
use tenant_chaos::observe::TenantId;

use crate::Turn;
use crate::common::{Failure, check};

/// How the statements of a transaction travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// Each waits for the answer to the last: four round trips.
    OneByOne,
    /// As the tenant runtime does it: the context with BEGIN, the scrub with COMMIT, three round trips.
    Grouped,
    /// All at once: one round trip, the most that a client can do.
    Pipelined,
}

impl Travel {
    /// Every way.
    pub(crate) const ALL: [Travel; 3] = [Travel::OneByOne, Travel::Grouped, Travel::Pipelined];
}

/// pgbench with its scripts, ready to run against one database.
pub(crate) struct Pgbench {
    program: PathBuf,
    connect: PgConnectOptions,
    scripts: TempDir,
    tenants: usize,
    clients: u32,
    threads: usize,
}

impl Pgbench {
    /// Finds pgbench beside the server's programs or on the PATH; `None` if it is in neither.
    pub(crate) async fn find(admin: &PgConnectOptions) -> Result<Option<PathBuf>, Failure> {
        let mut connection = PgConnection::connect_with(admin).await?;
        let bin_dir: String = sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(PathBuf::from(bin_dir)).chain(std::env::split_paths(&path));
        Ok(folders.map(|folder| folder.join("pgbench")).find(|program| program.is_file()))
    }

    /// Writes the scripts.
    pub(crate) fn new(
        program: PathBuf,
        connect: PgConnectOptions,
        tenants: &[TenantId],
        rows: u32,
        clients: u32,
        threads: usize,
    ) -> Result<Self, Failure> {
        let scripts = tempfile::tempdir()?;
        for (number, tenant) in tenants.iter().enumerate() {
            for travel in Travel::ALL {
                std::fs::write(script(scripts.path(), travel, number), text(travel, *tenant, rows))?;
            }
            std::fs::write(scripts.path().join(format!("check-{number}.sql")), check_text(*tenant, rows))?;
        }
        Ok(Self { program, connect, scripts, tenants: tenants.len(), clients, threads })
    }

    /// Proves that the statements do what is to be measured: every read finds exactly one row, of the right tenant.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for number in 0..self.tenants {
            let path = self.scripts.path().join(format!("check-{number}.sql"));
            self.run(&["-c", "1", "-t", "20", "-f", &path.to_string_lossy()])?;
        }
        Ok(())
    }

    /// Runs for some seconds, connecting not counted.
    pub(crate) fn measure(&self, travel: Travel, seconds: u32) -> Result<Turn, Failure> {
        let (clients, threads) = (self.clients.to_string(), self.threads.to_string());
        let seconds = seconds.to_string();
        let mut arguments = vec!["-c", &clients, "-j", &threads, "-T", &seconds];
        let scripts: Vec<String> = (0..self.tenants)
            .map(|number| script(self.scripts.path(), travel, number).to_string_lossy().into_owned())
            .collect();
        scripts.iter().for_each(|path| arguments.extend(["-f", path]));
        let said = self.run(&arguments)?;
        let rate = number_after(&said, "tps = ");
        let done = number_after(&said, "number of transactions actually processed: ");
        let (Some(rate), Some(done)) = (rate, done) else {
            return Err(format!("pgbench says neither rate nor count: {said}").into());
        };
        Ok(Turn { done: done as u64, rate })
    }

    /// Runs pgbench; a failed transaction is a failure.
    fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command
            .args(["-n", "-M", "prepared", "-h"])
            .arg(self.host())
            .args(["-p", &self.connect.get_port().to_string()]);
        command.args(["-U", self.connect.get_username()]).args(arguments);
        command.arg(self.connect.get_database().unwrap_or("postgres"));
        if let Some(password) = self.connect.to_url_lossy().password() {
            command.env("PGPASSWORD", password);
        }
        let Output { status, stdout, stderr } = command.output()?;
        let said = String::from_utf8_lossy(&stdout).into_owned();
        let complained = String::from_utf8_lossy(&stderr);
        check(status.success(), || format!("pgbench failed with {status}: {complained}"))?;
        // Before version 15 pgbench has no such line: it gives a client up instead, and fails.
        let failed = said.lines().find_map(|line| line.strip_prefix("number of failed transactions: "));
        check(failed.is_none_or(|count| count.starts_with("0 ")), || format!("pgbench: {said}{complained}"))?;
        Ok(said)
    }

    fn host(&self) -> PathBuf {
        self.connect.get_socket().cloned().unwrap_or_else(|| self.connect.get_host().into())
    }
}

fn number_after(said: &str, words: &str) -> Option<f64> {
    said.lines().find_map(|line| line.strip_prefix(words)?.split([' ', '/']).next()?.parse().ok())
}

fn script(folder: &Path, travel: Travel, number: usize) -> PathBuf {
    let kind = match travel {
        Travel::OneByOne => "one-by-one",
        Travel::Grouped => "grouped",
        Travel::Pipelined => "pipelined",
    };
    folder.join(format!("{kind}-{number}.sql"))
}

/// The statements of the tenant runtime, but for the check of what came back: pgbench prepares all of a pipeline before
/// it runs any, and a SHOW cannot be prepared before the setting is known to the session.
fn text(travel: Travel, tenant: TenantId, rows: u32) -> String {
    let begin = format!("BEGIN;\nSET LOCAL app.tenant_id = '{tenant}';\n");
    let read = "SELECT tenant_id, body FROM documents WHERE id = :id LIMIT :limit;\n";
    let pipeline = |statements: &str| format!("\\startpipeline\n{statements}\\endpipeline\n");
    let statements = match travel {
        Travel::OneByOne => format!("{begin}{read}COMMIT;\n"),
        Travel::Grouped => format!("{}{read}{}", pipeline(&begin), pipeline("COMMIT;\nRESET ALL;\n")),
        Travel::Pipelined => pipeline(&format!("{begin}{read}COMMIT;\n")),
    };
    format!("\\set id random(1, {rows})\n\\set limit 50\n{statements}")
}

/// The same with its answer checked: `\gset` fails unless there is exactly one row, and so does the division.
fn check_text(tenant: TenantId, rows: u32) -> String {
    format!(
        "\\set id random(1, {rows})\n\\set limit 50\nBEGIN;\n\
         SET LOCAL app.tenant_id = '{tenant}';\n\
         SELECT 1 / (tenant_id = '{tenant}')::int AS own FROM documents WHERE id = :id LIMIT :limit \\gset\nCOMMIT;\n"
    )
}
