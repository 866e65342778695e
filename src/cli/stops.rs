//! The signals that end a command in an orderly way.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Exit;
use super::output::CliError;
use crate::stack::{Server, StackError};

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

    /// Stops a server. Another signal ends the program at once.
    pub(super) async fn stop(&mut self, server: &Server) -> Result<(), StackError> {
        tokio::select! {
            result = server.stop() => result,
            () = self.next() => {
                eprintln!("ended; `tenant-chaos clean` removes what is left");
                std::process::exit(Exit::Trouble.code().into());
            }
        }
    }
}
