//! `audit`: what a schema's catalogue says about isolation, without a probe.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::options::fetch_from;
use super::output::{CliError, print, print_json};
use super::stops::Stops;
use crate::diagnostics::visible;
use crate::hunt::{self, Audit as Found, HuntError, Target};
use crate::stack::{ProviderChoice, Server, StackOptions};

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    target: TargetArgs,
    /// Role that the application connects as; without it the least privileged one with rights on tables.
    #[arg(long, value_name = "ROLE")]
    app_role: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What to look at, and which server to apply it to.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// A .sql file, or a folder of them, applied in the order of their names to a throw-away database.
    #[arg(long, value_name = "PATH", required_unless_present = "database_url", conflicts_with = "database_url")]
    pub(super) schema: Option<PathBuf>,
    /// An existing database; only its structure is read.
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// Who provides the throw-away server: auto, docker or local.
    #[arg(long, value_name = "NAME", default_value_t = ProviderChoice::Auto, env = "TENANT_CHAOS_PROVIDER")]
    provider: ProviderChoice,
    /// Image of the docker provider: which version of Postgres is hunted.
    #[arg(long, value_name = "IMAGE", env = "TENANT_CHAOS_IMAGE")]
    image: Option<String>,
    /// Folder with `postgres` and `initdb` for the local provider.
    #[arg(long, value_name = "FOLDER", env = "TENANT_CHAOS_BIN_DIR")]
    bin_dir: Option<PathBuf>,
}

impl TargetArgs {
    pub(super) fn target(&self) -> Result<Target, CliError> {
        match (&self.schema, &self.database_url) {
            (Some(path), _) => Ok(Target::Schema(path.clone())),
            (None, Some(url)) => Ok(Target::Database(url.clone())),
            (None, None) => Err(CliError::Usage("give --schema or --database-url".into())),
        }
    }

    /// Starts the throw-away server. One that others use will not do: roles belong to the whole server.
    pub(super) async fn server(&self) -> Result<Server, CliError> {
        if self.provider == ProviderChoice::External {
            return Err(CliError::Usage("a hunt makes roles, so it needs a server of its own: docker or local".into()));
        }
        Ok(Server::start(&self.options(), None).await?)
    }

    fn options(&self) -> StackOptions {
        StackOptions {
            provider: self.provider,
            image: self.image.clone(),
            bin_dir: self.bin_dir.clone(),
            fetch_from: fetch_from(),
            ..StackOptions::default()
        }
    }
}

impl Audit {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let runtime = tokio::runtime::Runtime::new().map_err(CliError::io("start the async runtime"))?;
        let (found, clean) = runtime.block_on(self.find())?;
        match self.json {
            true => print_json(&found)?,
            false => print(&text(&found))?,
        }
        Ok(match (found.is_open(), clean) {
            (true, _) => Exit::Fail,
            (false, false) => Exit::Trouble,
            (false, true) => Exit::Pass,
        })
    }

    /// What was found, and whether nothing is left of the server that it took.
    async fn find(&self) -> Result<(Found, bool), CliError> {
        let role = self.app_role.as_deref();
        if let Some(url) = &self.target.database_url {
            let mut connection = hunt::open_read_only(url).await?;
            return Ok((hunt::audit(&mut connection, role).await?, true));
        }
        let (target, mut stops) = (self.target.target()?, Stops::new()?);
        let server = stops.unless(self.target.server()).await??;
        let found = stops.unless(audit_on(&target, &server, role)).await;
        let clean = stops.stop(&server).await;
        Ok((found??, clean))
    }
}

async fn audit_on(target: &Target, server: &Server, role: Option<&str>) -> Result<Found, HuntError> {
    use sqlx::Connection;
    let applied = hunt::apply(target, server).await?;
    for role in &applied.created_roles {
        eprintln!("the schema expects the role {role}: created, without rights of its own");
    }
    let connection = sqlx::PgConnection::connect_with(&server.admin(&applied.database)).await;
    let mut connection =
        connection.map_err(|source| HuntError::Database { what: "connect to the new database", source })?;
    hunt::audit_applied(&mut connection, &applied, role).await
}

fn text(found: &Found) -> String {
    let mut lines = vec![format!(
        "application role {} (of {}); {} tables, {} with row security; {} findings",
        found.app_role,
        found.app_role_candidates.join(", "),
        found.tables,
        found.protected_tables,
        found.findings.len()
    )];
    for finding in &found.findings {
        lines.push(String::new());
        lines.push(format!("{:<12} {}  {}: {}", finding.severity.name(), finding.mode, finding.object, finding.title));
        lines.push(format!("             seen: {}", finding.evidence));
        lines.push(format!("             fix:  {}", finding.fix));
    }
    // Names and values are the schema's, which may hold what a terminal acts on.
    lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The docker provider's image is taken as `run` takes it.
    #[test]
    fn an_image_is_taken() {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            target: TargetArgs,
        }
        let given = ["audit", "--schema", "schema.sql", "--image", "registry.test/postgres:16"];
        let options = <Command as clap::Parser>::parse_from(given).target.options();
        assert_eq!(options.image.as_deref(), Some("registry.test/postgres:16"));
    }
}
