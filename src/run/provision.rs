//! Provision: the scenario's own database, its planted defects, and the runtime that connects to it.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::options::RunError;
use crate::faults::proxy::{Proxy, ProxyError, ProxyOptions, Upstream};
use crate::scenario::{Defect, FaultAction, Layer, Pooler as Kind, Scenario};
use crate::stack::{LoginRole, Pooler, RowSecurity, Server, plant};
use crate::tenancy::{Behind, Statements, Tenancy, TenancyOptions};

/// What a scenario runs against.
pub(super) struct Provisioned {
    pub(super) tenancy: Arc<Tenancy>,
    pub(super) connect: PgConnectOptions,
    pub(super) admin: PgConnectOptions,
    /// Between the runtime and what it connects to, if a fault works there.
    pub(super) proxy: Option<Proxy>,
    /// Between the proxy, or the runtime, and the server.
    pub(super) pooler: Option<Arc<Pooler>>,
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
    let pooled = scenario.stack.pooler.kind != Kind::None;
    if pooled {
        let limit = limit_statements(server, scenario, database);
        sqlx::raw_sql(AssertSqlSafe(limit)).execute(&mut connection).await.map_err(|error| prepare(error.into()))?;
    }
    connection.close().await.map_err(|error| prepare(error.into()))?;

    let (stack, role) = (&scenario.stack, role_of(scenario));
    let pooler = match pooled {
        true => Some(Arc::new(server.start_pooler(role, database, stack.pooler, &stack.defects).await?)),
        false => None,
    };
    let set_up = behind_the_pooler(server, database, scenario, seed, pooler.as_deref()).await;
    match (set_up, pooler) {
        (Ok((tenancy, connect, proxy)), pooler) => Ok(Provisioned { tenancy, connect, admin, proxy, pooler }),
        (Err(error), None) => Err(error),
        (Err(error), Some(pooler)) => {
            if let Err(left) = pooler.stop().await {
                tracing::warn!(%left, "clean-up");
            }
            Err(error)
        }
    }
}

/// A warm runtime, which connects to the pooler if there is one, through a proxy if a fault works there.
async fn behind_the_pooler(
    server: &Server,
    database: &str,
    scenario: &Scenario,
    seed: Option<u64>,
    pooler: Option<&Pooler>,
) -> Result<(Arc<Tenancy>, PgConnectOptions, Option<Proxy>), RunError> {
    let prepare = |error: Box<dyn std::error::Error + Send + Sync>| RunError::Prepare(error);
    let (direct, behind) = match pooler {
        Some(pooler) => (pooler.connect().clone(), Behind::Pooler(statements(pooler, scenario))),
        None => (server.connect_as(role_of(scenario), database), Behind::Server),
    };
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
        behind,
        pool: scenario.stack.pool.clone(),
        defence: scenario.stack.defence.clone(),
        defects: scenario.stack.defects.clone(),
        statement_timeout: scenario.load.timeout,
    })?;
    tenancy.warm_up().await?;
    Ok((tenancy, connect, proxy))
}

/// Where names of prepared statements would meet on one server connection, statements are prepared afresh, unless the
/// defect about exactly that is planted.
fn statements(pooler: &Pooler, scenario: &Scenario) -> Statements {
    match pooler.keeps_statements() || scenario.stack.defects.contains(&Defect::KeptStatements) {
        true => Statements::Kept,
        false => Statements::Afresh,
    }
}

/// Behind a pooler a connection cannot bring its statement timeout with it, so the role has it in this database.
fn limit_statements(server: &Server, scenario: &Scenario, database: &str) -> String {
    let role = server.name_of(role_of(scenario));
    let millis = scenario.load.timeout.as_millis().max(1);
    format!("ALTER ROLE {role} IN DATABASE {database} SET statement_timeout = {millis}")
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
