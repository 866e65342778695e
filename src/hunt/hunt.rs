//! The hunt: apply, audit, understand, seed, probe, look for fixes, and say what was and was not tested.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::audit::{audit_applied, tenant_columns};
use super::catalogue::roles::{self, AppRole};
use super::catalogue::{Catalogue, Relation, login_settings};
use super::error::HuntError;
use super::finding::{Finding, FixStatus, Status};
use super::hunter::{Hunter, Known, Limits};
use super::input::{Config, Target, apply};
use super::probe::{Heard, context, given, listen};
use super::prove::{Found, Prover, Schema, refresh};
use super::report::{Coverage, Discovered, HuntReport, bound, price};
use super::search::{Ground, Searcher};
use super::seeding::{Tenancy, Tenant, run, said, seed};
use crate::business_metrics::Assumptions;
use crate::stack::Server;

/// A database may be cloned once nobody is connected to it; a connection that was closed is gone after a moment.
const CLONE_LIMIT: Duration = Duration::from_secs(10);

/// Applying, seeding and understanding a schema may take this long, however small the budget is.
const PREPARATION: Duration = Duration::from_secs(60);

/// The harness's own statements, of which none waits for anybody.
const STATEMENT_LIMIT: &str = "30s";

/// A function or trigger of the schema may take for ever. A statement that calls one has this share of the budget, within
/// these bounds.
const STATEMENT_SHARE: u32 = 20;
const STATEMENT_BOUNDS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// Tables whose reads are the controls of a fix.
const CONTROL_TABLES: usize = 24;

/// How much a hunt may do.
#[derive(Debug, Clone)]
pub struct Options {
    /// What confirmed leaks are priced with.
    pub assumptions: Arc<Assumptions>,
    /// How long probes, search and trials of fixes may take together; what is left then is reported as not tested.
    /// Applying, seeding and understanding the schema may take as long before, and a minute in any case.
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
    /// `statement_timeout` for statements that may run code of the schema's.
    fn statement_limit(&self) -> String {
        let [least, most] = STATEMENT_BOUNDS;
        format!("{}ms", (self.budget / STATEMENT_SHARE).clamp(least, most).as_millis())
    }

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
    let preparation = options.budget.max(PREPARATION);
    let prepared_by = Instant::now() + preparation;
    let statement_limit = options.statement_limit();
    let applied = tokio::time::timeout(preparation, apply(target, server)).await.unwrap_or_else(|_| {
        Err(HuntError::Input(format!("the schema is not applied within {preparation:?}: give it more with --budget")))
    })?;
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
    run(&mut connection, format!("SET statement_timeout = '{statement_limit}'"))
        .await
        .map_err(HuntError::database("limit statements"))?;
    let mut seeded = seed(&mut connection, &catalogue, &tenancy, prepared_by).await?;
    let setup: Vec<String> = config.tenants.a.setup.iter().chain(&config.tenants.b.setup).cloned().collect();
    for statement in setup.iter().cloned().chain(refresh(&catalogue)) {
        run(&mut connection, statement.clone())
            .await
            .map_err(|error| HuntError::Input(format!("cannot run `{statement}`: {}", said(&error))))?;
    }
    let context = context::discover(&mut connection, &catalogue, &mut seeded, &app, config, prepared_by).await?;
    connection.close().await.map_err(HuntError::database("leave the database"))?;
    let clone = clone_of(server, &applied.database, "search").await?;
    let fix_clone = clone_of(server, &applied.database, "fix").await?;

    let defaults = login_defaults(server, &applied.database, role).await?;
    let setup = [setup, as_at_login(role, &defaults)].concat();

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
        let limit = [("statement_timeout".to_owned(), statement_limit.clone())];
        let options = server.admin(&applied.database).options(limit.into_iter().chain(defaults.clone()));
        let connection = PgConnection::connect_with(&options).await;
        connection.map_err(HuntError::database("connect to the new database"))
    };
    let (connection, fresh) = (connect_as_login().await?, connect_as_login().await?);
    let [probes_end, search_ends, fixes_end] = options.deadlines();
    let limits = Limits { deadline: probes_end, statement: &statement_limit };
    let mut hunter = Hunter::new(known, connection, fresh, limits);
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
    let limited = |database: &str| server.admin(database).options([("statement_timeout", statement_limit.as_str())]);
    let heard = match catalogue.objects.channels.is_empty() {
        true => Heard::default(),
        false => listen(limited(&clone), &catalogue, &seeded, &context, role, search_ends).await?,
    };
    let overheard = hunter.overheard(&heard);
    let Hunter { found, mut cells, working, notices, .. } = hunter;
    cells.extend(given::untried(&context));

    let schema = Schema { catalogue: &catalogue, tenancy: &tenancy, seeded: &seeded, context: &context, app: &app };
    let reads = working.values().flatten().filter(|probe| probe.verb == "SELECT");
    let protected = |object: &str| catalogue.relations.values().any(|table| table.name == object && table.row_security);
    let reads = reads.filter(|probe| protected(&probe.object)).take(CONTROL_TABLES).cloned().collect();
    // Where a tenant is pinned, a session without it would show any fix as one.
    let fix_options = limited(&fix_clone).options(defaults.clone());
    let mut prover = Prover::new(schema, reads, fix_options, &notices).await?;
    let fixes_end = (options.trials == Trials::Run).then_some(fixes_end);
    let mut findings = prove(&mut prover, found, audited.findings.clone(), &usual_columns, fixes_end).await?;

    findings.splice(0..0, overheard);
    findings.sort_by(|a, b| (a.severity, a.status as u8, &a.object).cmp(&(b.severity, b.status as u8, &b.object)));

    let is_expected = |id: &i64, table: &Relation| {
        table.row_security && table.kind.is_seeded() && !catalogue.objects.permissive(*id, "r").is_empty()
    };
    let expected = catalogue.relations.iter().filter(|(id, table)| is_expected(id, table));
    let coverage = Coverage::of(cells, &expected.map(|(_, table)| table.name.clone()).collect::<Vec<_>>());
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
        match deadline.filter(|deadline| Instant::now() < *deadline) {
            Some(deadline) => prover.prove(&mut found, deadline).await?,
            None => untried(&mut found.finding, deadline),
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
        match deadline.filter(|deadline| Instant::now() < *deadline) {
            Some(deadline) => prover.prove_static(&mut finding, tenant_columns, deadline).await?,
            None => untried(&mut finding, deadline),
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

/// The probes' sessions are the administrator's, so they are told what the role's would begin with.
async fn login_defaults(server: &Server, database: &str, role: &str) -> Result<Vec<(String, String)>, HuntError> {
    let mut admin = connect(server, database).await?;
    let found = sqlx::query_as(AssertSqlSafe(login_settings::of_role(role))).fetch_all(&mut admin).await;
    let found = found.map_err(HuntError::database("read the role's defaults"))?;
    admin.close().await.map_err(HuntError::database("leave the database"))?;
    Ok(found)
}

/// The same for a reproducer, as the role's defaults are when it runs.
fn as_at_login(role: &str, defaults: &[(String, String)]) -> Vec<String> {
    let statement = format!(
        "DO $hunt$ BEGIN PERFORM set_config(name, value, true) FROM ({}) AS d; END $hunt$",
        login_settings::of_role(role)
    );
    defaults.first().map(|_| statement).into_iter().collect()
}

/// A copy of a database that nobody is connected to, with what its sessions begin with.
async fn clone_of(server: &Server, database: &str, purpose: &str) -> Result<String, HuntError> {
    let name = copy_of(server, database, purpose).await?;
    let mut source = connect(server, database).await?;
    let settings = login_settings::read(&mut source).await?;
    source.close().await.map_err(HuntError::database("leave the database"))?;
    let mut clone = connect(server, &name).await?;
    login_settings::write(&mut clone, &login_settings::of_database(settings)).await?;
    clone.close().await.map_err(HuntError::database("leave the clone"))?;
    Ok(name)
}

async fn copy_of(server: &Server, database: &str, purpose: &str) -> Result<String, HuntError> {
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
