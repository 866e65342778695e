//! Which provider can do what. A scenario that asks a provider for what it cannot do is not run there, and is said so.

use super::model::{FaultAction, Scenario};
use super::operator_fault::OperatorFault;
use super::server_fault::ServerFault;
use super::vocabulary::ServerUse;

/// The providers, as reports name them.
pub const PROVIDERS: [&str; 3] = ["local", "docker", "external"];

const NOT_OURS: &str = "the server belongs to somebody else";
const NO_CONTAINER: &str = "the server is in no container; network.blackhole does the same on the wire";

impl FaultAction {
    /// Why a provider cannot do this; `None` if it can.
    pub fn cannot_on(&self, provider: &str) -> Option<&'static str> {
        match (self, provider) {
            (FaultAction::Server(fault), "external") if fault.needs_own() => Some(NOT_OURS),
            (FaultAction::Operator(OperatorFault::GrantBypassrls), "external") => {
                Some("a role belongs to the whole server, which belongs to somebody else")
            }
            (FaultAction::Server(ServerFault::CheckpointStorm { .. }), "external") => Some(NOT_OURS),
            (FaultAction::Server(ServerFault::CutNetwork), "local") => Some(NO_CONTAINER),
            _ => None,
        }
    }
}

impl Scenario {
    /// Why this scenario cannot run with a provider, as a clause; `None` if it can.
    pub fn cannot_run_on(&self, provider: &str) -> Option<String> {
        let fault = self.faults.iter().find_map(|fault| {
            let why = fault.action.cannot_on(provider)?;
            Some(format!("{provider} cannot do {}: {why}", fault.action.name()))
        });
        let own = || {
            let wanted = self.stack.server == ServerUse::Own && provider == "external";
            wanted.then(|| format!("{provider} cannot give it a server of its own: {NOT_OURS}"))
        };
        fault.or_else(own)
    }

    /// The providers that it can run with.
    pub fn runs_on(&self) -> Vec<&'static str> {
        PROVIDERS.into_iter().filter(|provider| self.cannot_run_on(provider).is_none()).collect()
    }
}
