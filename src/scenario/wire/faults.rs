//! The tables of a fault: what goes wrong, and when. The comments on the keys are the reference that users read.

use super::scalar::{Factor, Length, Nothing, OneOf, Percentage, Size, SizePerSecond, Slug, Sqlstate, Text, Whole};
use super::table::{Decode, Entry, Fields, Key, Need, Node, table_schema, tables};
use crate::diagnostics::Problems;
use crate::scenario::model::Tier;
use crate::scenario::vocabulary::{ContextLayer, ContextResidue, Cut, CutPlace, LoadTable, Operation, StatementKind};

tables! {
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
}
