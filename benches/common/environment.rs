//! Where and how a benchmark ran.

use std::fs;

use serde::Serialize;
use tenant_chaos::stack::Server;

/// How many processors this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a reader needs to judge the figures, and to repeat them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Environment {
    /// Command, with the variables that steer it.
    command: String,
    /// Operating system and processor architecture.
    system: String,
    /// The processor's name.
    processor: String,
    /// How many of them there are for this process.
    processors: usize,
    /// Load average before the run: above zero, others were at work.
    load_before: String,
    /// The server, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    postgres: Option<String>,
    /// Who ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// Optimised or not.
    build: &'static str,
}

impl Environment {
    /// Takes note. `prefix` is that of the benchmark's variables; `processors` as counted before the benchmark confined
    /// itself to some of them, if it does.
    pub(crate) fn note(bench: &str, prefix: &str, server: Option<&Server>, processors: usize) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = read("/proc/loadavg");
        let mut variables: Vec<String> =
            std::env::vars().filter(|(name, _)| name.starts_with(prefix)).map(|(k, v)| format!("{k}={v} ")).collect();
        variables.sort();
        Self {
            command: format!("{}cargo bench --bench {bench}", variables.concat()),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: processor.map_or("unknown", |(_, name)| name).to_owned(),
            processors,
            load_before: load.split_whitespace().next().unwrap_or("unknown").to_owned(),
            postgres: server.map(|server| server.version().to_owned()),
            provider: server.map(|server| server.provider().to_owned()),
            build: if cfg!(debug_assertions) { "debug" } else { "optimised" },
        }
    }

    /// One line per fact.
    pub(crate) fn lines(&self) -> Vec<String> {
        vec![
            format!("command: `{}`", self.command),
            format!(
                "machine: {}, {} x {}, load before {}",
                self.system, self.processors, self.processor, self.load_before
            ),
            match (&self.postgres, &self.provider) {
                (Some(postgres), Some(provider)) => {
                    format!("server: PostgreSQL {postgres} ({provider} provider); build: {}", self.build)
                }
                _ => format!("build: {}", self.build),
            },
        ]
    }
}
