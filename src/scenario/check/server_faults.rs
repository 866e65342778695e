//! `server.*`, and what such faults need of the stack.

use std::time::Duration;

use super::faults::Found;
use super::{Known, length, place};
use crate::diagnostics::Problems;
use crate::scenario::model::FaultAction;
use crate::scenario::quantity::MAX_TIME;
use crate::scenario::server_fault::ServerFault;
use crate::scenario::vocabulary::ServerUse;
use crate::scenario::wire::{self, Entry, Length};

/// Shortest pause between two strokes of a fault that strikes again and again.
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) fn server(wire: &wire::ServerFaults, found: &mut Found, problems: &mut Problems) {
    let add = |fault: Option<ServerFault>| fault.map(FaultAction::Server);
    found.add(&wire.terminate, |fault| add(Some(ServerFault::Terminate { every: every(&fault.every, problems)? })));
    found.add(&wire.kill, |_| add(Some(ServerFault::Kill)));
    found.add(&wire.pause, |_| add(Some(ServerFault::Pause)));
    found.add(&wire.cut_network, |_| add(Some(ServerFault::CutNetwork)));
    found.add(&wire.fill_disk, |_| add(Some(ServerFault::FillDisk)));
    found.add(&wire.shrink_connections, |fault| {
        add(Some(ServerFault::ShrinkConnections { to: fault.to.get()?.0 as u32 }))
    });
    found.add(&wire.long_transaction, |_| add(Some(ServerFault::LongTransaction)));
    found.add(&wire.checkpoint_storm, |fault| {
        add(Some(ServerFault::CheckpointStorm { every: every(&fault.every, problems)? }))
    });
    found.add(&wire.replica_lag, |fault| {
        let by = length("by", &fault.by, SHORTEST, MAX_TIME, problems);
        add(Some(ServerFault::ReplicaLag { by: by? }))
    });
    found.add(&wire.replica_cut, |_| add(Some(ServerFault::ReplicaCut)));
    found.add(&wire.failover, |_| add(Some(ServerFault::Failover)));
}

fn every(entry: &Entry<Length>, problems: &mut Problems) -> Option<Duration> {
    length("every", entry, SHORTEST, MAX_TIME, problems)
}

/// A fault that stops the server must not stop other scenarios; one that fills a volume, or is about a replica, needs it.
pub(super) fn fitting(wire: &wire::Fault, action: &FaultAction, known: &Known, problems: &mut Problems) {
    let name = action.name();
    match action {
        FaultAction::Server(fault) => {
            let at = place(&wire.server);
            if fault.needs_own() && known.server.is_some_and(|server| server != ServerUse::Own) {
                let message = format!("`{name}` stops or changes the server, and others may be on it");
                problems.at(at, message).help("write stack.server = \"own\"");
            } else if fault.needs_replica() && known.replica == Some(false) {
                problems
                    .at(at, format!("`{name}` is about a replica, and there is none"))
                    .help("write stack.replica = \"async\", or \"sync\"");
            } else if *fault == ServerFault::FillDisk && known.disk == Some(false) {
                problems
                    .at(at, format!("`{name}` fills a volume, and the database lies on none of its own"))
                    .help("write stack.disk = \"64MiB\"");
            } else if matches!(fault, ServerFault::CheckpointStorm { .. }) && known.server == Some(ServerUse::Shared) {
                problems
                    .at(at, format!("`{name}` is felt by everybody on the server"))
                    .help("write stack.server = \"alone\", or \"own\"");
            }
        }
        FaultAction::Operator(fault) if fault.changes_roles() && known.server == Some(ServerUse::Shared) => {
            let message = format!("`{name}` changes a role, which scenarios on one server share");
            problems.at(place(&wire.operator), message).help("write stack.server = \"alone\", or \"own\"");
        }
        _ => {}
    }
}
