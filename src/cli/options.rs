//! Options that several subcommands share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::output::CliError;
use crate::business_metrics::{Assumptions, Profile};
use crate::scenario::{self, Scenario};
use crate::stack::{ProviderChoice, StackOptions};

/// Which scenarios.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Scenario files and folders of them.
    #[arg(default_value = "scenarios")]
    pub(super) paths: Vec<PathBuf>,
    /// Only those with one of these tags or families, or with one of these words in their name; separated by commas.
    #[arg(long, value_name = "TERMS")]
    pub(super) filter: Option<String>,
}

impl Selection {
    /// Loads and checks them.
    pub(super) fn load(&self) -> Result<Vec<Scenario>, CliError> {
        Ok(scenario::load(&self.paths, self.filter.as_deref())?)
    }
}

/// Where the server comes from.
#[derive(Debug, Args)]
pub(super) struct StackArgs {
    /// Who provides the server: auto, docker, local or external.
    #[arg(long, value_name = "NAME", default_value_t = ProviderChoice::Auto, env = "TENANT_CHAOS_PROVIDER")]
    provider: ProviderChoice,
    /// Image of the docker provider.
    #[arg(long, value_name = "IMAGE", env = "TENANT_CHAOS_IMAGE")]
    image: Option<String>,
    /// Server of the external provider; the database must carry the harness's marker.
    #[arg(long, value_name = "URL", env = "TENANT_CHAOS_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Folder with `postgres` and `initdb` for the local provider.
    #[arg(long, value_name = "FOLDER", env = "TENANT_CHAOS_BIN_DIR")]
    bin_dir: Option<PathBuf>,
    /// The PgBouncer program, for scenarios with a pooler on this machine.
    #[arg(long, value_name = "FILE", env = "TENANT_CHAOS_PGBOUNCER")]
    pgbouncer: Option<PathBuf>,
    /// Leave server and databases running; `tenant-chaos clean --all` removes them.
    #[arg(long)]
    keep: bool,
}

impl StackArgs {
    pub(super) fn options(&self) -> StackOptions {
        StackOptions {
            provider: self.provider,
            image: self.image.clone(),
            database_url: self.database_url.clone(),
            bin_dir: self.bin_dir.clone(),
            pgbouncer: self.pgbouncer.clone(),
            fetch_from: fetch_from(),
            keep: self.keep,
            ..StackOptions::default()
        }
    }
}

/// Where server binaries come from, if not from the public mirror.
pub(super) fn fetch_from() -> Option<String> {
    std::env::var("TENANT_CHAOS_POSTGRES_SOURCE").ok().filter(|source| !source.is_empty())
}

/// What prices are computed with.
#[derive(Debug, Args)]
pub(super) struct MoneyArgs {
    /// TOML file that overrides single assumptions of the price models.
    #[arg(long, value_name = "FILE")]
    assumptions: Option<PathBuf>,
    /// A named set of assumptions below those of the file: brief, dbir, vendor, brief-1m or brief-arpu.
    #[arg(long, value_name = "NAME", default_value_t = Profile::default())]
    profile: Profile,
}

impl MoneyArgs {
    pub(super) fn assumptions(&self) -> Result<Arc<Assumptions>, CliError> {
        let profile = self.profile.assumptions();
        let Some(path) = &self.assumptions else { return Ok(Arc::new(profile)) };
        let text = read(path)?;
        profile.overridden(path, &text).map(Arc::new).map_err(|error| CliError::Usage(error.to_string()))
    }
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::Usage(format!("cannot read {}: {error}", path.display())))
}
