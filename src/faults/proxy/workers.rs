//! Threads of the proxy's own. Each serves the connections that it was given on a runtime of one thread, so that a
//! connection never moves and nothing is handed from thread to thread.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Running threads, which end when this is dropped.
#[derive(Debug)]
pub(super) struct Workers {
    handles: Vec<Handle>,
    next: AtomicUsize,
    _stop: DropGuard,
}

impl Workers {
    /// So many threads; with none everything stays on the caller's runtime.
    ///
    /// # Errors
    /// The system's word, if it has no thread or no event queue left.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let _stop = stop.clone().drop_guard();
        let handles = (0..threads).map(|_| start(stop.clone())).collect::<io::Result<_>>()?;
        Ok(Self { handles, next: AtomicUsize::new(0), _stop })
    }

    /// Whose turn it is.
    pub(super) fn next(&self) -> Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        match self.handles.len() {
            0 => Handle::current(),
            threads => self.handles[turn % threads].clone(),
        }
    }
}

fn start(stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new().name("proxy".to_owned()).spawn(move || runtime.block_on(stop.cancelled()))?;
    Ok(handle)
}
