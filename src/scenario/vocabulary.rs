//! The words of the format: closed lists of names, each with a sentence that says what it means.
//!
//! The sentences become the reference in `docs/scenario-format.md`, so they are written for users.

use serde::{Deserialize, Serialize};

use super::condition::{ErrorKind, Metric};
use super::model::{Phase, Tier};

/// A closed list of names, as scenarios spell them.
pub trait Word: Copy + Eq + 'static {
    /// What one of them is, such as `tier`.
    const NOUN: &'static str;
    /// All of them.
    const WORDS: &'static [Self];

    /// The name as scenarios spell it.
    fn word(self) -> &'static str;

    /// What it means, in a sentence.
    fn meaning(self) -> &'static str;
}

macro_rules! words {
    ($(
        $(#[$meta:meta])*
        $name:ident ($noun:literal) { $($variant:ident, $word:literal, $meaning:literal;)* }
    )*) => { $(
        $(#[$meta])*
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $(#[doc = $meaning] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The name as scenarios spell it.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            /// What it means, in a sentence.
            pub fn describe(self) -> &'static str {
                match self { $($name::$variant => $meaning,)* }
            }
        }

        impl Word for $name {
            const NOUN: &'static str = $noun;
            const WORDS: &'static [Self] = $name::ALL;

            fn word(self) -> &'static str {
                self.name()
            }

            fn meaning(self) -> &'static str {
                self.describe()
            }
        }
    )* };
}

words! {
    /// A layer of defence against a missing tenant context (application, database, monitoring).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    Layer ("layer of defence") {
        Guard, "guard", "The application guard refuses a request without a tenant.";
        Rls, "rls", "Row-Level Security returns no rows without a tenant context.";
        Monitor, "monitor", "The monitor alerts when the share of queries without context exceeds its threshold.";
    }

    /// A bug that a scenario plants so that its detector must find it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    Defect ("defect") {
        SessionSet, "session-set", "The context is set with session scope (`SET`, not `SET LOCAL`), so it outlives COMMIT.";
        SetOutsideTransaction, "set-outside-transaction",
            "The context is set before BEGIN with transaction scope, where it has no effect.";
        SwallowedReset, "swallowed-reset", "The connection's reset on release fails and the failure is swallowed.";
        FailOpenPolicy, "fail-open-policy", "The policies let everything through when the context is missing.";
        OwnerAsApp, "owner-as-app",
            "The application connects as the owner of the tables, without FORCE ROW LEVEL SECURITY.";
        BypassrlsRole, "bypassrls-role", "The application's role has BYPASSRLS.";
        RlsOffOnTable, "rls-off-on-table", "RLS is off on one table (`documents`).";
        DefinerView, "definer-view",
            "The tenant view runs with its (exempt) owner's rights: `security_invoker` is off.";
        NoBulkhead, "no-bulkhead", "One tier may take the whole pool.";
        LeakOnError, "leak-on-error", "A connection is not returned when its request fails.";
        StampFromContext, "stamp-from-context",
            "The tenant column of a write is taken from the connection's context instead of from the request.";
        AckWithoutCommit, "ack-without-commit", "Every 20th write is acknowledged and never committed.";
        BlindRetry, "blind-retry", "Every 20th write is sent twice, without an idempotency key.";
        KeylessRetry, "keyless-retry", "A write that is sent again gets another idempotency key.";
        SetOnCheckout, "set-on-checkout",
            "The context is set with session scope in a statement of its own, before BEGIN. Behind a transaction pooler \
             that statement and the transaction may meet different servers.";
        KeptStatements, "kept-statements",
            "The driver keeps its prepared statements, although the pooler gives each transaction another server.";
        PoolerResetOff, "pooler-reset-off", "The pooler's `server_reset_query` is empty.";
    }

    /// What stands between the application's pool and the server.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    Pooler ("pooler") {
        None, "none", "Nothing: each connection of the pool has a server process of its own.";
        PgbouncerSession, "pgbouncer-session",
            "PgBouncer in session mode: a connection keeps its server process until it is closed.";
        PgbouncerTransaction, "pgbouncer-transaction",
            "PgBouncer in transaction mode: each transaction gets whichever server process is free.";
    }

    /// Whether the scenario may share its server.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    ServerUse ("use of the server") {
        Shared, "shared",
            "Runs beside other scenarios, in a database of its own. For scenarios that measure no latency.";
        Alone, "alone",
            "Has the server to itself while it runs. For scenarios that measure latency, throughput or fairness.";
    }

    /// An operation of the load.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    Operation ("operation") {
        Read, "read", "Point or range read of documents.";
        Write, "write", "Insert of an order, acknowledged after COMMIT.";
        Report, "report", "The aggregate report and the tenant view.";
    }

    /// What a connection is left with when its context statement is lost.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    ContextResidue ("residue") {
        Unset, "unset",
            "The variable was never set on this connection (the request runs on a fresh one): `current_setting` is NULL.";
        Empty, "empty", "The empty string.";
        Stale, "stale", "Whatever the connection's previous user left.";
        OtherTenant, "other-tenant", "Another tenant's id.";
        Bogus, "bogus", "A well-formed id that no tenant has.";
        Forged, "forged", "A value with SQL metacharacters.";
        Session, "session", "The right tenant, but set with session scope.";
    }

    /// Where the context is lost.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    ContextLayer ("place where the context is lost") {
        Request, "request", "Before the application guard: the request arrives without a tenant.";
        Connection, "connection",
            "Between the application and the server: the context statement does not take effect.";
    }

    /// What a statement on the wire is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    StatementKind ("kind of statement") {
        Begin, "begin", "`BEGIN` and `START TRANSACTION`.";
        Context, "context", "It sets the tenant context: `set_config`, `SET` or `SET LOCAL` of the setting.";
        Commit, "commit", "`COMMIT` and `END`.";
        Rollback, "rollback", "`ROLLBACK` and `ABORT`, not to a savepoint.";
        Select, "select", "`SELECT`, `TABLE`, `VALUES`, and a `WITH` that only reads.";
        Insert, "insert", "`INSERT`.";
        Update, "update", "`UPDATE`.";
        Delete, "delete", "`DELETE`.";
        Copy, "copy", "`COPY`.";
        Other, "other", "Anything else.";
    }

    /// How a connection ends.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    Cut ("end of a connection") {
        Reset, "reset", "Both sides get a TCP reset.";
        Close, "close", "Both sides get an orderly end.";
        Silence, "silence",
            "The server's side ends and the client hears nothing until the fault is undone: a half-open connection.";
    }

    /// Where a connection is cut.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    CutPlace ("place of a cut") {
        Before, "before", "Before the statement reaches the server; what came before it has been sent.";
        Acknowledgement, "acknowledgement",
            "After the server has done the statement and said so, before the client hears of it.";
    }
}

impl Word for Tier {
    const NOUN: &'static str = "tier";
    const WORDS: &'static [Self] = &Tier::ALL;

    fn word(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        match self {
            Tier::Starter => "The smallest tier.",
            Tier::Growth => "The middle tier.",
            Tier::Enterprise => "The largest tier.",
        }
    }
}

impl Word for Phase {
    const NOUN: &'static str = "phase";
    /// Without `verify`, in which nothing is measured.
    const WORDS: &'static [Self] = &[Phase::Baseline, Phase::Inject, Phase::Recover];

    fn word(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        match self {
            Phase::Baseline => "Steady state, no fault.",
            Phase::Inject => "Faults come and go.",
            Phase::Recover => "All faults healed, load goes on.",
            Phase::Verify => "Load has ended; the ledger is compared with the database.",
        }
    }
}

impl Word for ErrorKind {
    const NOUN: &'static str = "error kind";
    const WORDS: &'static [Self] = &ErrorKind::ALL;

    fn word(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        match self {
            ErrorKind::MissingTenant => "The application guard refused a request without a tenant.",
            ErrorKind::PoolTimeout => "No pool connection within the acquire timeout.",
            ErrorKind::BulkheadFull => "The tier's bulkhead was full for the acquire timeout.",
            ErrorKind::Timeout => "The request's own deadline passed.",
            ErrorKind::StatementTimeout => {
                "The server cancelled the statement (`57014`) or a lock wait timed out (`55P03`)."
            }
            ErrorKind::Rejected => "The server refused the row or the value (classes 22, 23, 42).",
            ErrorKind::Connection => "The connection failed or was refused (class 08, 53, 57P, or I/O).",
            ErrorKind::Other => "Anything else.",
        }
    }
}

impl Word for Metric {
    const NOUN: &'static str = "metric";
    const WORDS: &'static [Self] = Metric::ALL;

    fn word(self) -> &'static str {
        self.name()
    }

    fn meaning(self) -> &'static str {
        self.describe()
    }
}

/// The word with this spelling.
pub(super) fn word<W: Word>(text: &str) -> Option<W> {
    W::WORDS.iter().copied().find(|word| word.word() == text)
}

/// All spellings.
pub(super) fn spellings<W: Word>() -> impl Iterator<Item = &'static str> {
    W::WORDS.iter().map(|word| word.word())
}

/// The codes of findings that `must_find` may name. The oracle, below this module, defines what they mean; a
/// test ties the two lists.
pub const FINDING_CODES: [&str; 14] = [
    "TC-L01", "TC-L02", "TC-W01", "TC-W02", "TC-C01", "TC-C02", "TC-C03", "TC-M01", "TC-M02", "TC-P01", "TC-P02",
    "TC-N01", "TC-A01", "TC-R01",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The format knows exactly the codes that the oracle can report.
    #[test]
    fn finding_codes_are_those_of_the_oracle() {
        let oracle: Vec<&str> = crate::oracle::Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(FINDING_CODES.as_slice(), oracle);
    }

    /// The spelling in scenarios is the one in journals and reports.
    #[test]
    fn words_are_spelled_as_in_journals() {
        fn same<W: Word + Serialize>() {
            for word in W::WORDS {
                assert_eq!(serde_json::to_value(word).unwrap(), word.word());
            }
        }
        same::<Layer>();
        same::<Defect>();
        same::<ServerUse>();
        same::<Pooler>();
        same::<Operation>();
        same::<ContextResidue>();
        same::<ContextLayer>();
        same::<StatementKind>();
        same::<Cut>();
        same::<CutPlace>();
        same::<Tier>();
        same::<Phase>();
        same::<ErrorKind>();
        same::<Metric>();
    }
}
