//! The journal's vocabulary: one JSON object a line, each with the field `event`.
//!
//! All times are microseconds since the run started (`at_us`). Readers must ignore fields they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::scenario::{ErrorKind, Operation, Phase, Pooler, TenantSlug, Who};

/// The journal's own version; a reader refuses a larger one.
pub const JOURNAL_SCHEMA_VERSION: u32 = 1;

/// Interval of the catalogue check of the monitoring layer, in milliseconds.
pub const CATALOGUE_CHECK_MS: u64 = 250;

/// Width of a slice, in milliseconds.
pub const SLICE_MS: u64 = 100;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    Header(Box<Header>),
    /// A phase begins.
    PhaseStarted {
        /// When.
        at_us: u64,
        /// Which.
        phase: Phase,
    },
    /// A phase ended.
    PhaseEnded {
        /// When.
        at_us: u64,
        /// Which.
        phase: Phase,
    },
    /// A fault took effect.
    FaultInjected {
        /// When.
        at_us: u64,
        /// Index in the scenario.
        fault: usize,
        /// Such as `context.drop`.
        name: String,
    },
    /// A fault was undone.
    FaultHealed {
        /// When.
        at_us: u64,
        /// Index in the scenario.
        fault: usize,
        /// What it did in all, in its own unit.
        touched: u64,
        /// The unit of `touched`, such as `transactions` or `connections`.
        unit: String,
        /// Whether the undo was checked and held.
        verified: bool,
        /// What went wrong with the undo.
        problem: Option<String>,
    },
    /// What happened within 100 ms.
    Slice(Box<Slice>),
    /// A row reached someone who does not own it, or a write landed under another tenant.
    Leak(Box<Leak>),
    /// An example of an error.
    ErrorExample {
        /// When.
        at_us: u64,
        /// Phase.
        phase: Phase,
        /// Kind.
        kind: ErrorKind,
        /// Who asked.
        tenant: TenantSlug,
        /// For what.
        operation: Operation,
        /// SQLSTATE, if the server said one.
        sqlstate: Option<String>,
        /// The message, as shown to the application.
        message: String,
    },
    /// The monitor raised an alert.
    Alert {
        /// When.
        at_us: u64,
        /// Share of transactions without a confirmed context, in the window that raised it.
        bypass_share: f64,
        /// The threshold.
        threshold: f64,
    },
    /// The catalogue check saw that a protection of the database is not what it was when the run began.
    CatalogueAlert {
        /// When.
        at_us: u64,
        /// What is different, up to ten sentences.
        what: Vec<String>,
    },
    /// Per tenant, what one phase did. Tenants that asked for nothing are left out.
    TenantCounts {
        /// Phase.
        phase: Phase,
        /// Rows `[tenant index in fleet order, intended, ok, failed or not sent, slower than the SLO]`.
        rows: Vec<[u32; 5]>,
    },
    /// Acknowledged writes against the database, read by the administrator after the load has ended.
    Ledger(Ledger),
    /// The last line.
    Footer(Footer),
}

/// What the run was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Header {
    /// [`JOURNAL_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// This program's version.
    pub tool_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's family.
    pub family: String,
    /// The path it was read from, as the user named it.
    pub path: String,
    /// Its TOML text, so that a journal can be judged without the file.
    pub toml: String,
    /// The seed in force.
    pub seed: u64,
    /// Hash over every planned arrival, fault and phase: same seed, same hash.
    pub schedule_hash: String,
    /// `docker`, `local` or `external`.
    pub provider: String,
    /// Why that provider.
    pub provider_why: String,
    /// What `server_version` says.
    pub server_version: String,
    /// The pooler between the application and the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooler: Option<PoolerInfo>,
    /// Wall-clock start, RFC 3339.
    pub started_at: String,
    /// The classes that slices count by; slices refer to them by index.
    pub classes: Vec<Class>,
    /// Tenants in the fleet.
    pub tenants: u32,
    /// Processors of the machine.
    pub cpus: u32,
}

/// The pooler of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PoolerInfo {
    /// Such as `pgbouncer-transaction`.
    pub kind: Pooler,
    /// Such as `1.18.0`.
    pub version: String,
}

/// Tenants that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Class {
    /// Every selector that includes this class. A class with `All`, `Tier(growth)` and `Victims` is the growth tier
    /// without the aggressor. The classes partition the fleet, so summing those that match a selector is exact.
    pub of: Vec<Who>,
}

/// Counts of 100 ms. A request counts in the slice and phase of its intended start, latencies too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Start of the slice.
    pub at_us: u64,
    /// The phase; a slice lies in one phase.
    pub phase: Option<Phase>,
    /// Per class, by index; classes without any count are left out.
    #[serde(deserialize_with = "by_index")]
    pub classes: BTreeMap<usize, ClassSlice>,
    /// Per context fault, by index: what became of the touched transactions that ended in this slice.
    #[serde(deserialize_with = "by_index")]
    pub context: BTreeMap<usize, ContextOutcome>,
}

/// Reads a map by index. JSON writes its keys as texts, and serde does not turn them back within a tagged enum.
fn by_index<'de, D: Deserializer<'de>, V: Deserialize<'de>>(deserializer: D) -> Result<BTreeMap<usize, V>, D::Error> {
    let texts = BTreeMap::<String, V>::deserialize(deserializer)?;
    let parse = |(index, value): (String, V)| match index.parse() {
        Ok(index) => Ok((index, value)),
        Err(_) => Err(serde::de::Error::custom(format!("`{index}` is no index"))),
    };
    texts.into_iter().map(parse).collect()
}

/// What one class did in one slice.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassSlice {
    /// Arrivals whose intended start lies here, dropped ones included.
    pub intended: u64,
    /// Of these: not sent, because `max_in_flight` requests were under way.
    pub dropped: u64,
    /// Of these: sent more than 10 ms late.
    pub late: u64,
    /// Finished without an error.
    pub ok: u64,
    /// Failed, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<ErrorKind, u64>,
    /// Rows that were read and compared with the asker.
    pub rows_checked: u64,
    /// Writes that came back with their tenant and were compared with the writer; older journals have them among the rows.
    #[serde(default)]
    pub writes_checked: u64,
    /// Of the rows: another tenant's.
    pub leaked_rows: u64,
    /// Reads of existing rows that returned none and no error.
    pub silent_empty: u64,
    /// Of the writes: stamped with another tenant.
    pub foreign_writes: u64,
    /// Transactions begun.
    pub transactions: u64,
    /// Of these: without a confirmed tenant context.
    pub without_context: u64,
    /// Latencies of finished requests (ok or failed) as sparse HDR histogram: `[microseconds, count]`, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency_us: Vec<(u64, u64)>,
    /// Waits for a pool connection, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queue_us: Vec<(u64, u64)>,
}

/// What became of the transactions that a context fault touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContextOutcome {
    /// Transactions touched.
    pub touched: u64,
    /// Foreign rows came back, or a write landed under another tenant: fail-open.
    pub open: u64,
    /// An error: fail-closed-loud.
    pub loud: u64,
    /// Nothing came back although rows exist, and no error: fail-closed-silent.
    pub silent: u64,
    /// The right rows came back all the same.
    pub harmless: u64,
}

/// Evidence of one foreign row or write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Leak {
    /// When it was seen.
    pub at_us: u64,
    /// Phase.
    pub phase: Phase,
    /// A row read or a write misplaced.
    pub kind: LeakKind,
    /// Who asked.
    pub asker: TenantSlug,
    /// Whose row it is; `None` if the owner's id is no tenant of the fleet.
    pub owner: Option<TenantSlug>,
    /// Table or view.
    pub table: String,
    /// Operation.
    pub operation: Operation,
    /// Server process that answered.
    pub backend_pid: i32,
    /// The tenant that this connection served before.
    pub previous_tenant: Option<TenantSlug>,
    /// The tenant context that the server confirmed for the transaction, as text.
    pub context: Option<String>,
    /// The fault that touched the transaction.
    pub fault: Option<usize>,
    /// How the owner was known: the tenant column or the canary.
    pub witness: Witness,
}

/// What leaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LeakKind {
    /// A foreign row was read.
    Read,
    /// A write landed under another tenant.
    Write,
}

/// How a row's owner was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// Its tenant column.
    TenantColumn,
    /// The canary in its text.
    Canary,
}

/// The ledger of acknowledged writes, compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Writes that were acknowledged to the client.
    pub acknowledged: u64,
    /// Of these: not in the database.
    pub lost: u64,
    /// Of these: in the database more than once.
    pub duplicate: u64,
    /// Of these: in the database under another tenant.
    pub foreign: u64,
    /// Up to ten examples, such as `growth-3 order 4711: acknowledged, not found`.
    pub examples: Vec<String>,
    /// Writes beyond the ledger's capacity, which were not compared.
    pub not_kept: u64,
}

/// How the run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Footer {
    /// When.
    pub at_us: u64,
    /// Why.
    pub end: EndReason,
    /// Every undo, in the order in which they ran.
    pub undo: Vec<UndoRecord>,
    /// Leaks seen in all; those beyond the journal's bound have no `leak` line.
    pub leaks_seen: u64,
    /// Distinct tenants whose rows leaked, exact even beyond the journal's bound.
    pub leaked_tenants: u64,
    /// Distinct tenants that saw another's rows.
    pub receiving_tenants: u64,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// All phases ran.
    Completed,
    /// A stop condition was met, as text.
    StopCondition(String),
    /// The user interrupted it.
    Interrupted,
    /// The harness or its stack failed, as text.
    Trouble(String),
}

/// One undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UndoRecord {
    /// What was undone.
    pub what: String,
    /// How long it took.
    pub took_us: u64,
    /// What went wrong.
    pub problem: Option<String>,
}
