//! The proxy: a listening socket, and a task for each connection, all of which end with it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::judge::Judge;
use super::relay::serve;
use super::rule::Rule;
use super::rules::{RuleGuard, Rules};
use super::session::{Encryption, Shared};
use super::socket::{Socket, Upstream};
use super::workers::Workers;

/// Connections at a time; one more is reset.
const MAX_CONNECTIONS: usize = 8_192;
/// Threads of its own at most: beyond that the server is what is short of processors.
const MAX_THREADS: usize = 8;
/// After a failure to accept (no descriptors left) it tries again this much later.
const RETRY: Duration = Duration::from_millis(20);

/// How far away clients may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// On this machine.
    #[default]
    Loopback,
    /// Anywhere: whoever reaches the address reaches the server.
    Anywhere,
}

/// How to start a proxy.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether that may be reached from elsewhere.
    pub reach: Reach,
    /// The server.
    pub upstream: Upstream,
    /// The setting that holds the tenant context.
    pub setting: String,
    /// What becomes of requests for encryption.
    pub encryption: Encryption,
    /// Judges the rows that cross.
    pub judge: Option<Arc<Judge>>,
    /// Root of what rules draw.
    pub seed: u64,
    /// Threads of its own that serve connections; with none they are served on the runtime of the caller.
    pub threads: usize,
}

impl ProxyOptions {
    /// With a thread of its own for each processor, up to a limit: for a proxy that does nothing but relay. A single one
    /// waits for its turn on a busy machine, and every connection with it.
    #[must_use]
    pub fn with_threads_of_its_own(self) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads: processors.min(MAX_THREADS), ..self }
    }

    /// A free port of this machine, in front of a server; the context is `app.tenant_id`, nothing is judged.
    pub fn new(upstream: Upstream) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            reach: Reach::Loopback,
            upstream,
            setting: "app.tenant_id".to_owned(),
            encryption: Encryption::Refuse,
            judge: None,
            seed: 0,
            threads: 0,
        }
    }
}

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address can be reached from elsewhere, and nobody said that it may.
    #[error("{0} can be reached from other machines")]
    NotLoopback(SocketAddr),
    /// The system's word.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system's word.
    #[error("start the proxy's threads")]
    Threads(#[source] io::Error),
}

/// A running proxy. It ends when it is dropped, and every connection with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    rules: Arc<Rules>,
    open: Arc<AtomicUsize>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on the runtime of the caller, and serves there or on threads of its own.
    ///
    /// # Errors
    /// [`ProxyError::NotLoopback`] if the address can be reached from elsewhere without leave.
    pub async fn start(options: ProxyOptions) -> Result<Self, ProxyError> {
        let address = options.listen;
        if options.reach == Reach::Loopback && !address.ip().is_loopback() {
            return Err(ProxyError::NotLoopback(address));
        }
        let failed = |source| ProxyError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let rules = Rules::new(options.seed);
        let shared = Shared {
            rules: rules.clone(),
            setting: options.setting.into(),
            encryption: options.encryption,
            judge: options.judge,
        };
        let workers = Workers::start(options.threads).map_err(ProxyError::Threads)?;
        let (cancel, open) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let task =
            tokio::spawn(accept(listener, workers, options.upstream.into(), shared, open.clone(), cancel.clone()));
        Ok(Self { address, rules, open, cancel, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a rule in force until its guard is dropped.
    pub fn install(&self, rule: Rule) -> RuleGuard {
        self.rules.install(rule)
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Ends every connection and stops listening, and waits for that.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        // It ends by itself; a panic in it has been reported where it happened.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    workers: Workers,
    upstream: Arc<Upstream>,
    shared: Shared,
    open: Arc<AtomicUsize>,
    cancel: CancellationToken,
) {
    // Dropping it ends every connection's task.
    let mut connections = JoinSet::new();
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => accepted.map(|(stream, _)| stream),
            Some(_) = connections.join_next() => continue,
            () = cancel.cancelled() => break,
        };
        match client {
            Ok(client) if connections.len() >= MAX_CONNECTIONS => Socket::Tcp(client).reset(),
            Ok(client) => {
                let (upstream, shared, here) = (upstream.clone(), shared.clone(), Here::of(&open));
                let work = async move {
                    // It is registered with the runtime that accepted it, and may be served by another.
                    match client.into_std().and_then(TcpStream::from_std).and_then(Socket::of) {
                        Ok(client) => serve(client, &upstream, shared).await,
                        Err(error) => tracing::warn!(%error, "a connection cannot be served"),
                    }
                    drop(here);
                };
                connections.spawn_on(work, &workers.next());
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Counts a connection as long as it is open.
struct Here(Arc<AtomicUsize>);

impl Here {
    fn of(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open.clone())
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
