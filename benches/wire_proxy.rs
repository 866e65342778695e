//! What the proxy costs when no rule is in force: latency and throughput, side by side with a direct connection, with
//! HAProxy in TCP mode and with PgBouncer, on pgbench's prepared point read.
//!
//! The ways take turns within each round, so that what disturbs the machine disturbs all of them, and are compared
//! within rounds. Only ratios carry over to other machines. A peer that this machine does not have is left out, with a
//! line that says so.
//!
//! `cargo bench --bench wire_proxy` prints the table and writes it to `target/chaos/bench/wire_proxy.md`.
//! `WIRE_PROXY_CLIENTS=8` measures at that many clients only, `WIRE_PROXY_ROUNDS=20` takes that many rounds.

#[path = "common/ratio.rs"]
mod ratio;

use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ratio::{Ratio, Reach, median, percentile};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tenant_chaos::faults::proxy::{Proxy, ProxyOptions, Upstream};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

/// From six on the interval of a median is narrower than the whole range.
const ROUNDS: usize = 12;
const SECONDS: u32 = 1;
const CLIENTS: [u32; 2] = [1, 8];
/// A peer must listen within this.
const START_LIMIT: Duration = Duration::from_secs(5);
/// Wanted: added latency at most this many times HAProxy's, throughput at least this share of HAProxy's.
const WANTED: (f64, f64) = (1.5, 0.95);
/// User and group `nobody`.
const NOBODY: u32 = 65_534;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // Without `cargo bench` the question is only whether it works.
    let measures = std::env::args().any(|word| word == "--bench");
    let rounds = if measures { setting("WIRE_PROXY_ROUNDS")?.map_or(ROUNDS, |rounds| rounds as usize) } else { 1 };
    let runtime = tokio::runtime::Runtime::new()?;
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    let server = runtime.block_on(Server::start(&options, None))?;
    let measured = measure(&runtime, &server, rounds);
    runtime.block_on(server.stop())?;
    let text = measured?;
    println!("\n{text}");
    std::fs::create_dir_all("target/chaos/bench")?;
    Ok(std::fs::write("target/chaos/bench/wire_proxy.md", &text)?)
}

/// A whole number from the environment.
fn setting(name: &str) -> Result<Option<u32>, Failure> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text.parse().map_err(|_| format!("{name}: cannot read `{text}`"))?)),
        Err(_) => Ok(None),
    }
}

fn measure(runtime: &tokio::runtime::Runtime, server: &Server, rounds: usize) -> Result<String, Failure> {
    let admin = server.admin("postgres");
    let password = format!("{:016x}", rand::random::<u64>());
    runtime.block_on(async {
        let mut connection = PgConnection::connect_with(&admin).await?;
        let role = format!("CREATE ROLE bench LOGIN SUPERUSER PASSWORD '{password}'");
        connection.execute(sqlx::raw_sql(AssertSqlSafe(role))).await?;
        connection.close().await
    })?;
    let folder = tempfile::tempdir()?;
    let stand = Stand { folder: folder.path(), server: admin.get_port(), password };
    stand.pgbench(stand.server, &["-i", "-q", "-s", "10"])?;

    let mut ways = vec![Way { name: "direct", port: stand.server, _peer: None }, stand.own_proxy()?];
    for peer in [stand.haproxy(), stand.pgbouncer()] {
        match peer {
            Ok(way) => ways.push(way),
            Err(why) => println!("left out: {why}"),
        }
    }
    let mut text = format!(
        "# What the fault proxy costs without a rule\n\n{}, {} processors. `pgbench -M prepared -S -s 10` over TCP; \
         {rounds} rounds of {SECONDS} s in which the ways take turns; medians over the rounds. Command: `cargo bench \
         --bench wire_proxy`.\n",
        format_args!("PostgreSQL {}", server.version()),
        std::thread::available_parallelism()?,
    );
    let clients = setting("WIRE_PROXY_CLIENTS")?.map_or(CLIENTS.to_vec(), |clients| vec![clients]);
    for clients in clients {
        let mut samples: Vec<Vec<Sample>> = ways.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            for place in 0..ways.len() {
                // Nobody is always first.
                let place = (place + round) % ways.len();
                let sample = stand.sample(ways[place].port, clients)?;
                println!(
                    "{clients} clients, round {}: {}: p50 {:.0} us, {:.0}/s",
                    round + 1,
                    ways[place].name,
                    sample.p50_us,
                    sample.per_s
                );
                samples[place].push(sample);
            }
        }
        table(&mut text, clients, &ways, &samples)?;
    }
    Ok(text)
}

/// A way to the server.
struct Way {
    name: &'static str,
    port: u16,
    _peer: Option<Peer>,
}

/// Ends with what it is part of.
enum Peer {
    Process(Child),
    Thread(#[expect(dead_code, reason = "its end is what tells the thread to end")] mpsc::Sender<()>),
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Peer::Process(child) = self {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One run of pgbench.
#[derive(Clone, Copy)]
struct Sample {
    p50_us: f64,
    p99_us: f64,
    per_s: f64,
}

struct Stand<'a> {
    folder: &'a Path,
    server: u16,
    password: String,
}

impl Stand<'_> {
    fn pgbench(&self, port: u16, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new("pgbench");
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "bench"]).args(arguments).arg("postgres");
        command.env("PGPASSWORD", &self.password).env("PGSSLMODE", "disable").current_dir(self.folder);
        let output = command.stdin(Stdio::null()).output()?;
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout)?),
            false => Err(format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }

    fn sample(&self, port: u16, clients: u32) -> Result<Sample, Failure> {
        let (clients, seconds) = (clients.to_string(), SECONDS.to_string());
        let log = self.folder.join("log");
        let prefix = format!("--log-prefix={}", log.display());
        let arguments = ["-n", "-M", "prepared", "-S", "-c", &clients, "-j", "1", "-T", &seconds, "-l", &prefix];
        let said = self.pgbench(port, &arguments)?;
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        if !said.contains("number of failed transactions: 0") {
            return Err(format!("transactions failed: {said}").into());
        }
        let mut latencies: Vec<f64> = Vec::new();
        for entry in std::fs::read_dir(self.folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("log.") {
                let text = std::fs::read_to_string(entry.path())?;
                latencies.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok()));
                std::fs::remove_file(entry.path())?;
            }
        }
        if latencies.is_empty() {
            return Err("pgbench wrote no latencies".into());
        }
        let at = |share| percentile(&latencies, share);
        Ok(Sample { p50_us: at(0.5), p99_us: at(0.99), per_s: rate.ok_or("pgbench says no rate")? })
    }

    /// The proxy as `tenant-chaos proxy` runs it: on threads of its own.
    fn own_proxy(&self) -> Result<Way, Failure> {
        let (stop, stopped) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let upstream = Upstream::Tcp("127.0.0.1".into(), self.server);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let proxy = Proxy::start(ProxyOptions::new(upstream).with_threads_of_its_own())
                    .await
                    .map_err(std::io::Error::other)?;
                // Nobody listens only if the bench is ending.
                let _ = tell.send(proxy.address().port());
                tokio::task::spawn_blocking(move || stopped.recv()).await.ok();
                proxy.stop().await;
                std::io::Result::Ok(())
            })
        });
        let port = told.recv_timeout(START_LIMIT)?;
        Ok(Way { name: "tenant-chaos proxy", port, _peer: Some(Peer::Thread(stop)) })
    }

    fn haproxy(&self) -> Result<Way, Failure> {
        let port = free_port()?;
        let configuration = format!(
            "global\n  maxconn 256\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server \
             60s\nlisten pg\n  bind 127.0.0.1:{port}\n  server pg 127.0.0.1:{}\n",
            self.server
        );
        let file = self.write("haproxy.cfg", &configuration)?;
        self.start("HAProxy (TCP mode)", &["haproxy", "-db", "-f", &file], port)
    }

    fn pgbouncer(&self) -> Result<Way, Failure> {
        let port = free_port()?;
        let users = self.write("users.txt", &format!("\"bench\" \"{}\"\n", self.password))?;
        let configuration = format!(
            "[databases]\npostgres = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = \
             {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {users}\npool_mode = session\n",
            self.server
        );
        let file = self.write("pgbouncer.ini", &configuration)?;
        self.start("PgBouncer (session mode)", &["pgbouncer", "-q", &file], port)
    }

    fn write(&self, name: &str, text: &str) -> Result<String, Failure> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)?;
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY))?;
            chown(self.folder, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(path.display().to_string())
    }

    /// Starts a peer, not as root, and waits until it listens.
    fn start(&self, name: &'static str, words: &[&str], port: u16) -> Result<Way, Failure> {
        let find = |folder: &str| Path::new(folder).join(words[0]).is_file();
        let path = std::env::var("PATH")?;
        let folder = path.split(':').chain(["/usr/sbin"]).find(|folder| find(folder));
        let program = Path::new(folder.ok_or(format!("{name}: not on this machine"))?).join(words[0]);
        let mut command = Command::new(program);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut peer = Peer::Process(command.spawn()?);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Peer::Process(child) = &mut peer
                && let Some(status) = child.try_wait()?
            {
                return Err(format!("{name}: ended while starting ({status})").into());
            }
            if begun.elapsed() > START_LIMIT {
                return Err(format!("{name}: does not listen within {START_LIMIT:?}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Way { name, port, _peer: Some(peer) })
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn table(text: &mut String, clients: u32, ways: &[Way], samples: &[Vec<Sample>]) -> std::fmt::Result {
    let of = |place: usize, value: fn(&Sample) -> f64| -> Vec<f64> { samples[place].iter().map(value).collect() };
    // Beside the direct connection, round by round.
    let added = |place: usize, value: fn(&Sample) -> f64| -> Vec<f64> {
        of(place, value).iter().zip(of(0, value)).map(|(way, direct)| way - direct).collect()
    };
    writeln!(text, "\n## {clients} client{}\n", if clients == 1 { "" } else { "s" })?;
    writeln!(text, "| way | p50 | p99 | added p50 | added p99 | rate | of direct |")?;
    writeln!(text, "|---|---:|---:|---:|---:|---:|---:|")?;
    for (place, way) in ways.iter().enumerate() {
        writeln!(
            text,
            "| {} | {:.0} us | {:.0} us | {:.0} us | {:.0} us | {:.0}/s | {:.2} |",
            way.name,
            median(&of(place, |sample| sample.p50_us)),
            median(&of(place, |sample| sample.p99_us)),
            median(&added(place, |sample| sample.p50_us)),
            median(&added(place, |sample| sample.p99_us)),
            median(&of(place, |sample| sample.per_s)),
            Ratio::of_rounds(&of(place, |sample| sample.per_s), &of(0, |sample| sample.per_s)).median,
        )?;
    }
    let place_of = |start: &str| ways.iter().position(|way| way.name.starts_with(start));
    let (Some(own), Some(haproxy)) = (place_of("tenant-chaos"), place_of("HAProxy")) else {
        return writeln!(text, "\nHAProxy was left out, so the reach cannot be told.");
    };
    let [ours, theirs] = [own, haproxy].map(|place| added(place, |sample| sample.p50_us));
    // In a round in which HAProxy adds nothing that can be measured, no multiple of it would be too little.
    let theirs: Vec<f64> = theirs.into_iter().map(|added| added.max(0.0)).collect();
    let latency = Ratio::of_rounds(&ours, &theirs);
    let throughput = Ratio::of_rounds(&of(own, |sample| sample.per_s), &of(haproxy, |sample| sample.per_s));
    let (most, least) = WANTED;
    for (what, ratio, wanted, reach) in [
        ("added p50", latency, format!("at most {most}"), Reach::at_most(&latency, most)),
        ("throughput", throughput, format!("at least {least}"), Reach::at_least(&throughput, least)),
    ] {
        let Ratio { median, low, high, rounds } = ratio;
        writeln!(
            text,
            "\nAgainst HAProxy, {what}: {median:.2} times ({low:.2} to {high:.2} with 95% confidence, {rounds} rounds); \
             wanted {wanted}: {}.",
            reach.word()
        )?;
    }
    Ok(())
}
