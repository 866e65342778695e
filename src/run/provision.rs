//! Provision: the scenario's own database, its planted defects, and the runtime that connects to it.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

use super::options::RunError;
use crate::scenario::{Defect, Layer, Scenario};
use crate::stack::{LoginRole, RowSecurity, Server, plant};
use crate::tenancy::{Tenancy, TenancyOptions};

/// What a scenario runs against.
pub(super) struct Provisioned {
    pub(super) tenancy: Arc<Tenancy>,
    pub(super) connect: PgConnectOptions,
    pub(super) admin: PgConnectOptions,
}

/// Plants the scenario's defects in its clone and builds a warm runtime over it.
pub(super) async fn provision(server: &Server, database: &str, scenario: &Scenario) -> Result<Provisioned, RunError> {
    let admin = server.admin(database);
    let prepare = |error: Box<dyn std::error::Error + Send + Sync>| RunError::Prepare(error);
    let mut connection = PgConnection::connect_with(&admin).await.map_err(|error| prepare(error.into()))?;
    let row_security = match scenario.stack.defence.contains(&Layer::Rls) {
        true => RowSecurity::On,
        false => RowSecurity::Off,
    };
    plant(&mut connection, &scenario.stack.defects, row_security).await.map_err(|error| prepare(error.into()))?;
    connection.close().await.map_err(|error| prepare(error.into()))?;

    let connect = server.connect_as(role_of(scenario), database);
    let tenancy = Tenancy::new(TenancyOptions {
        connect: connect.clone(),
        pool: scenario.stack.pool.clone(),
        defence: scenario.stack.defence.clone(),
        defects: scenario.stack.defects.clone(),
        statement_timeout: scenario.load.timeout,
    })?;
    tenancy.pool().warm_up().await?;
    Ok(Provisioned { tenancy, connect, admin })
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
