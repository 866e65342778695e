//! Chooses who provides the server, and says why.

use sqlx::postgres::PgConnectOptions;

#[cfg(feature = "docker")]
use super::docker::{self, Pair};
use super::error::{Attempt, NoProvider, StackError};
use super::external::{self, External};
use super::local::{self, Cluster, Sweep};
use super::options::{Needs, ProviderChoice, StackOptions};
use super::pooler::{Address, Place};

/// A server in the hands of its provider.
pub(super) enum Provided {
    #[cfg(feature = "docker")]
    Docker(Box<Pair>),
    Local(Box<Cluster>),
    External(Box<External>),
}

impl Provided {
    pub(super) fn name(&self) -> &'static str {
        match self {
            #[cfg(feature = "docker")]
            Provided::Docker(_) => "docker",
            Provided::Local(_) => "local",
            Provided::External(_) => "external",
        }
    }

    pub(super) fn admin(&self) -> &PgConnectOptions {
        match self {
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => pair.primary().admin(),
            Provided::Local(cluster) => cluster.admin(),
            Provided::External(external) => external.admin(),
        }
    }

    /// Where a pooler in front of this server runs, and how it reaches the server.
    pub(super) fn place_for_a_pooler(&self) -> Place {
        match self {
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => Place::Docker(pair.primary().neighbour()),
            Provided::Local(_) | Provided::External(_) => Place::Here(Address::of(self.admin())),
        }
    }

    /// The engine's id of the server's container, if it is in one.
    pub(super) fn container_id(&self) -> Option<&str> {
        match self {
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => Some(pair.primary().id()),
            Provided::Local(_) | Provided::External(_) => None,
        }
    }

    /// Whether the server goes on when the run ends, so that databases must be dropped one by one.
    pub(super) fn outlives_the_run(&self) -> bool {
        matches!(self, Provided::External(_))
    }

    pub(super) async fn stop(self) -> Result<(), StackError> {
        match self {
            #[cfg(feature = "docker")]
            Provided::Docker(mut pair) => pair.stop().await,
            Provided::Local(mut cluster) => cluster.stop().await,
            Provided::External(external) => external.release().await,
        }
    }

    /// Lets go without stopping anything (`--keep`).
    pub(super) async fn leave(self) -> Result<(), StackError> {
        match self {
            #[cfg(feature = "docker")]
            Provided::Docker(pair) => {
                let container = pair.primary().id();
                tracing::info!(container, "the server is kept; `tenant-chaos clean --all` removes it");
                pair.leave();
                Ok(())
            }
            Provided::Local(mut cluster) => {
                let folder = cluster.folder().display();
                tracing::info!(%folder, "the server is kept; `tenant-chaos clean --all` ends it");
                cluster.stop().await
            }
            Provided::External(external) => {
                tracing::info!("the databases are kept; `tenant-chaos clean --database-url` drops them");
                external.release().await
            }
        }
    }
}

/// The first provider that can serve, and why it is that one.
pub(super) async fn provide(
    options: &StackOptions,
    postgres: Option<&str>,
    run: &str,
) -> Result<(Provided, String), StackError> {
    sweep_quietly().await;
    let order: &[ProviderChoice] = match (options.provider, &options.database_url) {
        (ProviderChoice::Auto, Some(_)) => &[ProviderChoice::External],
        (ProviderChoice::Auto, None) => &[ProviderChoice::Docker, ProviderChoice::Local],
        (ProviderChoice::Docker, _) => &[ProviderChoice::Docker],
        (ProviderChoice::Local, _) => &[ProviderChoice::Local],
        (ProviderChoice::External, _) => &[ProviderChoice::External],
    };
    let mut refused = NoProvider::default();
    for choice in order {
        let offered = match choice {
            ProviderChoice::Docker => docker(options, postgres, run).await,
            ProviderChoice::Local | ProviderChoice::Auto => local(options, postgres).await,
            ProviderChoice::External => external(options, run).await,
        };
        match offered {
            Ok((provided, why)) => return Ok((provided, with_refusals(why, options.provider, &refused))),
            Err(attempt) => refused.tried.push(attempt),
        }
    }
    Err(StackError::NoProvider(refused))
}

fn with_refusals(why: String, choice: ProviderChoice, refused: &NoProvider) -> String {
    match (choice, refused.tried.first()) {
        (ProviderChoice::Auto, Some(Attempt { provider, why: because, .. })) => {
            format!("{why}; {provider} cannot serve: {}", because.lines().next().unwrap_or_default())
        }
        (ProviderChoice::Auto, None) => format!("{why}; the first choice of auto"),
        _ => format!("{why}; asked for"),
    }
}

/// Orphans of dead runs are not worth failing for: the next start tries again.
async fn sweep_quietly() {
    let said = |swept: Result<Vec<String>, StackError>| match swept {
        Ok(removed) => removed.iter().for_each(|what| tracing::info!("removed what a dead run left: {what}")),
        Err(error) => tracing::warn!(%error, "cannot remove what a dead run left"),
    };
    #[cfg(feature = "docker")]
    said(docker::sweep(Sweep::Orphans).await);
    match tokio::task::spawn_blocking(|| local::sweep(Sweep::Orphans)).await {
        Ok(swept) => said(swept),
        Err(error) => tracing::warn!(%error, "cannot look for what dead runs left"),
    }
}

async fn local(options: &StackOptions, postgres: Option<&str>) -> Result<(Provided, String), Attempt> {
    let binaries = local::obtain(options, postgres).await.map_err(|why| Attempt {
        provider: "local",
        why,
        mend: match postgres {
            Some(major) => format!("apt-get install postgresql-{major}  (or brew install postgresql@{major})"),
            None => {
                "apt-get install postgresql  (or brew install postgresql, or --bin-dir FOLDER, or a source to fetch \
                     from: TENANT_CHAOS_POSTGRES_SOURCE=URL)"
                    .to_owned()
            }
        },
    })?;
    let cluster = Cluster::start(&binaries, options.keep, &options.needs).await.map_err(|error| Attempt {
        provider: "local",
        why: format!("PostgreSQL {} in {} does not start: {error}", binaries.major, binaries.folder.display()),
        mend: "look at what it said; TMPDIR must be a folder that the server's user can enter".to_owned(),
    })?;
    let why = format!("server binaries in {}", binaries.folder.display());
    Ok((Provided::Local(Box::new(cluster)), why))
}

#[cfg(feature = "docker")]
async fn docker(options: &StackOptions, postgres: Option<&str>, run: &str) -> Result<(Provided, String), Attempt> {
    let pair = Pair::start(options, postgres, run).await?;
    let why = format!("a Docker engine answers and has {}", pair.primary().image());
    Ok((Provided::Docker(Box::new(pair)), why))
}

#[cfg(not(feature = "docker"))]
async fn docker(_: &StackOptions, _: Option<&str>, _: &str) -> Result<(Provided, String), Attempt> {
    Err(Attempt { provider: "docker", why: "not built in".into(), mend: "build with the feature `docker`".into() })
}

async fn external(options: &StackOptions, run: &str) -> Result<(Provided, String), Attempt> {
    if options.needs != Needs::default() {
        return Err(Attempt {
            provider: "external",
            why: "a server of its own is wanted, and this one belongs to somebody else".into(),
            mend: "--provider local, or docker".into(),
        });
    }
    let Some(url) = &options.database_url else {
        return Err(Attempt {
            provider: "external",
            why: "no database URL".into(),
            mend: "--database-url postgres://user:password@host/database".into(),
        });
    };
    let refused = |error: StackError| {
        let cause = std::error::Error::source(&error).map_or(String::new(), |source| format!(": {source}"));
        Attempt { provider: "external", why: format!("{error}{cause}"), mend: "see above".into() }
    };
    let external = External::claim(url, run).await.map_err(refused)?;
    match external::sweep(url).await {
        Ok(removed) => removed.iter().for_each(|what| tracing::info!("removed what a dead run left: {what}")),
        Err(error) => tracing::warn!(%error, "cannot remove what dead runs left"),
    }
    Ok((Provided::External(Box::new(external)), "a database URL was given".to_owned()))
}
