//! The tables of a scenario file. The comments on the keys are the reference that users read.

use super::faults::Fault;
use super::scalar::{Code, Factor, Length, OneOf, PerSecond, Percentage, Postgres, Size, Tag, Text, Whole};
use super::stated::Stated;
use super::table::{Decode, Entry, Fields, Key, List, Need, Node, table_schema, tables};
use crate::diagnostics::Problems;
use crate::scenario::vocabulary::{Defect, FINDING_CODES, Layer, Pooler, Replica, ServerUse};

tables! {
    /// A chaos scenario: what goes wrong, under which load, and what must hold.
    Scenario ("a scenario") {
        /// Unique name of the scenario, usable as a file name.
        Required "name" name: Tag;
        /// Why the scenario exists, what is expected and how not to misread its result.
        Required "why" why: Text;
        /// Labels that `--filter` selects by.
        Default "tags" tags: List<Tag, 32> = "[]";
        /// Root seed. Every actor derives its own stream of random numbers from it, so the same seed gives the same
        /// schedule.
        Default "seed" seed: Whole<0, { i64::MAX as u64 }> = "1";
        /// What the scenario needs of its server and of the application's tenant runtime.
        Default "stack" stack: Stack = "{}";
        /// The tenants that are seeded.
        Default "fleet" fleet: Fleet = "{}";
        /// Who asks, how often and for what.
        Required "load" load: Load;
        /// How long each phase lasts; one hour in all at most.
        Required "phases" phases: Phases;
        /// What goes wrong, all of it inside the inject phase. A scenario without faults is a control, or has a planted
        /// defect.
        Default "fault" faults: List<Fault, 64> = "[]";
        /// What must hold. A scenario that expects nothing cannot fail, which is an error.
        Required "expect" expect: Expect;
        /// What ends the run early. Both bounds always exist.
        Default "stop" stop: Stop = "{}";
        /// The business that the observed shares are scaled to when they are priced.
        Default "business" business: Business = "{}";
    }

    /// What the scenario needs of its server and of the application's tenant runtime.
    Stack ("a table of settings") {
        /// Wanted PostgreSQL major version, 15 or later. Without it, whatever the provider has.
        Optional "postgres" postgres: Postgres;
        /// The application's connection pool.
        Default "pool" pool: Pool = "{}";
        /// What stands between that pool and the server: a real PgBouncer, or nothing.
        Default "pooler" pooler: OneOf<Pooler> = "\"none\"";
        /// Server connections that the pooler opens at most. Without it, as many as the pool has, in session mode twice
        /// as many.
        Optional "pooler_size" pooler_size: Whole<1, 500>;
        /// How long the pooler lets a client wait for a server connection before it ends the client's
        /// (`query_wait_timeout`); 10ms to 10min.
        Default "pooler_wait" pooler_wait: Length = "\"2min\"";
        /// Layers of defence that are on.
        Default "defence" defence: List<OneOf<Layer>, { Layer::ALL.len() }> = "[\"guard\", \"rls\", \"monitor\"]";
        /// Bugs that are planted.
        Default "defects" defects: List<OneOf<Defect>, { Defect::ALL.len() }> = "[]";
        /// Whether the server may be shared with scenarios that run at the same time. Conditions on latency, throughput
        /// or fairness need `"alone"`.
        Default "server" server: OneOf<ServerUse> = "\"shared\"";
        /// A streaming replica that `read` and `report` go to, while `write` goes to the primary. Needs
        /// `server = "own"`.
        Optional "replica" replica: OneOf<Replica>;
        /// The scenario's database lies on a volume of this size, 48 MiB or more. Needs `server = "own"`; on the local
        /// provider, root.
        Optional "disk" disk: Size;
    }

    /// The application's connection pool.
    Pool ("a table such as { size = 8, acquire_timeout = \"500ms\" }") {
        /// Connections at most.
        Default "size" size: Whole<1, 500> = "8";
        /// How long a request waits for a connection before it fails as `pool-timeout`; up to a minute.
        Default "acquire_timeout" acquire_timeout: Length = "\"500ms\"";
        /// Most connections that one tier may hold at a time, as shares of `size`. A tier that is not named may hold
        /// all.
        Default "bulkheads" bulkheads: Bulkheads = "{}";
    }

    /// Most connections that one tier may hold at a time, as shares of the pool.
    Bulkheads ("a table such as { starter = \"25%\" }") {
        /// For the starter tier.
        Optional "starter" starter: Percentage;
        /// For the growth tier.
        Optional "growth" growth: Percentage;
        /// For the enterprise tier.
        Optional "enterprise" enterprise: Percentage;
    }

    /// The tenants that are seeded: two to a million in all, 50 million documents at most.
    Fleet ("a table such as { starter = 40, growth = 8, enterprise = 2 }") {
        /// Tenants of tier starter: `starter-1`, `starter-2`, …
        Default "starter" starter: Whole<0, 1_000_000> = "40";
        /// Tenants of tier growth.
        Default "growth" growth: Whole<0, 1_000_000> = "8";
        /// Tenants of tier enterprise.
        Default "enterprise" enterprise: Whole<0, 1_000_000> = "2";
        /// Documents per tenant; the other tables follow.
        Default "rows_per_tenant" rows_per_tenant: Whole<1, 1_000_000> = "200";
    }

    /// Who asks, how often and for what. Either `rate` or `clients` must be given.
    Load ("a table such as { rate = \"400/s\" }") {
        /// Open loop: requests arrive at this rate and do not wait for answers; up to 100_000/s.
        Optional "rate" rate: PerSecond;
        /// Closed loop: this many clients, each of which sends its next request when it has its answer.
        Optional "clients" clients: Whole<1, 10_000>;
        /// What is asked for.
        Default "mix" mix: Mix = "{ read = 70, write = 25, report = 5 }";
        /// Exponent of the Zipf law by which tenants are drawn, up to 5: 0 draws all alike, 1 favours a few strongly.
        Default "skew" skew: Factor = "0";
        /// A request's deadline, counted from its intended start. After it the request fails as `timeout`; up to a
        /// minute.
        Default "timeout" timeout: Length = "\"1s\"";
        /// Requests under way at most. An arrival beyond that is not sent, and counted in `dropped_arrivals`.
        Default "max_in_flight" max_in_flight: Whole<1, 100_000> = "1_000";
        /// How often a client sends a write again whose connection was lost before it was acknowledged. It keeps its
        /// idempotency key, so what had been stored all the same is not stored twice.
        Default "retries" retries: Whole<0, 10> = "0";
    }

    /// Relative weights of the operations. What is not named is not asked for.
    Mix ("a table such as { read = 70, write = 25, report = 5 }") {
        /// Point and range reads of documents.
        Default "read" read: Whole<0, 1_000_000> = "0";
        /// Inserts of orders, acknowledged after COMMIT.
        Default "write" write: Whole<0, 1_000_000> = "0";
        /// The aggregate report and the tenant view.
        Default "report" report: Whole<0, 1_000_000> = "0";
    }

    /// How long each phase lasts. Afterwards the ledger of acknowledged writes is compared with the database, which
    /// takes as long as it takes.
    Phases ("a table such as { baseline = \"1s\", inject = \"3s\", recover = \"1s\" }") {
        /// Steady state, no fault. What others are compared with.
        Default "baseline" baseline: Length = "\"0s\"";
        /// Faults come and go; 100ms at least.
        Required "inject" inject: Length;
        /// All faults are undone and the load goes on.
        Default "recover" recover: Length = "\"0s\"";
    }

    /// What must hold: at least one condition or one finding that must be found.
    Expect ("a table of lists such as { always = [\"leaked_rows == 0\"] }") {
        /// Conditions over the whole run. They latch: nothing that happens later turns them true again.
        Default "always" always: List<Stated, 64> = "[]";
        /// Conditions over the baseline phase.
        Default "baseline" baseline: List<Stated, 64> = "[]";
        /// Conditions over the inject phase.
        Default "inject" inject: List<Stated, 64> = "[]";
        /// When the system must have recovered, and what that means.
        Optional "recover" recover: Recover;
        /// Conditions over the price, `cost_usd`.
        Default "cost" cost: List<Stated, 64> = "[]";
        /// Codes of findings that must be found, because the scenario plants their cause. These findings do not fail
        /// the scenario; their absence does.
        Default "must_find" must_find: List<Code, { FINDING_CODES.len() }> = "[]";
        /// A condition that was measured over fewer samples than this is inconclusive.
        Default "min_samples" min_samples: Whole<1, 1_000_000> = "20";
    }

    /// Recovery: from some moment on, every 100 ms slice of the recover phase fulfils the conditions.
    Recover ("a table such as { within = \"2s\", that = [\"error_rate == 0%\"] }") {
        /// How long after the inject phase that moment may be; at least 100ms before the recover phase ends.
        Required "within" within: Length;
        /// What recovered means.
        Required "that" that: List<Stated, 64>;
    }

    /// What ends the run early.
    Stop ("a table such as { leaked_rows = 100, wall_clock = \"60s\" }") {
        /// When this many foreign rows were seen.
        Default "leaked_rows" leaked_rows: Whole<1, 1_000_000_000> = "1_000";
        /// When the run has lasted this long, up to two hours. Without it, 30s more than the phases last.
        Optional "wall_clock" wall_clock: Length;
    }

    /// The business that the observed shares are scaled to.
    Business ("a table such as { tenants = 10_000 }") {
        /// Tenants.
        Default "tenants" tenants: Whole<1, 1_000_000_000> = "10_000";
        /// Records per tenant.
        Default "records_per_tenant" records_per_tenant: Whole<1, 1_000_000_000> = "5_000";
        /// How long until someone has repaired it.
        Default "time_to_repair" time_to_repair: Length = "\"45min\"";
        /// A request slower than this hurts its tenant; up to a minute.
        Default "slo" slo: Length = "\"250ms\"";
    }
}
