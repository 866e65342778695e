//! One example of every fault, as a scenario writes it. What must hold for every fault is tested over this table, and
//! `docs/faults.md` is made from it; a test fails when a fault of the format is missing here.

use std::path::Path;

use crate::diagnostics::Diagnostics;
use crate::scenario::{Scenario, parse};

/// A fault as a scenario writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Such as `context.drop`.
    pub name: &'static str,
    /// Its settings, such as `{ leaves = "stale" }`.
    pub settings: &'static str,
    /// What it needs of `[stack]`, as lines of TOML.
    pub stack: &'static str,
}

const fn plain(name: &'static str, settings: &'static str) -> Example {
    Example { name, settings, stack: "" }
}

const fn own(name: &'static str, settings: &'static str) -> Example {
    Example { name, settings, stack: "server = \"own\"" }
}

const fn with_replica(name: &'static str, settings: &'static str) -> Example {
    Example { name, settings, stack: "server = \"own\"\nreplica = \"async\"" }
}

/// Every fault, in the order of the format.
pub const EXAMPLES: [Example; 42] = [
    plain("context.drop", "{ leaves = \"stale\" }"),
    plain("pool.hold", "{ connections = 2 }"),
    plain("pool.leak", "{}"),
    plain("pool.storm", "{ clients = 2 }"),
    plain("pool.idle-in-transaction", "{ connections = 2 }"),
    Example { name: "pooler.restart", settings: "{ down = \"100ms\" }", stack: "pooler = \"pgbouncer-transaction\"" },
    plain("flood.rate", "{ tenant = \"starter-1\", times = 20 }"),
    plain("flood.heavy", "{ tenant = \"starter-1\", clients = 1 }"),
    plain("flood.lock", "{ tenant = \"starter-1\", hold = \"20ms\" }"),
    plain("network.latency", "{ add = \"5ms\" }"),
    plain("network.bandwidth", "{ rate = \"256KiB/s\" }"),
    plain("network.slice", "{ size = \"512B\", gap = \"1ms\" }"),
    plain("network.limit", "{ after = \"64KiB\" }"),
    plain("network.cut", "{}"),
    plain("network.blackhole", "{}"),
    plain("network.refuse", "{}"),
    plain("network.drain", "{ rate = \"256KiB/s\" }"),
    plain("protocol.swallow", "{}"),
    plain("protocol.drop-context", "{}"),
    plain("protocol.fail", "{ sqlstate = \"40001\" }"),
    plain("protocol.delay", "{ by = \"5ms\" }"),
    plain("protocol.duplicate", "{}"),
    plain("protocol.reorder", "{}"),
    plain("protocol.cut", "{ at = \"acknowledgement\" }"),
    plain("operator.disable-rls", "{}"),
    plain("operator.drop-policy", "{ table = \"orders\" }"),
    plain("operator.widen-policy", "{}"),
    Example { name: "operator.grant-bypassrls", settings: "{}", stack: "server = \"alone\"" },
    plain("operator.own-table", "{}"),
    plain("operator.unforce", "{}"),
    plain("operator.add-partition", "{}"),
    plain("server.terminate", "{}"),
    own("server.kill", "{}"),
    own("server.pause", "{}"),
    own("server.cut-network", "{}"),
    Example { name: "server.fill-disk", settings: "{}", stack: "server = \"own\"\ndisk = \"64MiB\"" },
    own("server.shrink-connections", "{ to = 12 }"),
    plain("server.long-transaction", "{}"),
    Example { name: "server.checkpoint-storm", settings: "{}", stack: "server = \"alone\"" },
    with_replica("server.replica-lag", "{ by = \"200ms\" }"),
    with_replica("server.replica-cut", "{}"),
    with_replica("server.failover", "{}"),
];

impl Example {
    /// The `[[fault]]` table.
    pub fn table(&self) -> String {
        format!("[[fault]]\n{} = {}\n", self.name, self.settings)
    }

    /// A short scenario with this fault and nothing else.
    ///
    /// # Errors
    /// If the format has changed and this example has not.
    pub fn scenario(&self) -> Result<Scenario, Diagnostics> {
        let text = format!(
            "name = \"example\"\nwhy = \"An example.\"\n[stack]\n{}\n[load]\nrate = \"100/s\"\n[phases]\ninject = \"1s\"\n\
             {}[expect]\nalways = [\"leaked_rows == 0\"]\n",
            self.stack,
            self.table()
        );
        parse(Path::new("scenarios/examples/example.toml"), &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::fault_names;

    /// Every fault of the format has its example under its own name, and every example is sound.
    #[test]
    fn every_fault_has_its_example() {
        let names: Vec<String> = fault_names().into_iter().map(|(name, _)| name).collect();
        let examples: Vec<&str> = EXAMPLES.iter().map(|example| example.name).collect();
        assert_eq!(examples, names);
        for example in EXAMPLES {
            let scenario = example.scenario().unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(scenario.faults[0].action.name(), example.name);
        }
    }
}
