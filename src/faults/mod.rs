//! What goes wrong: one file per fault, a schedule, and an undo that runs on every way out.
//!
//! A fault is a value: [`Fault::inject`] makes it take effect, [`Fault::heal`] undoes it, verifies that it is undone
//! and says what it touched. Its undo is registered before it is injected (see [`Conductor`]); dropping a fault undoes
//! what can be undone without waiting. To add a fault, write one file and name it in [`build`].

mod conductor;
mod context;
mod examples;
mod flood;
mod heavy;
mod hold;
mod leak;
mod lock;
mod operator;
mod pooler;
pub mod proxy;
mod reference;
mod server;
mod storm;
mod trigger;
mod wire;

pub use conductor::{Conductor, FaultEvent};
pub use examples::{EXAMPLES, Example};
pub use reference::reference;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;

use crate::load::{Executor, LoadPlan};
use crate::scenario::{Fault as FaultSpec, FaultAction, OperatorFault, ServerFault};
use crate::stack::{Control, Pooler};

/// What a fault works on.
#[derive(Clone)]
pub struct Target {
    /// The running load, its tenant runtime and clock.
    pub executor: Arc<Executor>,
    /// The load's plan.
    pub plan: Arc<LoadPlan>,
    /// How the application connects.
    pub connect: PgConnectOptions,
    /// How the administrator connects to the scenario's database.
    pub admin: PgConnectOptions,
    /// When the inject phase starts, from the start of the run.
    pub inject_from: Duration,
    /// The rules of the proxy between the application and the server, if there is one.
    pub wire: Option<Arc<proxy::Rules>>,
    /// The server, if it was started for this scenario alone.
    pub control: Option<Control>,
    /// The pooler between the application and the server, if there is one.
    pub pooler: Option<Arc<Pooler>>,
}

/// What a fault did, known once it is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healed {
    /// In the fault's own unit.
    pub touched: u64,
    /// Such as `transactions`.
    pub unit: &'static str,
    /// Why the undo could not be verified; `None` if it was.
    pub problem: Option<String>,
}

/// Something that goes wrong for a while.
pub trait Fault: Send {
    /// Makes it take effect. An error means that it could not, which is the harness's trouble.
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>>;

    /// Undoes it and verifies that it is undone. May be called without [`Self::inject`] and more than once.
    fn heal(&mut self) -> BoxFuture<'_, Healed>;

    /// How long its injection, or its undo, may take before it is given up and reported. The deadline of a request comes
    /// on top, since some undos wait for requests under way.
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// The fault of a scenario, not yet injected.
pub fn build(spec: &FaultSpec, seed: u64, scenario: &str, target: &Target) -> Result<Box<dyn Fault>, String> {
    let trigger = || trigger::Trigger::of(spec, seed, scenario);
    let aggressor = || {
        let slug = spec.action.aggressor().ok_or("the fault has no aggressor")?;
        target.executor.directory().find(slug).cloned().ok_or_else(|| format!("the fleet has no tenant {slug}"))
    };
    let from = target.inject_from + spec.at;
    let until = from + spec.lasts;
    Ok(match &spec.action {
        FaultAction::ContextDrop { leaves, layer } => {
            Box::new(context::ContextDrop::new(spec.index, *leaves, *layer, trigger(), target))
        }
        FaultAction::PoolHold { connections } => {
            Box::new(hold::PoolHold::new(*connections, hold::Posture::Idle, target))
        }
        FaultAction::PoolIdleInTransaction { connections } => {
            Box::new(hold::PoolHold::new(*connections, hold::Posture::InTransaction, target))
        }
        FaultAction::PoolLeak => Box::new(leak::PoolLeak::new(trigger(), target)),
        FaultAction::PoolStorm { clients } => Box::new(storm::PoolStorm::new(*clients, target)),
        FaultAction::PoolerRestart { down } => {
            let pooler = target.pooler.clone().ok_or("there is no pooler between the application and the server")?;
            Box::new(pooler::PoolerRestart::new(pooler, *down))
        }
        FaultAction::FloodRate { times, .. } => {
            let arrivals = target.plan.flood(spec.index, aggressor()?.index, *times, from, until);
            Box::new(flood::FloodRate::new(arrivals, target))
        }
        FaultAction::FloodHeavy { clients, .. } => Box::new(heavy::FloodHeavy::new(aggressor()?, *clients, target)),
        FaultAction::FloodLock { hold, .. } => Box::new(lock::FloodLock::new(aggressor()?, *hold, target)),
        FaultAction::Server(fault) => server::build(*fault, target)?,
        FaultAction::Operator(fault) => Box::new(operator::OperatorMistake::new(*fault, target)),
        FaultAction::Wire(fault) => {
            let rules = target.wire.clone().ok_or("there is no proxy between the application and the server")?;
            Box::new(wire::OnTheWire::new(spec.index, rules, proxy::Rule::of(fault, &spec.when), target))
        }
    })
}

/// How a fault is undone, and how that is verified; for those who want to know before it is injected.
pub fn undo_of(action: &FaultAction) -> &'static str {
    match action {
        FaultAction::ContextDrop { .. } => "the hook is taken out of the tenant runtime; checked that none is left",
        FaultAction::PoolHold { .. } => "the held connections go back to the pool",
        FaultAction::PoolIdleInTransaction { .. } => "the transactions are rolled back, their connections go back",
        FaultAction::PoolLeak => "the connections that were kept go back to the pool",
        FaultAction::PoolStorm { .. } => "the connectors are stopped and their connections closed",
        FaultAction::PoolerRestart { .. } => "the pooler is started again if it is down; checked that it answers",
        FaultAction::FloodRate { .. } => "the flood's arrivals stop; requests under way end or reach their deadline",
        FaultAction::FloodHeavy { .. } => {
            "no heavy query is sent any more; one under way runs on until it ends or its timeout"
        }
        FaultAction::FloodLock { .. } => {
            "its transaction is rolled back, which releases the lock, as soon as the server gets to it"
        }
        FaultAction::Server(fault) => undo_of_server_fault(*fault),
        FaultAction::Operator(OperatorFault::GrantBypassrls) => {
            "the attribute is taken from the role and its connections are opened anew; checked that the catalogue is as before"
        }
        FaultAction::Operator(_) => "put back in one transaction; checked that what it changed is as it was before",
        FaultAction::Wire(_) => "the rule is taken out of the proxy; checked that it is gone",
    }
}

fn undo_of_server_fault(fault: ServerFault) -> &'static str {
    match fault {
        ServerFault::Terminate { .. } => "the strokes stop; the application replaces what it lost when it needs it",
        ServerFault::CheckpointStorm { .. } => "the checkpoints stop",
        ServerFault::LongTransaction => "its transaction ends; checked that a vacuum removes every dead row",
        ServerFault::Kill => "the server is started again, through crash recovery; checked that it is in no recovery",
        ServerFault::Pause => "every process goes on; checked that the server answers",
        ServerFault::CutNetwork => {
            "the container joins its network again; checked that the server answers and is in no recovery"
        }
        ServerFault::FillDisk => "the ballast is removed; checked that it is gone",
        ServerFault::ShrinkConnections { .. } => {
            "the setting is reset and the server restarted; checked that `max_connections` is as before"
        }
        ServerFault::ReplicaLag { .. } => "the delay is reset; checked that the replica has none",
        ServerFault::ReplicaCut => "the replica is told its primary again; checked that it streams, or was promoted",
        ServerFault::Failover => {
            "the old primary stays dead and goes with its scenario; checked that the new one is in no recovery"
        }
    }
}
