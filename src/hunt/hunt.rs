//! The hunt: apply, audit, understand, seed, probe, look for fixes, and say what was and was not tested.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use super::audit::{audit_applied, tenant_columns};
use super::catalogue::roles::{self, AppRole};
use super::catalogue::{Catalogue, Relation};
use super::error::HuntError;
use super::finding::{Finding, FixStatus, Status};
use super::hunter::{Hunter, Known};
use super::input::{Config, Target, apply};
use super::login::{as_at_login, login_defaults, role_at_login};
use super::probe::{context, given, listen};
use super::prove::{Found, Prover, Schema, refresh};
use super::report::{Coverage, Discovered, HuntReport, bound, price};
use super::search::{Ground, Searcher};
use super::seeding::{Tenancy, Tenant, run, said, seed};
use crate::business_metrics::Assumptions;
use crate::stack::Server;

/// A database may be cloned once nobody is connected to it; a connection that was closed is gone after a moment.
const CLONE_LIMIT: Duration = Duration::from_secs(10);

/// A function of the schema may take for ever.
const STATEMENT_LIMIT: &str = "30s";

/// Tables whose reads are the controls of a fix.
const CONTROL_TABLES: usize = 24;

/// How much a hunt may do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What confirmed leaks are priced with.
    pub assumptions: Arc<Assumptions>,
    /// What is left of the fixed probes when this time is over is reported as not tested.
    pub budget: Duration,
    /// What the search draws its sequences from.
    pub seed: u64,
    /// Sequences that the search plays.
    pub sequences: u32,
    /// Whether fixes are tried.
    pub trials: Trials,
}

/// Whether fixes are tried before they are suggested, which takes most of a hunt's time where much is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trials {
    /// Each finding's, as long as the budget lasts.
    Run,
    /// None: every fix is unproven.
    Skip,
}

impl Options {
    /// The moments at which the probes, the search and the trials of fixes must end: each has a share of the budget that
    /// is left to it.
    fn deadlines(&self) -> [Instant; 3] {
        let now = Instant::now();
        [0.6, 0.8, 1.0].map(|share| now + self.budget.mul_f64(share))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            assumptions: Arc::default(),
            budget: Duration::from_secs(600),
            seed: 1,
            sequences: 64,
            trials: Trials::Run,
        }
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
    let [probes_end, search_ends, fixes_end] = options.deadlines();
    let applied = apply(target, server).await?;
    let mut connection = connect(server, &applied.database).await?;
    let audited = audit_applied(&mut connection, &applied, app_role.or(config.app_role.as_deref())).await?;
    let server_version = roles::server_version(&mut connection).await?;
    let app = AppRole {
        name: audited.app_role.clone(),
        acts_as: audited.acts_as.clone(),
        candidates: audited.app_role_candidates.clone(),
    };
    let role = app.name.as_str();
    let catalogue = Catalogue::read(&mut connection, &app).await?;
    let usual_columns = tenant_columns(&mut connection).await?;
    let tenancy = Tenancy::of(&catalogue, [config.tenant_columns.clone(), usual_columns.clone()].concat());
    let mut seeded = seed(&mut connection, &catalogue, &tenancy).await?;
    let setup: Vec<String> = config.tenants.a.setup.iter().chain(&config.tenants.b.setup).cloned().collect();
    for statement in setup.iter().cloned().chain(refresh(&catalogue)) {
        run(&mut connection, statement.clone())
            .await
            .map_err(|error| HuntError::Input(format!("cannot run `{statement}`: {}", said(&error))))?;
    }
    let mut context = context::discover(&mut connection, &catalogue, &mut seeded, &app, config).await?;
    context.reset = config.reset.clone().unwrap_or_else(|| vec!["DISCARD ALL".to_owned()]);
    context.at_login = role_at_login(&mut connection, role).await?;
    connection.close().await.map_err(HuntError::database("leave the database"))?;
    let clone = clone_of(server, &applied.database, "search").await?;
    let fix_clone = clone_of(server, &applied.database, "fix").await?;

    let defaults = login_defaults(&mut connect(server, &applied.database).await?, role).await?;
    let at_login = as_at_login(role, &defaults);
    let setup = [setup, at_login.clone()].concat();

    let known = Known {
        catalogue: &catalogue,
        tenancy: &tenancy,
        seeded: &seeded,
        context: &context,
        audited: &audited.findings,
        role,
        setup: &setup,
    };
    let connect_as_login = || async {
        let limit = [("statement_timeout".to_owned(), STATEMENT_LIMIT.to_owned())];
        let options = server.admin(&applied.database).options(limit.into_iter().chain(defaults.clone()));
        let connection = PgConnection::connect_with(&options).await;
        connection.map_err(HuntError::database("connect to the new database"))
    };
    let (connection, fresh) = (connect_as_login().await?, connect_as_login().await?);
    let mut hunter = Hunter::new(known, connection, fresh, probes_end);
    hunter.probe_all().await?;
    hunter.pooled(&server.admin(&applied.database)).await?;
    let tables = catalogue.relations.iter().filter(|(id, _)| seeded.row(**id, Tenant::B).is_some());
    let tables: Vec<(i64, &Relation)> = tables.map(|(id, relation)| (*id, relation)).collect();
    let ground =
        Ground { catalogue: &catalogue, seeded: &seeded, context: &context, role, setup: &setup, tables: &tables };
    let lines = [line(server, &clone).await?, line(server, &clone).await?];
    let searcher = Searcher::new(ground, lines, options.seed);
    let (search, violations) = searcher.search(options.sequences, search_ends).await?;
    for violation in &violations {
        hunter.searched(violation);
    }
    let heard = match catalogue.objects.channels.is_empty() {
        true => vec![],
        false => listen(server.admin(&clone), &catalogue, &seeded, &context, role).await?,
    };
    let overheard = hunter.overheard(&heard);
    let Hunter { found, mut cells, working, notices, .. } = hunter;
    cells.extend(given::untried(&context));

    let schema = Schema { catalogue: &catalogue, tenancy: &tenancy, seeded: &seeded, context: &context, app: &app };
    let reads = working.values().flatten().filter(|probe| probe.verb == "SELECT");
    let protected = |object: &str| catalogue.relations.values().any(|table| table.name == object && table.row_security);
    let reads = reads.filter(|probe| protected(&probe.object)).take(CONTROL_TABLES).cloned().collect();
    let mut prover = Prover::new(schema, reads, server.admin(&fix_clone), at_login, &notices).await?;
    let fixes_end = (options.trials == Trials::Run).then_some(fixes_end);
    let mut findings = prove(&mut prover, found, audited.findings.clone(), &usual_columns, fixes_end).await?;

    findings.splice(0..0, overheard);
    findings.sort_by(|a, b| (a.severity, a.status as u8, &a.object).cmp(&(b.severity, b.status as u8, &b.object)));

    let coverage = Coverage::of(cells);
    let columns = tenancy.columns.iter().filter_map(|name| {
        let holds = |id: &&i64| catalogue.relations[*id].columns.iter().any(|column| column.name == *name);
        let tables: Vec<String> =
            tenancy.owned.iter().filter(holds).map(|id| catalogue.relations[id].name.clone()).collect();
        (!tables.is_empty()).then(|| (name.clone(), tables))
    });
    let discovered = Discovered {
        app_role: audited.app_role.clone(),
        acts_as: audited.acts_as.clone(),
        app_role_candidates: audited.app_role_candidates.clone(),
        context: context.described.clone(),
        settings: catalogue.settings.clone(),
        tenant_table: tenant_table(&catalogue, &tenancy),
        tenant_columns: columns.collect(),
        created_roles: applied.created_roles,
        server_version: numbered(server_version),
        live_server_version: applied.live_version.map(numbered),
        control_visible: context.visible.0,
        control_tables: context.visible.1,
    };
    let bound = bound(&coverage);
    let mut report = HuntReport { schema_version: 1, discovered, coverage, bound, search, price: None, findings };
    price(&mut report, &config.business, &options.assumptions);
    Ok(report)
}

/// Looks for fixes of confirmed findings, and of static ones about what no probe has confirmed.
async fn prove(
    prover: &mut Prover<'_>,
    found: Vec<Found>,
    audited: Vec<Finding>,
    tenant_columns: &[String],
    deadline: Option<Instant>,
) -> Result<Vec<Finding>, HuntError> {
    let mut findings = Vec::new();
    for mut found in found {
        match deadline.is_some_and(|deadline| Instant::now() < deadline) {
            true => prover.prove(&mut found).await?,
            false => untried(&mut found.finding, deadline),
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
        match deadline.is_some_and(|deadline| Instant::now() < deadline) {
            true => prover.prove_static(&mut finding, tenant_columns).await?,
            false => untried(&mut finding, deadline),
        }
        findings.push(finding);
    }
    Ok(findings)
}

fn untried(finding: &mut Finding, deadline: Option<Instant>) {
    finding.fix_status = FixStatus::Unproven;
    let why = if deadline.is_some() { "the budget is used up" } else { "none was to be tried" };
    finding.fix_note = format!("no fix proven: {why}");
}

async fn connect(server: &Server, database: &str) -> Result<PgConnection, HuntError> {
    let options = server.admin(database).options([("statement_timeout", STATEMENT_LIMIT)]);
    PgConnection::connect_with(&options).await.map_err(HuntError::database("connect to the new database"))
}

/// A connection of the search. Its other one may hold the lock that it waits for.
async fn line(server: &Server, database: &str) -> Result<PgConnection, HuntError> {
    let settings = [
        ("statement_timeout", "5s"),
        ("lock_timeout", "50ms"),
        ("plan_cache_mode", "force_generic_plan"),
        // Its ROLLBACK outside of a transaction is no news.
        ("client_min_messages", "error"),
    ];
    let options = server.admin(database).options(settings);
    PgConnection::connect_with(&options).await.map_err(HuntError::database("connect to the clone"))
}

/// A version as people say it.
fn numbered(version_num: i32) -> String {
    format!("{}.{}", version_num / 10_000, version_num % 10_000)
}

/// A copy of a database that nobody is connected to.
async fn clone_of(server: &Server, database: &str, purpose: &str) -> Result<String, HuntError> {
    let mut admin = connect(server, "postgres").await?;
    let name = format!("{database}_{purpose}");
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
