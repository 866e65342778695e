//! The hunt: apply, audit, understand, seed, probe, look for fixes, and say what was and was not tested.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use super::audit::{audit, tenant_columns};
use super::catalogue::Catalogue;
use super::error::HuntError;
use super::finding::{Finding, FixStatus, Status};
use super::hunter::{Hunter, Known};
use super::input::{Config, Target, apply};
use super::probe::context;
use super::prove::{Found, Prover, Schema, refresh};
use super::report::{Coverage, Discovered, HuntReport, bound, price};
use super::seeding::{Tenancy, run, said, seed};
use crate::business_metrics::Assumptions;
use crate::stack::Server;

/// A database may be cloned once nobody is connected to it; a connection that was closed is gone after a moment.
const CLONE_LIMIT: Duration = Duration::from_secs(10);

/// Tables whose reads are the controls of a fix.
const CONTROL_TABLES: usize = 24;

/// How much a hunt may do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What confirmed leaks are priced with.
    pub assumptions: Arc<Assumptions>,
    /// What is left of the fixed probes when this time is over is reported as not tested.
    pub budget: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { assumptions: Arc::default(), budget: Duration::from_secs(600) }
    }
}

/// Hunts one target on a server of our own.
///
/// # Errors
/// The input cannot be used, or the harness failed. A leak is no error.
pub async fn hunt(
    target: &Target,
    server: &Server,
    app_role: Option<&str>,
    config: &Config,
) -> Result<HuntReport, HuntError> {
    hunt_with(target, server, app_role, config, &Options::default()).await
}

/// The same, within limits.
///
/// # Errors
/// As [`hunt`].
pub async fn hunt_with(
    target: &Target,
    server: &Server,
    app_role: Option<&str>,
    config: &Config,
    options: &Options,
) -> Result<HuntReport, HuntError> {
    let deadline = Instant::now() + options.budget;
    let applied = apply(target, server).await?;
    let mut connection = connect(server, &applied.database).await?;
    let audited = audit(&mut connection, app_role.or(config.app_role.as_deref())).await?;
    let role = audited.app_role.as_str();
    let catalogue = Catalogue::read(&mut connection, role).await?;
    let usual_columns = tenant_columns(&mut connection).await?;
    let tenancy = Tenancy::of(&catalogue, [config.tenant_columns.clone(), usual_columns.clone()].concat());
    let seeded = seed(&mut connection, &catalogue, &tenancy).await?;
    let setup: Vec<String> = config.tenants.a.setup.iter().chain(&config.tenants.b.setup).cloned().collect();
    for statement in setup.iter().cloned().chain(refresh(&catalogue)) {
        run(&mut connection, statement.clone())
            .await
            .map_err(|error| HuntError::Input(format!("cannot run `{statement}`: {}", said(&error))))?;
    }
    let context = context::discover(&mut connection, &catalogue, &seeded, role, config).await?;
    connection.close().await.map_err(HuntError::database("leave the database"))?;
    let clone = clone_of(server, &applied.database).await?;

    let known = Known {
        catalogue: &catalogue,
        tenancy: &tenancy,
        seeded: &seeded,
        context: &context,
        audited: &audited.findings,
        role,
        setup: &setup,
    };
    let (connection, fresh) = (connect(server, &applied.database).await?, connect(server, &applied.database).await?);
    let mut hunter = Hunter::new(known, connection, fresh, deadline);
    hunter.probe_all().await?;
    let Hunter { found, cells, working, notices, .. } = hunter;

    let schema = Schema { catalogue: &catalogue, tenancy: &tenancy, seeded: &seeded, context: &context, role };
    let reads = working.values().flatten().filter(|probe| probe.verb == "SELECT");
    let protected = |object: &str| catalogue.relations.values().any(|table| table.name == object && table.row_security);
    let reads = reads.filter(|probe| protected(&probe.object)).take(CONTROL_TABLES).cloned().collect();
    let mut prover = Prover::new(schema, reads, server.admin(&clone), &notices).await?;
    let findings = prove(&mut prover, found, audited.findings.clone(), &usual_columns, deadline).await?;

    let coverage = Coverage::of(cells);
    let columns = tenancy.columns.iter().filter_map(|name| {
        let holds = |id: &&i64| catalogue.relations[*id].columns.iter().any(|column| column.name == *name);
        let tables: Vec<String> =
            tenancy.owned.iter().filter(holds).map(|id| catalogue.relations[id].name.clone()).collect();
        (!tables.is_empty()).then(|| (name.clone(), tables))
    });
    let discovered = Discovered {
        app_role: audited.app_role.clone(),
        app_role_candidates: audited.app_role_candidates.clone(),
        context: context.described.clone(),
        settings: catalogue.settings.clone(),
        tenant_table: tenant_table(&catalogue, &tenancy),
        tenant_columns: columns.collect(),
        created_roles: applied.created_roles,
        control_visible: context.visible.0,
        control_tables: context.visible.1,
    };
    let bound = bound(&coverage);
    let mut report = HuntReport { schema_version: 1, discovered, coverage, bound, price: None, findings };
    price(&mut report, &config.business, &options.assumptions);
    Ok(report)
}

/// Looks for fixes. Confirmed findings, and static ones about what no probe has confirmed, worst first.
async fn prove(
    prover: &mut Prover<'_>,
    found: Vec<Found>,
    audited: Vec<Finding>,
    tenant_columns: &[String],
    deadline: Instant,
) -> Result<Vec<Finding>, HuntError> {
    let mut findings = Vec::new();
    for mut found in found {
        match Instant::now() < deadline {
            true => prover.prove(&mut found).await?,
            false => untried(&mut found.finding),
        }
        findings.push(found.finding);
    }
    for mut finding in audited {
        let is_confirmed = |other: &Finding| {
            other.status == Status::Confirmed && (&other.mode, &other.object) == (&finding.mode, &finding.object)
        };
        if findings.iter().any(is_confirmed) {
            continue;
        }
        match Instant::now() < deadline {
            true => prover.prove_static(&mut finding, tenant_columns).await?,
            false => untried(&mut finding),
        }
        findings.push(finding);
    }
    findings.sort_by(|a, b| (a.severity, a.status as u8, &a.object).cmp(&(b.severity, b.status as u8, &b.object)));
    Ok(findings)
}

fn untried(finding: &mut Finding) {
    finding.fix_status = FixStatus::Unproven;
    finding.fix_note = "no fix proven: the budget is used up".to_owned();
}

async fn connect(server: &Server, database: &str) -> Result<PgConnection, HuntError> {
    let connection = PgConnection::connect_with(&server.admin(database)).await;
    connection.map_err(HuntError::database("connect to the new database"))
}

/// A copy of a database that nobody is connected to.
async fn clone_of(server: &Server, database: &str) -> Result<String, HuntError> {
    let mut admin = connect(server, "postgres").await?;
    let name = format!("{database}_fix");
    let deadline = Instant::now() + CLONE_LIMIT;
    loop {
        let Err(error) = run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {database}")).await else {
            return Ok(name);
        };
        let in_use = error.as_database_error().and_then(|error| error.code()).as_deref() == Some("55006");
        if !in_use || Instant::now() > deadline {
            return Err(HuntError::Database { what: "clone the database", source: error });
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The table that most tenant columns refer to.
fn tenant_table(catalogue: &Catalogue, tenancy: &Tenancy) -> Option<String> {
    let mut referred: BTreeMap<i64, usize> = BTreeMap::new();
    for key in catalogue.relations.values().flat_map(|relation| &relation.foreign_keys) {
        if key.columns.len() == 1 && tenancy.columns.contains(&key.columns[0]) {
            *referred.entry(key.parent).or_default() += 1;
        }
    }
    let (id, _) = referred.into_iter().max_by_key(|(_, count)| *count)?;
    catalogue.relations.get(&id).map(|relation| relation.name.clone())
}
