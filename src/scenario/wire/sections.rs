//! The tables of a scenario file. The comments on the keys are the reference that users read.

use super::scalar::{
    Code, Factor, Length, Nothing, OneOf, PerSecond, Percentage, Postgres, Size, SizePerSecond, Slug, Sqlstate, Tag,
    Text, Whole,
};
use super::stated::Stated;
use super::table::{Decode, Entry, Fields, Key, List, Need, Node, table_schema, tables};
use crate::diagnostics::Problems;
use crate::scenario::model::Tier;
use crate::scenario::vocabulary::{
    ContextLayer, ContextResidue, Cut, CutPlace, Defect, FINDING_CODES, Layer, LoadTable, Operation, Pooler, Replica,
    ServerUse, StatementKind,
};

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

    /// One fault. Exactly one key of exactly one of `context`, `pool`, `pooler`, `flood`, `network`, `protocol`, `operator`
    /// and `server` says what it does.
    Fault ("with what goes wrong, such as pool.hold = { connections = 8 }") {
        /// The tenant context goes wrong.
        Optional "context" context: ContextFaults;
        /// The connection pool goes wrong.
        Optional "pool" pool: PoolFaults;
        /// The pooler goes wrong.
        Optional "pooler" pooler: PoolerFaults;
        /// One tenant harms the others.
        Optional "flood" flood: FloodFaults;
        /// Connections between the application and the server go wrong.
        Optional "network" network: NetworkFaults;
        /// Single statements on their way to the server go wrong.
        Optional "protocol" protocol: ProtocolFaults;
        /// Somebody takes away a protection of the database.
        Optional "operator" operator: OperatorFaults;
        /// The server itself goes wrong.
        Optional "server" server: ServerFaults;
        /// Which requests it touches, for `context.drop` and `pool.leak`; which statements, for `protocol` and
        /// `network.latency`; which connections, for the rest of `network`. Without it, all.
        Default "when" when: When = "{}";
        /// When it begins, from the start of the inject phase.
        Default "at" at: Length = "\"0s\"";
        /// How long it lasts. Without it, for the rest of the inject phase; it must end inside that phase.
        Optional "for" lasts: Length;
    }

    /// Faults of the tenant context.
    ContextFaults ("a fault such as { drop = { leaves = \"stale\" } }") {
        /// The statement that sets the tenant context is lost or altered.
        Optional "drop" drop: ContextDrop;
    }

    /// The statement that sets the tenant context is lost or altered.
    ContextDrop ("a table such as { leaves = \"stale\" }") {
        /// What the connection is left with.
        Required "leaves" leaves: OneOf<ContextResidue>;
        /// Where the context is lost. `"request"` needs `leaves = "unset"`.
        Default "layer" layer: OneOf<ContextLayer> = "\"connection\"";
    }

    /// Faults of the connection pool.
    PoolFaults ("a fault such as { hold = { connections = 8 } }") {
        /// Connections are taken from the application's pool and kept.
        Optional "hold" hold: Connections;
        /// Requests that the trigger touches keep their connection until the fault is undone.
        Optional "leak" leak: Nothing;
        /// New connections are opened and closed in a loop, straight to the server.
        Optional "storm" storm: Storm;
        /// Connections of the pool sit in an open transaction that has read a row.
        Optional "idle-in-transaction" idle_in_transaction: Connections;
    }

    /// Connections of the pool.
    Connections ("a table such as { connections = 4 }") {
        /// How many, up to the pool's size.
        Required "connections" connections: Whole<1, 500>;
    }

    /// Connections straight to the server.
    Storm ("a table such as { clients = 8 }") {
        /// Concurrent connectors.
        Required "clients" clients: Whole<1, 1_000>;
    }

    /// Faults of the pooler between the application's pool and the server.
    PoolerFaults ("a fault such as { restart = { down = \"300ms\" } }") {
        /// The pooler is killed, every connection with it, and started again.
        Optional "restart" restart: PoolerRestart;
    }

    /// The pooler is killed and started again.
    PoolerRestart ("a table such as { down = \"300ms\" }") {
        /// How long it is gone; up to a minute.
        Required "down" down: Length;
    }

    /// Faults in which one tenant, the aggressor, harms the others, the victims.
    FloodFaults ("a fault such as { rate = { tenant = \"starter-1\", times = 100 } }") {
        /// The tenant asks at a multiple of its own rate, open loop.
        Optional "rate" rate: FloodRate;
        /// The tenant runs heavy queries back to back.
        Optional "heavy" heavy: FloodHeavy;
        /// The tenant holds a lock on the orders table that every other write waits for.
        Optional "lock" lock: FloodLock;
    }

    /// One tenant asks at a multiple of its own rate.
    FloodRate ("a table such as { tenant = \"starter-1\", times = 100 }") {
        /// The aggressor.
        Required "tenant" tenant: Slug;
        /// The factor, over 1 and up to 1_000_000. In a closed loop it multiplies 10 requests per second.
        Required "times" times: Factor;
    }

    /// One tenant runs heavy queries back to back.
    FloodHeavy ("a table such as { tenant = \"starter-1\", clients = 16 }") {
        /// The aggressor.
        Required "tenant" tenant: Slug;
        /// Heavy queries at a time.
        Required "clients" clients: Whole<1, 1_000>;
    }

    /// One tenant holds a lock that others wait for.
    FloodLock ("a table such as { tenant = \"starter-1\", hold = \"400ms\" }") {
        /// The aggressor.
        Required "tenant" tenant: Slug;
        /// How long each lock is held before it is released and taken again.
        Required "hold" hold: Length;
    }

    /// Faults of the connections between the application and the server. A proxy that speaks the Postgres protocol does
    /// them.
    NetworkFaults ("a fault such as { latency = { add = \"50ms\" } }") {
        /// Every reply takes longer; their order stays. With a condition on statements, only those statements wait, on
        /// their way to the server.
        Optional "latency" latency: Latency;
        /// Each direction of a connection carries so much at most.
        Optional "bandwidth" bandwidth: Pace;
        /// Data arrives in slices.
        Optional "slice" slice: Slice;
        /// A connection is reset after so many bytes to the client.
        Optional "limit" limit: Limit;
        /// Open connections are cut at once, new ones when they come.
        Optional "cut" cut: CutLink;
        /// Nothing moves in either direction. Nothing is lost: what waits moves when the fault is undone.
        Optional "blackhole" blackhole: Nothing;
        /// New connections are reset before they reach the server. Open ones are left alone.
        Optional "refuse" refuse: Nothing;
        /// What the server sends is read at this rate only, so that the server waits for its client.
        Optional "drain" drain: Pace;
    }

    /// How much longer something takes.
    Latency ("a table such as { add = \"50ms\", jitter = \"20ms\" }") {
        /// By this much, up to a minute.
        Required "add" add: Length;
        /// And up to this much more, drawn for each.
        Default "jitter" jitter: Length = "\"0s\"";
    }

    /// How fast data moves.
    Pace ("a table such as { rate = \"100KiB/s\" }") {
        /// At most.
        Required "rate" rate: SizePerSecond;
    }

    /// Data in slices.
    Slice ("a table such as { size = \"100B\", gap = \"2ms\" }") {
        /// Size of a slice.
        Required "size" size: Size;
        /// Time between two slices.
        Required "gap" gap: Length;
    }

    /// The end of a connection after some data.
    Limit ("a table such as { after = \"64KiB\" }") {
        /// After so many bytes, counted from the fault's begin.
        Required "after" after: Size;
    }

    /// The end of a connection.
    CutLink ("a table such as { how = \"reset\" }") {
        /// How it ends.
        Default "how" how: OneOf<Cut> = "\"reset\"";
    }

    /// Faults of single statements. A proxy that speaks the Postgres protocol does them, and keeps both sides in
    /// protocol.
    ProtocolFaults ("a fault such as { swallow = {} }") {
        /// The statement never reaches the server, and the client is told that it was done. A COPY is left alone.
        Optional "swallow" swallow: Nothing;
        /// The statement that sets the tenant context never reaches the server, and the client is told that it was
        /// done.
        Optional "drop-context" drop_context: Nothing;
        /// The server fails the statement, as if it had run into the error; its transaction is aborted.
        Optional "fail" fail: Fail;
        /// The statement and everything behind it on its connection wait.
        Optional "delay" delay: Delay;
        /// The statement is done a second time once its batch has ended. The client does not hear of that.
        Optional "duplicate" duplicate: Nothing;
        /// The client is told that the statement was done, and it is done after the next one.
        Optional "reorder" reorder: Nothing;
        /// The connection is cut at the statement.
        Optional "cut" cut: CutStatement;
    }

    /// An error.
    Fail ("a table such as { sqlstate = \"40001\" }") {
        /// Its code.
        Required "sqlstate" sqlstate: Sqlstate;
        /// What it says.
        Default "message" message: Text = "\"planted by tenant-chaos\"";
    }

    /// How long a statement waits.
    Delay ("a table such as { by = \"200ms\" }") {
        /// This long, up to a minute.
        Required "by" by: Length;
        /// And up to this much longer, drawn for each.
        Default "jitter" jitter: Length = "\"0s\"";
    }

    /// Where a connection is cut, and how.
    CutStatement ("a table such as { at = \"acknowledgement\" }") {
        /// Where.
        Required "at" place: OneOf<CutPlace>;
        /// How it ends.
        Default "how" how: OneOf<Cut> = "\"reset\"";
    }

    /// Mistakes of an operator, such as a migration that went wrong. Each is made as the administrator, in the scenario's
    /// own database, and what it changed in the catalogue is compared before and after.
    OperatorFaults ("a fault such as { disable-rls = { table = \"documents\" } }") {
        /// Row-Level Security is switched off on a table; its policies stay and mean nothing.
        Optional "disable-rls" disable_rls: OnTable;
        /// The policies of a table are dropped and Row-Level Security stays on, so that nothing is visible to anybody.
        Optional "drop-policy" drop_policy: OnTable;
        /// The policies of a table let everything through: `USING (true)`.
        Optional "widen-policy" widen_policy: OnTable;
        /// The application's role gets BYPASSRLS, and the application's connections are opened anew, as in a deployment.
        /// Needs `server = "alone"`: a role belongs to the whole server.
        Optional "grant-bypassrls" grant_bypassrls: Nothing;
        /// A table is given to the application's role. A table that forces Row-Level Security protects its rows all the
        /// same.
        Optional "own-table" own_table: OnTable;
        /// A table no longer forces Row-Level Security on its owner.
        Optional "unforce" unforce: OnTable;
        /// A partition of the audit trail is added without a policy, granted to the application, and read directly by a
        /// job of each tenant in turn.
        Optional "add-partition" add_partition: Nothing;
    }

    /// Faults of the server itself. Those that stop, restart or replace it need `server = "own"`.
    ServerFaults ("a fault such as { kill = {} }") {
        /// A backend of the application is ended in the middle of its transaction, again and again.
        Optional "terminate" terminate: Strokes;
        /// Every process of the server is killed at once, and the server is started again, through crash recovery, when
        /// the fault is undone.
        Optional "kill" kill: Nothing;
        /// Every process of the server stands still, and goes on when the fault is undone.
        Optional "pause" pause: Nothing;
        /// The server's container leaves its network, and comes back when the fault is undone.
        Optional "cut-network" cut_network: Nothing;
        /// The volume that the database lies on is filled to the last byte. Needs `stack.disk`. The server's log of
        /// writes lies elsewhere, as it should.
        Optional "fill-disk" fill_disk: Nothing;
        /// The server is restarted with a smaller `max_connections`, and with its own when the fault is undone.
        Optional "shrink-connections" shrink_connections: Shrink;
        /// A transaction keeps an old snapshot while documents are updated, so that no dead row can be vacuumed.
        Optional "long-transaction" long_transaction: Nothing;
        /// Checkpoints are forced one after the other.
        Optional "checkpoint-storm" checkpoint_storm: Strokes;
        /// The replica applies what it receives this much later, and a job of each tenant reads back its own last
        /// acknowledged write. Needs `stack.replica`.
        Optional "replica-lag" replica_lag: Lag;
        /// The replica receives nothing from the primary. Needs `stack.replica`.
        Optional "replica-cut" replica_cut: Nothing;
        /// The primary is killed, the replica takes over and the application is led to it. The old primary stays dead.
        /// Needs `stack.replica`.
        Optional "failover" failover: Nothing;
    }

    /// Something that happens again and again.
    Strokes ("a table such as { every = \"100ms\" }") {
        /// Time between two.
        Default "every" every: Length = "\"50ms\"";
    }

    /// Fewer connections.
    Shrink ("a table such as { to = 12 }") {
        /// `max_connections`; three of them are kept for superusers.
        Required "to" to: Whole<8, 1_000>;
    }

    /// How far a replica is behind.
    Lag ("a table such as { by = \"500ms\" }") {
        /// This much.
        Required "by" by: Length;
    }

    /// A table of the load.
    OnTable ("a table such as { table = \"documents\" }") {
        /// Which.
        Default "table" table: OneOf<LoadTable> = "\"documents\"";
    }

    /// Which requests, statements or connections a fault touches. All conditions must hold; `nth`, `first` and `share`
    /// count those that match the others.
    When ("a table such as { share = \"20%\" }") {
        /// This share of those that match, drawn at random from the fault's own seeded stream.
        Default "share" share: Percentage = "\"100%\"";
        /// Every nth that matches.
        Optional "nth" nth: Whole<1, 1_000_000_000>;
        /// Only the first n that match.
        Optional "first" first: Whole<1, 1_000_000_000>;
        /// Only requests, or statements under the context, of this tenant.
        Optional "tenant" tenant: Slug;
        /// Only requests of this tier.
        Optional "tier" tier: OneOf<Tier>;
        /// Only requests of this kind.
        Optional "operation" operation: OneOf<Operation>;
        /// Only statements of this kind; for faults on statements, like the keys below.
        Optional "statement" statement: OneOf<StatementKind>;
        /// Only the statement that comes next on its connection behind one of this kind.
        Optional "after" after: OneOf<StatementKind>;
        /// Only statements that name this table, without its schema.
        Optional "table" table: Text;
        /// Only statements under this tenant context, as its setting holds it; for applications whose tenants are not
        /// the fleet's.
        Optional "context" context: Text;
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
