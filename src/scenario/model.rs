//! The checked scenario: what the rest of the program works with.
//!
//! Only [`crate::scenario::load`] and [`crate::scenario::parse`] make one, so past this type nothing re-checks: names
//! are plain file names, shares lie in 0..=1, durations and rates are finite, faults lie inside their phase, tenants
//! exist in the fleet, and every expectation can be evaluated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::vocabulary::{ContextLayer, ContextResidue, Defect, Layer, Operation, Pooler, ServerUse, StatementKind};
use super::wire_fault::WireFault;
pub use crate::business_metrics::Tier;

/// One scenario file, checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Unique name, usable as a file name: `[a-z0-9][a-z0-9-]{0,63}`.
    pub name: String,
    /// Why it exists, what is expected and how not to misread it.
    pub why: String,
    /// Labels to filter by.
    pub tags: BTreeSet<String>,
    /// The family, the folder that the file lies in (`isolation`, `pool`, `flood`).
    pub family: String,
    /// Root seed; each actor derives its own stream from it.
    pub seed: u64,
    /// Where it happens.
    pub stack: StackSpec,
    /// Whom it happens to.
    pub fleet: Fleet,
    /// Who asks, how often and for what.
    pub load: Load,
    /// How long each phase lasts.
    pub phases: Phases,
    /// What goes wrong; all of it inside the inject phase.
    pub faults: Vec<Fault>,
    /// What must hold.
    pub expect: Expect,
    /// What ends the run early.
    pub stop: Stop,
    /// The business that the observed shares are scaled to.
    pub business: Business,
    /// Where the scenario came from.
    pub source: Source,
}

/// The text that a scenario was read from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as the user named it.
    pub path: PathBuf,
    /// The TOML text.
    pub text: String,
}

/// What the scenario needs of its server and of the tenant runtime.
#[derive(Debug, Clone, PartialEq)]
pub struct StackSpec {
    /// Wanted PostgreSQL major version (`"17"`); `None` takes what the provider has.
    pub postgres: Option<String>,
    /// The application's connection pool.
    pub pool: PoolSpec,
    /// What stands between that pool and the server.
    pub pooler: PoolerSpec,
    /// Layers of defence that are on.
    pub defence: BTreeSet<Layer>,
    /// Bugs that are planted.
    pub defects: BTreeSet<Defect>,
    /// Whether the server may be shared with scenarios that run at the same time.
    pub server: ServerUse,
}

/// The application's pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSpec {
    /// Connections at most.
    pub size: u32,
    /// How long a request waits for a connection before it fails.
    pub acquire_timeout: Duration,
    /// Most connections that one tier may hold at a time, as shares of `size` (0..=1]; a tier that is not named may
    /// hold all of them. Ignored under [`Defect::NoBulkhead`].
    pub bulkheads: BTreeMap<Tier, f64>,
}

/// What stands between the application's pool and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolerSpec {
    /// Which one.
    pub kind: Pooler,
    /// Server connections that it opens at most.
    pub size: u32,
    /// How long it lets a client wait for one of them before it ends the client's connection (`query_wait_timeout`).
    pub wait: Duration,
}

impl PoolerSpec {
    /// Server connections that a pooler opens for an application's pool of `pool` connections where nothing else is
    /// said. In session mode a client that leaves and its successor overlap, so there are two for each.
    pub fn usual_size(kind: Pooler, pool: u32) -> u32 {
        match kind {
            Pooler::PgbouncerSession => pool.saturating_mul(2),
            Pooler::PgbouncerTransaction | Pooler::None => pool,
        }
    }
}

/// The tenants that are seeded. At least two in all, at least one row each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fleet {
    /// Tenants of tier starter.
    pub starter: u32,
    /// Tenants of tier growth.
    pub growth: u32,
    /// Tenants of tier enterprise.
    pub enterprise: u32,
    /// Documents per tenant; the other tables follow (see `stack::fleet`).
    pub rows_per_tenant: u32,
}

impl Fleet {
    /// Tenants in all.
    pub fn tenants(&self) -> u32 {
        self.starter + self.growth + self.enterprise
    }

    /// Tenants of one tier.
    pub fn of(&self, tier: Tier) -> u32 {
        match tier {
            Tier::Starter => self.starter,
            Tier::Growth => self.growth,
            Tier::Enterprise => self.enterprise,
        }
    }
}

/// One tenant of the fleet, written `"enterprise-1"` (ordinals count from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct TenantSlug {
    /// Its tier.
    pub tier: Tier,
    /// Its place within the tier, from 1.
    pub ordinal: u32,
}

impl fmt::Display for TenantSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.tier, self.ordinal)
    }
}

impl From<TenantSlug> for String {
    fn from(slug: TenantSlug) -> String {
        slug.to_string()
    }
}

impl TryFrom<String> for TenantSlug {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for TenantSlug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("`{text}` is no tenant: write a tier and a number from 1, such as `enterprise-1`");
        let (tier, ordinal) = text.rsplit_once('-').ok_or_else(wanted)?;
        let tier = Tier::ALL.into_iter().find(|t| t.name() == tier).ok_or_else(wanted)?;
        let ordinal = ordinal.parse().ok().filter(|n| *n > 0).ok_or_else(wanted)?;
        Ok(TenantSlug { tier, ordinal })
    }
}

/// The load.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Open or closed loop.
    pub shape: LoadShape,
    /// What is asked for.
    pub mix: Mix,
    /// Exponent of the Zipf law by which tenants are drawn within the fleet; 0 draws all alike.
    pub skew: f64,
    /// A request's deadline; it is cancelled after that and counted as an error of kind `timeout`.
    pub timeout: Duration,
    /// Requests in flight at most; an arrival beyond that is dropped and counted.
    pub max_in_flight: u32,
    /// How often a client sends a write again whose connection was lost before it was acknowledged.
    pub retries: u32,
}

/// How requests arrive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadShape {
    /// Arrivals do not wait for answers: a Poisson process.
    Open {
        /// Requests per second.
        rate_per_s: f64,
    },
    /// Each client sends its next request when it has its answer.
    Closed {
        /// Concurrent clients.
        clients: u32,
    },
}

/// Relative weights of the operations; at least one is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix {
    /// Point and range reads of documents.
    pub read: u32,
    /// Inserts of orders, acknowledged after COMMIT.
    pub write: u32,
    /// The aggregate report and the tenant view.
    pub report: u32,
}

/// Lengths of the phases. The verify phase lasts as long as its checks take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Steady state, no fault.
    pub baseline: Duration,
    /// Faults come and go.
    pub inject: Duration,
    /// All faults healed, load goes on.
    pub recover: Duration,
}

/// A phase of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Steady state.
    Baseline,
    /// Faults.
    Inject,
    /// After the faults.
    Recover,
    /// Load has ended; the ledger is compared with the database.
    Verify,
}

impl Phase {
    /// The name as scenarios spell it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Baseline => "baseline",
            Phase::Inject => "inject",
            Phase::Recover => "recover",
            Phase::Verify => "verify",
        }
    }
}

/// One fault of the schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Place in the file, from 0.
    pub index: usize,
    /// What it does.
    pub action: FaultAction,
    /// Which requests it touches, for faults that touch requests.
    pub when: Trigger,
    /// From the start of the inject phase.
    pub at: Duration,
    /// How long; `at + lasts` lies inside the inject phase.
    pub lasts: Duration,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultAction {
    /// `context.drop`: the statement that sets the tenant context is lost or altered.
    ContextDrop {
        /// What the connection is left with.
        leaves: ContextResidue,
        /// Where the context is lost.
        layer: ContextLayer,
    },
    /// `pool.hold`: connections are taken from the application's pool and kept.
    PoolHold {
        /// How many.
        connections: u32,
    },
    /// `pool.leak`: requests touched by the trigger never return their connection until the fault is healed.
    PoolLeak,
    /// `pool.storm`: this many new connections are opened and closed in a loop, straight to the server.
    PoolStorm {
        /// Concurrent connectors.
        clients: u32,
    },
    /// `pool.idle-in-transaction`: pool connections sit in an open transaction that has read a row.
    PoolIdleInTransaction {
        /// How many.
        connections: u32,
    },
    /// `pooler.restart`: the pooler is killed, and started again.
    PoolerRestart {
        /// How long it is gone.
        down: Duration,
    },
    /// `flood.rate`: one tenant asks at k times its own baseline rate, open loop.
    FloodRate {
        /// The aggressor.
        tenant: TenantSlug,
        /// The factor, over 1.
        times: f64,
    },
    /// `flood.heavy`: one tenant runs heavy queries back to back.
    FloodHeavy {
        /// The aggressor.
        tenant: TenantSlug,
        /// Concurrent heavy queries.
        clients: u32,
    },
    /// `flood.lock`: one tenant holds a lock that others wait for.
    FloodLock {
        /// The aggressor.
        tenant: TenantSlug,
        /// How long each lock is held before it is released and taken again.
        hold: Duration,
    },
    /// `network.*` and `protocol.*`: something goes wrong between the application and the server.
    Wire(WireFault),
}

impl Fault {
    /// Whether it takes the tenant context from transactions, or strikes beside the statement that sets it.
    pub fn is_about_context(&self) -> bool {
        use StatementKind::{Begin, Context};
        match &self.action {
            FaultAction::ContextDrop { .. } => true,
            FaultAction::Wire(WireFault::DropContext) => true,
            FaultAction::Wire(fault) if fault.touches_statements() => {
                self.when.statement == Some(Context) || matches!(self.when.after, Some(Begin | Context))
            }
            _ => false,
        }
    }
}

impl FaultAction {
    /// The name as scenarios spell it, such as `context.drop`.
    pub fn name(&self) -> &'static str {
        match self {
            FaultAction::ContextDrop { .. } => "context.drop",
            FaultAction::PoolHold { .. } => "pool.hold",
            FaultAction::PoolLeak => "pool.leak",
            FaultAction::PoolStorm { .. } => "pool.storm",
            FaultAction::PoolIdleInTransaction { .. } => "pool.idle-in-transaction",
            FaultAction::PoolerRestart { .. } => "pooler.restart",
            FaultAction::FloodRate { .. } => "flood.rate",
            FaultAction::FloodHeavy { .. } => "flood.heavy",
            FaultAction::FloodLock { .. } => "flood.lock",
            FaultAction::Wire(fault) => fault.name(),
        }
    }

    /// The tenant that does harm, for the flood family.
    pub fn aggressor(&self) -> Option<TenantSlug> {
        match self {
            FaultAction::FloodRate { tenant, .. }
            | FaultAction::FloodHeavy { tenant, .. }
            | FaultAction::FloodLock { tenant, .. } => Some(*tenant),
            _ => None,
        }
    }
}

/// Which requests a fault touches; all conditions must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Share of the matching requests, 0..=1, drawn from the fault's own seeded stream.
    pub share: f64,
    /// Every nth matching request.
    pub nth: Option<u64>,
    /// Only the first n matching requests.
    pub first: Option<u64>,
    /// Only this tenant.
    pub tenant: Option<TenantSlug>,
    /// Only this tier.
    pub tier: Option<Tier>,
    /// Only this operation.
    pub operation: Option<Operation>,
    /// Only statements of this kind; for faults on the wire, like those below.
    pub statement: Option<StatementKind>,
    /// Only the statement behind one of this kind.
    pub after: Option<StatementKind>,
    /// Only statements that name this table.
    pub table: Option<String>,
    /// Only statements under this tenant context.
    pub context: Option<String>,
}

impl Default for Trigger {
    fn default() -> Self {
        Self {
            share: 1.0,
            nth: None,
            first: None,
            tenant: None,
            tier: None,
            operation: None,
            statement: None,
            after: None,
            table: None,
            context: None,
        }
    }
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Over the whole run; latches.
    pub always: Vec<Condition>,
    /// Over the baseline phase.
    pub baseline: Vec<Condition>,
    /// Over the inject phase.
    pub inject: Vec<Condition>,
    /// After the faults are healed.
    pub recover: Option<RecoverExpect>,
    /// Over the price (`cost_usd`).
    pub cost: Vec<Condition>,
    /// Finding codes that must be found (a planted twin): these do not fail the scenario, their absence does.
    pub must_find: BTreeSet<String>,
    /// A condition over fewer samples than this is inconclusive.
    pub min_samples: u64,
}

/// Conditions that must hold in every 100 ms slice from some moment on, at most `within` after the inject phase ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoverExpect {
    /// The recovery time objective.
    pub within: Duration,
    /// What recovered means.
    pub that: Vec<Condition>,
}

/// What ends the run early. Both bounds always exist.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Stop when this many foreign rows were seen.
    pub leaked_rows: u64,
    /// Stop when the run has lasted this long.
    pub wall_clock: Duration,
}

/// The business that a run is scaled to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Business {
    /// Tenants.
    pub tenants: u64,
    /// Records per tenant.
    pub records_per_tenant: u64,
    /// How long until someone has repaired it.
    pub time_to_repair: Duration,
    /// A request slower than this hurts its tenant.
    pub slo: Duration,
}
