//! Where the server should come from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::scenario::{Replica, ServerUse, StackSpec};

/// Which provider to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProviderChoice {
    /// The first that can serve: external if a URL is given, else docker, else local.
    #[default]
    Auto,
    /// A container.
    Docker,
    /// Server binaries of this machine, or fetched once into the user's cache.
    Local,
    /// A database server that someone else runs.
    External,
}

impl ProviderChoice {
    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            ProviderChoice::Auto => "auto",
            ProviderChoice::Docker => "docker",
            ProviderChoice::Local => "local",
            ProviderChoice::External => "external",
        }
    }
}

impl fmt::Display for ProviderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ProviderChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [ProviderChoice::Auto, ProviderChoice::Docker, ProviderChoice::Local, ProviderChoice::External]
            .into_iter()
            .find(|choice| choice.name() == text)
            .ok_or_else(|| format!("`{text}` is no provider: use auto, docker, local or external"))
    }
}

/// What a scenario needs of its server beside what all need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// A server that nobody else uses, to be stopped and changed.
    pub own: bool,
    /// Databases lie on a volume of so many bytes.
    pub disk_bytes: Option<u64>,
    /// A streaming replica.
    pub replica: Option<Replica>,
}

impl Needs {
    /// What a scenario needs.
    pub fn of(stack: &StackSpec) -> Self {
        let own = stack.server == ServerUse::Own;
        Self { own, disk_bytes: stack.disk_bytes, replica: stack.replica }
    }
}

/// How to get a server.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    /// Which provider.
    pub provider: ProviderChoice,
    /// The image of the docker provider; `None` takes its default.
    pub image: Option<String>,
    /// The server of the external provider: a Postgres URL of a role that may create databases and roles.
    pub database_url: Option<String>,
    /// Folder with `postgres` and `initdb` for the local provider; `None` looks in the usual places.
    pub bin_dir: Option<PathBuf>,
    /// The PgBouncer program for poolers of this machine; `None` looks in the usual places.
    pub pgbouncer: Option<PathBuf>,
    /// Where missing server binaries are fetched from; `None` takes the default.
    pub fetch_from: Option<String>,
    /// Leave server and databases running when the run has ended. `tenant-chaos clean` removes them.
    pub keep: bool,
    /// What the server must have.
    pub needs: Needs,
}
