//! Provision: the scenario's own database, its planted defects, and the runtime that connects to it.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};

use super::options::RunError;
use crate::faults::proxy::{Proxy, ProxyError, ProxyOptions, Upstream};
use crate::scenario::{Defect, FaultAction, Layer, Scenario};
use crate::stack::{LoginRole, RowSecurity, Server, plant};
use crate::tenancy::{Tenancy, TenancyOptions};

/// What a scenario runs against.
pub(super) struct Provisioned {
    pub(super) tenancy: Arc<Tenancy>,
    pub(super) connect: PgConnectOptions,
    pub(super) admin: PgConnectOptions,
    /// Between the runtime and the server, if a fault works there.
    pub(super) proxy: Option<Proxy>,
}

/// Plants the scenario's defects in its clone and builds a warm runtime over it.
pub(super) async fn provision(
    server: &Server,
    database: &str,
    scenario: &Scenario,
    seed: Option<u64>,
) -> Result<Provisioned, RunError> {
    let admin = server.admin(database);
    let prepare = |error: Box<dyn std::error::Error + Send + Sync>| RunError::Prepare(error);
    let mut connection = PgConnection::connect_with(&admin).await.map_err(|error| prepare(error.into()))?;
    let row_security = match scenario.stack.defence.contains(&Layer::Rls) {
        true => RowSecurity::On,
        false => RowSecurity::Off,
    };
    plant(&mut connection, &scenario.stack.defects, row_security).await.map_err(|error| prepare(error.into()))?;
    connection.close().await.map_err(|error| prepare(error.into()))?;

    let direct = server.connect_as(role_of(scenario), database);
    let on_the_wire = scenario.faults.iter().any(|fault| matches!(fault.action, FaultAction::Wire(_)));
    let (connect, proxy) = match on_the_wire {
        true => {
            let seed = seed.unwrap_or(scenario.seed);
            let (connect, proxy) = behind_a_proxy(&direct, seed).await.map_err(|error| prepare(error.into()))?;
            (connect, Some(proxy))
        }
        false => (direct, None),
    };
    server.replica_catches_up().await?;
    let tenancy = Tenancy::new(TenancyOptions {
        connect: connect.clone(),
        replica: server.connect_to_replica(role_of(scenario), database).await,
        pool: scenario.stack.pool.clone(),
        defence: scenario.stack.defence.clone(),
        defects: scenario.stack.defects.clone(),
        statement_timeout: scenario.load.timeout,
    })?;
    tenancy.warm_up().await?;
    Ok(Provisioned { tenancy, connect, admin, proxy })
}

/// The same role and database, through a proxy of this machine.
async fn behind_a_proxy(direct: &PgConnectOptions, seed: u64) -> Result<(PgConnectOptions, Proxy), ProxyError> {
    let port = direct.get_port();
    let (upstream, connect) = match direct.get_socket() {
        Some(folder) => {
            // Options with a socket keep it, so these are made anew; behind its own socket the server asks for no
            // password.
            let connect = PgConnectOptions::new_without_pgpass().username(direct.get_username());
            let connect = match direct.get_database() {
                Some(database) => connect.database(database),
                None => connect,
            };
            (Upstream::Unix(folder.join(format!(".s.PGSQL.{port}"))), connect)
        }
        None => (Upstream::Tcp(direct.get_host().to_owned(), port), direct.clone()),
    };
    let proxy = Proxy::start(ProxyOptions { seed, ..ProxyOptions::new(upstream) }).await?;
    let connect = connect.host("127.0.0.1").port(proxy.address().port()).ssl_mode(PgSslMode::Disable);
    Ok((connect, proxy))
}

/// The workload never runs as owner or with BYPASSRLS, except where the scenario is about exactly that.
fn role_of(scenario: &Scenario) -> LoginRole {
    let planted = |defect| scenario.stack.defects.contains(&defect);
    match () {
        () if planted(Defect::OwnerAsApp) => LoginRole::Owner,
        () if planted(Defect::BypassrlsRole) => LoginRole::AppBypassRls,
        () => LoginRole::App,
    }
}
