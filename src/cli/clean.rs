//! `clean`: remove what killed runs have left behind.

use clap::Args;

use super::exit::Exit;
use super::output::{CliError, print, print_json};
use crate::stack::{self, Sweep};

#[derive(Debug, Args)]
pub(super) struct Clean {
    /// Also what was to be kept (`run --keep`).
    #[arg(long)]
    all: bool,
    /// Also databases and roles that dead runs left on this server.
    #[arg(long, value_name = "URL", env = "TENANT_CHAOS_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Clean {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let runtime = tokio::runtime::Runtime::new().map_err(CliError::io("start the async runtime"))?;
        let which = if self.all { Sweep::Kept } else { Sweep::Orphans };
        let removed = runtime.block_on(stack::clean(which, self.database_url.as_deref()))?;
        match (self.json, removed.is_empty()) {
            (true, _) => print_json(&serde_json::json!({ "removed": removed }))?,
            (false, true) => print("nothing was left behind")?,
            (false, false) => print(&format!("removed:\n  {}", removed.join("\n  ")))?,
        }
        Ok(Exit::Pass)
    }
}
