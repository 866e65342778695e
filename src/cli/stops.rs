//! The signals that end a command in an orderly way.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Exit;
use super::output::CliError;
use crate::stack::Server;

/// Interrupt, SIGTERM and SIGHUP, from now on.
pub(super) struct Stops([Signal; 3]);

impl Stops {
    pub(super) fn new() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(CliError::io("listen for signals"));
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }

    /// What the work gives, unless a signal comes first: the work is then dropped, with whatever it has started.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CliError> {
        tokio::select! {
            result = work => Ok(result),
            () = self.next() => Err(CliError::Interrupted),
        }
    }

    /// Stops a throw-away server. Returns whether nothing is left of it; what is, is said, and does not undo what was
    /// found. Another signal ends the program at once.
    pub(super) async fn stop(&mut self, server: &Server) -> bool {
        let stopped = tokio::select! {
            stopped = server.stop() => stopped,
            () = self.next() => {
                eprintln!("ended; `tenant-chaos clean` removes what is left");
                std::process::exit(Exit::Trouble.code().into());
            }
        };
        if let Err(left) = &stopped {
            eprintln!("clean-up: {left}; run `tenant-chaos clean`");
        }
        stopped.is_ok()
    }
}
