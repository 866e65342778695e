//! What is hunted: SQL files or an existing database. Both end as a throw-away database on a server of our own.

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::postgres::{PgConnectOptions, PgErrorPosition};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::statements::{Statement, line_of, split};
use crate::hunt::catalogue::{login_settings, roles};
use crate::hunt::error::HuntError;
use crate::stack::Server;

/// A statement may miss at most this many roles, each of which is created.
const MOST_MISSING_ROLES: usize = 16;

/// What is hunted.
#[derive(Debug, Clone)]
pub enum Target {
    /// A `.sql` file, or a folder of them, applied in the order of their names. `*.down.sql` files undo others and are
    /// left out.
    Schema(PathBuf),
    /// An existing database, of which only the structure is read.
    Database(String),
}

/// A target in a throw-away database.
#[derive(Debug)]
pub struct Applied {
    /// Its name on the server.
    pub database: String,
    /// Roles that the schema expects and that were created, without any right but those that the schema grants.
    pub created_roles: Vec<String>,
    /// `server_version_num` of the existing database's server.
    pub live_version: Option<i32>,
}

/// Applies a target to a new database of a server that is ours.
///
/// # Errors
/// [`HuntError::Sql`] with file and line of the first statement that fails.
pub async fn apply(target: &Target, server: &Server) -> Result<Applied, HuntError> {
    let database = format!("chaos_hunt_{:08x}", rand::random::<u32>());
    let mut admin = connect(&server.admin("postgres"), "connect to the server").await?;
    let create = format!("CREATE DATABASE {database} TEMPLATE template0");
    run(&mut admin, create).await.map_err(HuntError::database("create a database"))?;
    let mut connection = connect(&server.admin(&database), "connect to the new database").await?;
    let (mut created_roles, mut live_version) = (Vec::new(), None);
    match target {
        Target::Schema(path) => {
            for file in files(path)? {
                let text = std::fs::read_to_string(&file)
                    .map_err(|error| HuntError::Input(format!("cannot read {}: {error}", file.display())))?;
                apply_text(&mut connection, &file, &text, &mut created_roles).await?;
            }
        }
        Target::Database(url) => {
            let mut live = open_read_only(url).await?;
            live_version = Some(roles::server_version(&mut live).await?);
            roles::copy(&mut live, &mut connection).await?;
            let settings = login_settings::read(&mut live).await?;
            live.close().await.map_err(HuntError::database("leave the database"))?;
            let bin_dir = sqlx::query_scalar("SELECT setting FROM pg_config() WHERE name = 'BINDIR'")
                .fetch_optional(&mut connection)
                .await
                .map_err(HuntError::database("ask the server where its programs are"))?;
            let dump = dump(url, bin_dir)?;
            apply_text(&mut connection, Path::new("pg_dump --schema-only"), &dump, &mut created_roles).await?;
            login_settings::write(&mut connection, &settings).await?;
        }
    }
    connection.close().await.map_err(HuntError::database("leave the new database"))?;
    Ok(Applied { database, created_roles, live_version })
}

/// Opens an existing database so that nothing can be written through the connection.
///
/// # Errors
/// The URL cannot be used, or the database cannot be reached.
pub async fn open_read_only(url: &str) -> Result<PgConnection, HuntError> {
    let options: PgConnectOptions =
        url.parse().map_err(|error| HuntError::Input(format!("--database-url cannot be used: {error}")))?;
    let options = options.options([("default_transaction_read_only", "on"), ("statement_timeout", "60s")]);
    PgConnection::connect_with(&options)
        .await
        .map_err(|error| HuntError::Input(format!("cannot connect to --database-url: {error}")))
}

fn files(path: &Path) -> Result<Vec<PathBuf>, HuntError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path)
        .map_err(|error| HuntError::Input(format!("cannot read {}: {error}", path.display())))?;
    let mut files = Vec::new();
    for entry in entries {
        // What cannot be read may be a migration.
        let entry = entry.map_err(|error| HuntError::Input(format!("cannot read {}: {error}", path.display())))?;
        files.extend(Some(entry.path()).filter(|file| is_forward(file)));
    }
    files.sort();
    match files.is_empty() {
        true => Err(HuntError::Input(format!("{} holds no .sql file", path.display()))),
        false => Ok(files),
    }
}

fn is_forward(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.is_file() && name.ends_with(".sql") && !name.ends_with(".down.sql")
}

async fn apply_text(
    connection: &mut PgConnection,
    path: &Path,
    text: &str,
    created: &mut Vec<String>,
) -> Result<(), HuntError> {
    for statement in split(text) {
        if let Err(error) = apply_statement(connection, statement, created).await {
            return Err(sql_error(path, statement, &error));
        }
    }
    if is_in_transaction(connection).await.map_err(HuntError::database("look for an open transaction"))? {
        let what = "ends inside of a transaction, so nothing of it would stay: end it with COMMIT";
        return Err(HuntError::Input(format!("{}: {what}", path.display())));
    }
    // A file may leave settings behind; the next one begins afresh.
    let reset = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL".to_owned();
    run(connection, reset).await.map_err(HuntError::database("begin the next file afresh"))
}

/// Whether a transaction is open. Nothing shows it to a statement, but there are some that only run inside of one.
async fn is_in_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let Err(error) = run(connection, "SAVEPOINT hunt_open".to_owned()).await else { return Ok(true) };
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        Some("25P01") => Ok(false),
        // It has failed, and nobody has rolled it back.
        Some("25P02") => Ok(true),
        _ => Err(error),
    }
}

/// Applies one statement. A role that it expects is created, outside of a transaction that is already open: there the
/// error has ended the transaction, and the user must create the role.
async fn apply_statement(
    connection: &mut PgConnection,
    statement: Statement<'_>,
    created: &mut Vec<String>,
) -> Result<(), sqlx::Error> {
    for _ in 0..MOST_MISSING_ROLES {
        let Err(error) = run(connection, statement.text.to_owned()).await else { return Ok(()) };
        let Some(role) = roles::missing(&error) else { return Err(error) };
        if roles::create(connection, &role).await.is_err() {
            return Err(error);
        }
        created.push(role);
    }
    run(connection, statement.text.to_owned()).await
}

fn sql_error(path: &Path, statement: Statement<'_>, error: &sqlx::Error) -> HuntError {
    let (mut message, mut line) = (error.to_string(), statement.line);
    if let sqlx::Error::Database(database) = error {
        let code = database.code().unwrap_or_default();
        message = format!("{} (SQLSTATE {code})", database.message());
        let postgres = database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
        if let Some(PgErrorPosition::Original(position)) = postgres.and_then(|error| error.position()) {
            // Postgres counts characters from 1.
            let offset = statement.text.char_indices().nth(position.saturating_sub(1)).map_or(0, |(offset, _)| offset);
            line += line_of(statement.text, offset) - 1;
        }
    }
    let statement = statement.text.lines().next().unwrap_or_default().to_owned();
    HuntError::Sql { path: path.to_owned(), line, message, statement }
}

/// The structure of an existing database, as pg_dump prints it. The password goes through the environment: what is in
/// the arguments of a process everybody on the machine can read.
fn dump(url: &str, bin_dir: Option<String>) -> Result<String, HuntError> {
    let (url, password) = without_password(url);
    let mut refused = String::new();
    for program in pg_dumps(bin_dir) {
        let mut command = Command::new(&program);
        command.args(["--schema-only", "--no-password", "--dbname", &url]);
        if let Some(password) = &password {
            command.env("PGPASSWORD", password);
        }
        match command.output() {
            Ok(output) if output.status.success() => return Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                // An older pg_dump refuses a newer server; another one may not.
                let is_too_old = said.contains("server version mismatch");
                refused = format!("pg_dump cannot read the structure of --database-url: {said}");
                if !is_too_old {
                    break;
                }
            }
            Err(error) if refused.is_empty() => {
                refused = format!("cannot run {}: {error}; install pg_dump", program.display());
            }
            Err(_) => {}
        }
    }
    Err(HuntError::Input(refused))
}

/// A URL without its password, and the password: after the user's name, or among the parameters.
pub(in crate::hunt) fn without_password(url: &str) -> (String, Option<String>) {
    let (mut url, mut password) = (url.to_owned(), None);
    let authority = url.find("://").map(|at| at + 3);
    if let Some(start) = authority {
        let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
        if let Some(at) = url[start..end].rfind('@')
            && let Some(colon) = url[start..start + at].find(':')
        {
            password = Some(decoded(&url[start + colon + 1..start + at]));
            url.replace_range(start + colon..start + at, "");
        }
    }
    if let Some((path, parameters)) = url.clone().split_once('?') {
        let (given, others): (Vec<&str>, Vec<&str>) =
            parameters.split('&').partition(|parameter| parameter.starts_with("password="));
        if let Some((_, value)) = given.first().and_then(|given| given.split_once('=')) {
            password = Some(decoded(value));
            url = if others.is_empty() { path.to_owned() } else { format!("{path}?{}", others.join("&")) };
        }
    }
    (url, password)
}

/// Without percent signs. What is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[at], escape.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                at += 3;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Where pg_dump may be: beside the programs of our own server, in the distribution's folders (the newest first), and
/// on PATH.
fn pg_dumps(bin_dir: Option<String>) -> Vec<PathBuf> {
    let beside = bin_dir.map(|folder| Path::new(&folder).join("pg_dump"));
    let majors = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = majors
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin/pg_dump"))))
        .collect();
    found.sort();
    let installed = found.into_iter().rev().map(|(_, program)| program);
    let mut all: Vec<PathBuf> = beside.into_iter().chain(installed).filter(|program| program.is_file()).collect();
    all.push(PathBuf::from("pg_dump"));
    all.dedup();
    all
}

async fn connect(options: &PgConnectOptions, what: &'static str) -> Result<PgConnection, HuntError> {
    PgConnection::connect_with(options).await.map_err(HuntError::database(what))
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A password leaves the URL wherever it stands, and nothing else does.
    #[test]
    fn passwords_do_not_stay_in_a_url() {
        for (url, without, password) in [
            ("postgres://u:p%40%2Fx@h:5432/d?sslmode=disable", "postgres://u@h:5432/d?sslmode=disable", Some("p@/x")),
            ("postgres://u@h/d", "postgres://u@h/d", None),
            ("postgres:///d?host=/run&password=a%20b&user=u", "postgres:///d?host=/run&user=u", Some("a b")),
            ("postgres://h/d?password=x", "postgres://h/d", Some("x")),
            ("postgres://u:100%@h/d", "postgres://u@h/d", Some("100%")),
            ("nonsense", "nonsense", None),
        ] {
            assert_eq!(without_password(url), (without.to_owned(), password.map(str::to_owned)), "{url}");
        }
    }
}
