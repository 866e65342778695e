//! Proves the docker provider on a real engine: start, pause, kill, restart, a cut network, a bounded volume, a
//! replica that takes over, and what a killed harness leaves behind.
//!
//! Without an engine the tests are listed as ignored, with the reason in their kind, unless
//! `TENANT_CHAOS_REQUIRE_DOCKER=1`: then that is a failure.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use sqlx::{Connection, PgConnection};
use tenant_chaos::observe::{Roster, TenantId};
use tenant_chaos::scenario::{Fleet, Pooler, PoolerSpec, Replica};
use tenant_chaos::stack::{Control, LoginRole, Needs, ProviderChoice, Server, StackOptions, Sweep, clean};
use tokio::runtime::Runtime;

const FLEET: Fleet = Fleet { starter: 2, growth: 1, enterprise: 1, rows_per_tenant: 20 };
/// Set for a child of this program that starts a container and waits to be killed.
const CHILD: &str = "TENANT_CHAOS_TEST_CHILD";
/// A query to a paused server is given up after this.
const PATIENCE: Duration = Duration::from_millis(700);

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        return child_that_is_killed();
    }
    let arguments = Arguments::from_args();
    let engine = docker(&["info", "--format", "{{.ServerVersion}}"]);
    let required = std::env::var("TENANT_CHAOS_REQUIRE_DOCKER").is_ok_and(|value| value == "1");
    let ignored = engine.is_err() && !required;
    let kind = if ignored { "no Docker engine answers" } else { "" };
    let tests: [(&str, Test); 10] = [
        ("a_container_serves_on_loopback_and_leaves_nothing", serves_and_leaves_nothing),
        ("a_paused_server_answers_again", paused),
        ("a_killed_server_recovers", killed),
        ("a_server_restarts_with_other_settings", restarted),
        ("a_container_leaves_its_network_and_comes_back", off_the_network),
        ("databases_lie_on_the_bounded_volume", bounded_volume),
        ("a_replica_follows_and_takes_over_and_leaves_nothing", replica),
        ("a_pooler_serves_beside_the_server_and_leaves_nothing", pooler_beside_the_server),
        ("leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not", leftovers),
        ("an_image_that_is_not_there_is_named_with_what_mends_it", no_image),
    ];
    let trials = tests.map(|(name, test)| Trial::test(name, test).with_ignored_flag(ignored).with_kind(kind));
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

type Test = fn() -> Result<(), Failed>;

fn options() -> StackOptions {
    let image = std::env::var("TENANT_CHAOS_IMAGE").ok();
    StackOptions { provider: ProviderChoice::Docker, image, ..StackOptions::default() }
}

/// Runs the engine's own client.
fn docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn exists(container: &str) -> bool {
    docker(&["inspect", container]).is_ok()
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime starts")
}

/// PgBouncer runs in a container beside the server's, lets a client through to it, is gone when it is killed, comes back
/// when it is started again, and leaves nothing.
fn pooler_beside_the_server() -> Result<(), Failed> {
    let run = runtime().block_on(async {
        let server = Server::start(&options(), None).await?;
        let id = server.container_id().await.ok_or("no container")?;
        let run = docker(&["inspect", "--format", "{{index .Config.Labels \"tenant-chaos.run\"}}", &id])?;
        let database = server.clone_of_fleet(&FLEET, "pooler", &|_| {}).await?;
        let spec = PoolerSpec { kind: Pooler::PgbouncerTransaction, size: 2, wait: Duration::from_secs(5) };
        let pooler = server.start_pooler(LoginRole::App, &database, spec, &BTreeSet::new()).await?;
        assert_eq!(containers_of(&run)?, 2);
        let ask = "SELECT count(*) FROM documents";
        let mut client = PgConnection::connect_with(pooler.connect()).await?;
        sqlx::raw_sql(ask).execute(&mut client).await?;
        pooler.kill().await?;
        assert!(sqlx::raw_sql(ask).execute(&mut client).await.is_err(), "the pooler is gone");
        assert!(PgConnection::connect_with(pooler.connect()).await.is_err(), "the pooler is gone");
        pooler.start_again().await?;
        let mut client = PgConnection::connect_with(pooler.connect()).await?;
        sqlx::raw_sql(ask).execute(&mut client).await?;
        pooler.stop().await?;
        assert_eq!(containers_of(&run)?, 1);
        server.stop().await?;
        Ok::<_, Failed>(run)
    })?;
    assert_eq!(containers_of(&run)?, 0);
    Ok(())
}

fn containers_of(run: &str) -> Result<usize, String> {
    let listed = docker(&["ps", "--all", "--quiet", "--filter", &format!("label=tenant-chaos.run={run}")])?;
    Ok(listed.lines().count())
}

async fn ask(connection: &mut PgConnection) -> Result<i32, String> {
    let question = sqlx::query_scalar("SELECT 1").fetch_one(connection);
    tokio::time::timeout(PATIENCE, question)
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())
}

/// A fleet is seeded and cloned in a container; the application sees one tenant, and only through its context. The port
/// is published on 127.0.0.1 and nowhere else. Afterwards container and volume are gone.
fn serves_and_leaves_nothing() -> Result<(), Failed> {
    let (container, volume) = runtime().block_on(async {
        let server = Server::start(&options(), None).await?;
        assert_eq!(server.provider(), "docker");
        let container = server.container_id().await.expect("the docker provider has a container");
        let addresses = docker(&[
            "inspect",
            "--format",
            "{{range $p, $b := .NetworkSettings.Ports}}{{range $b}}{{.HostIp}} {{end}}{{end}}",
            &container,
        ])?;
        assert_eq!(addresses, "127.0.0.1");
        let volume = docker(&["inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", &container])?;
        assert!(!volume.is_empty(), "the data lies in a volume");

        let database = server.clone_of_fleet(&FLEET, "docker", &|_| ()).await?;
        let mut app = PgConnection::connect_with(&server.connect_as(LoginRole::App, &database)).await?;
        let blind: i64 = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut app).await?;
        let (tenant, _) = Roster::of(&FLEET).iter().next().expect("the fleet has tenants");
        let mut transaction = app.begin().await?;
        sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
            .bind(TenantId::of(tenant).to_string())
            .execute(&mut *transaction)
            .await?;
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut *transaction).await?;
        assert_eq!((blind, seen), (0, 20));
        transaction.rollback().await?;
        app.close().await?;
        server.stop().await?;
        Ok::<_, Failed>((container, volume))
    })?;
    assert!(!exists(&container), "the container is left");
    assert!(docker(&["volume", "inspect", &volume]).is_err(), "the volume is left");
    Ok(())
}

/// A server of its own, its hands and its container.
async fn own(disk_bytes: Option<u64>) -> Result<(Server, Control, String), Failed> {
    let needs = Needs { own: true, disk_bytes, replica: None };
    let server = Server::start(&StackOptions { needs, ..options() }, None).await?;
    let control = server.control().expect("a server of its own has hands");
    let container = server.container_id().await.expect("the docker provider has a container");
    Ok((server, control, container))
}

/// A paused server does not answer, and answers on the same connection once it goes on; a stop works on a paused one.
fn paused() -> Result<(), Failed> {
    runtime().block_on(async {
        let (server, control, container) = own(None).await?;
        let mut connection = PgConnection::connect_with(&server.admin("postgres")).await?;
        control.pause().await?;
        let mute = ask(&mut connection).await;
        control.resume().await?;
        control.resume().await?;
        assert_eq!(mute, Err("no answer".to_owned()));
        // The answer to the first question is still under way.
        assert_eq!(ask(&mut connection).await?, 1);
        control.pause().await?;
        server.stop().await?;
        assert!(!exists(&container), "the container is left");
        Ok(())
    })
}

/// A killed server refuses, and serves the same data at the same address once it is started again; a stop works on a
/// dead container, too.
fn killed() -> Result<(), Failed> {
    runtime().block_on(async {
        let (server, control, container) = own(None).await?;
        let mut connection = PgConnection::connect_with(&server.admin("postgres")).await?;
        sqlx::raw_sql("CREATE TABLE kept AS SELECT 42 AS answer").execute(&mut connection).await?;
        control.kill().await?;
        assert!(ask(&mut connection).await.is_err(), "a killed server answers");
        control.start_again().await?;
        control.start_again().await?;
        let mut connection = PgConnection::connect_with(&server.admin("postgres")).await?;
        let answer: i32 = sqlx::query_scalar("SELECT answer FROM kept").fetch_one(&mut connection).await?;
        assert_eq!(answer, 42);
        control.kill().await?;
        server.stop().await?;
        assert!(!exists(&container), "the container is left");
        Ok(())
    })
}

/// A restart takes what the server was told meanwhile, at the same address.
fn restarted() -> Result<(), Failed> {
    runtime().block_on(async {
        let (server, control, _) = own(None).await?;
        let mut connection = PgConnection::connect_with(&server.admin("postgres")).await?;
        sqlx::raw_sql("ALTER SYSTEM SET max_connections = 17").execute(&mut connection).await?;
        control.restart().await?;
        assert!(ask(&mut connection).await.is_err(), "a connection outlives a restart");
        let mut connection = PgConnection::connect_with(&server.admin("postgres")).await?;
        let now: String = sqlx::query_scalar("SHOW max_connections").fetch_one(&mut connection).await?;
        assert_eq!(now, "17");
        Ok(server.stop().await?)
    })
}

/// A container that left its network cannot be reached, and can at the same address when it is back; a stop works on one
/// that is away.
fn off_the_network() -> Result<(), Failed> {
    runtime().block_on(async {
        let (server, control, container) = own(None).await?;
        control.leave_network().await?;
        let reached = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&server.admin("postgres"))).await;
        assert!(!matches!(reached, Ok(Ok(_))), "a server without a network answers");
        control.join_network().await?;
        control.join_network().await?;
        let mut connection = PgConnection::connect_with(&server.admin("postgres")).await?;
        assert_eq!(ask(&mut connection).await?, 1);
        control.leave_network().await?;
        server.stop().await?;
        assert!(!exists(&container), "the container is left");
        Ok(())
    })
}

/// Databases lie on the volume of bounded size.
fn bounded_volume() -> Result<(), Failed> {
    runtime().block_on(async {
        let (server, control, _) = own(Some(64 << 20)).await?;
        let volume = control.volume().await.expect("there is a volume");
        let database = server.clone_of_fleet(&FLEET, "docker", &|_| ()).await?;
        let mut admin = PgConnection::connect_with(&server.admin(&database)).await?;
        let place = "SELECT pg_tablespace_location(dattablespace) FROM pg_database WHERE datname = current_database()";
        let place: String = sqlx::query_scalar(place).fetch_one(&mut admin).await?;
        assert!(place.starts_with(&volume.display().to_string()), "{place}");
        Ok(server.stop().await?)
    })
}

/// A replica in a container of its own reads what was acknowledged, takes over when its primary is killed, at its own
/// address, and both are gone afterwards.
fn replica() -> Result<(), Failed> {
    let run = runtime().block_on(async {
        let needs = Needs { own: true, disk_bytes: None, replica: Some(Replica::Sync) };
        let server = Server::start(&StackOptions { needs, ..options() }, None).await?;
        let control = server.control().expect("a server of its own has hands");
        let id = server.container_id().await.ok_or("no container")?;
        let run = docker(&["inspect", "--format", "{{index .Config.Labels \"tenant-chaos.run\"}}", &id])?;
        assert_eq!(containers_of(&run)?, 2);
        let mut primary = PgConnection::connect_with(&control.admin()).await?;
        sqlx::raw_sql("CREATE TABLE kept AS SELECT 42 AS answer").execute(&mut primary).await?;
        let replica = control.replica_admin().await.ok_or("no replica")?;
        let mut replica = PgConnection::connect_with(&replica).await?;
        let kept = "SELECT answer FROM kept";
        assert_eq!(sqlx::query_scalar::<_, i32>(kept).fetch_one(&mut replica).await?, 42);
        assert!(sqlx::raw_sql("DROP TABLE kept").execute(&mut replica).await.is_err(), "a replica takes writes");
        let before = control.admin().get_port();
        control.replace_primary().await?;
        assert_ne!(control.admin().get_port(), before);
        assert!(ask(&mut primary).await.is_err(), "the old primary answers");
        sqlx::raw_sql("SELECT pg_promote()").execute(&mut replica).await?;
        let mut promoted = PgConnection::connect_with(&control.admin()).await?;
        assert_eq!(sqlx::query_scalar::<_, i32>(kept).fetch_one(&mut promoted).await?, 42);
        server.stop().await?;
        Ok::<_, Failed>(run)
    })?;
    assert_eq!(containers_of(&run)?, 0);
    Ok(())
}

/// A harness that is killed with -9 leaves a container, here one that a fault had paused, which `clean` removes; that of a living harness stays.
fn leftovers() -> Result<(), Failed> {
    let mut child = Command::new(std::env::current_exe()?).env(CHILD, "1").stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line)?;
    let orphan = line.trim().to_owned();
    assert!(exists(&orphan), "the child said {line:?}");
    runtime().block_on(async {
        let server = Server::start(&options(), None).await?;
        let mine = server.container_id().await.expect("the docker provider has a container");
        assert!(exists(&orphan), "the container of a living harness is gone");
        child.kill()?;
        child.wait()?;
        let removed = clean(Sweep::Orphans, None).await?;
        assert!(removed.iter().any(|what| what.contains(&orphan[..12])), "{removed:?}");
        assert!(!exists(&orphan), "the orphan is left");
        assert!(exists(&mine), "the container of a living harness is gone");
        Ok(server.stop().await?)
    })
}

/// Starts a container, holds it as a fault would, says which, and waits.
fn child_that_is_killed() -> ExitCode {
    runtime().block_on(async {
        let (_server, control, container) = own(None).await.expect("a server starts");
        control.pause().await.expect("the container is held");
        println!("{container}");
        std::future::pending::<()>().await;
    });
    ExitCode::FAILURE
}

/// The error says which image, why it is not to be had, and what to do.
fn no_image() -> Result<(), Failed> {
    let options = StackOptions { image: Some("127.0.0.1:9/no-such-image:1".into()), ..options() };
    let refused = runtime().block_on(Server::start(&options, None)).err().expect("there is no such image").to_string();
    for part in ["docker: ", "127.0.0.1:9/no-such-image:1", "to mend it", "docker pull"] {
        assert!(refused.contains(part), "{part} is missing in: {refused}");
    }
    Ok(())
}
