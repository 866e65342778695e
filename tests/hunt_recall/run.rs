//! Hunts planted schemas, several at a time, each on a server of its own: roles belong to the whole server.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenant_chaos::hunt::{
    Audit, Config, Finding, HuntError, HuntReport, Options, Severity, Status, Target, Trials, audit, hunt_with,
};
use tenant_chaos::stack::{ProviderChoice, Server, StackOptions};

use super::plants::{Plant, Planted};
use super::styles::{STYLES, Style};

/// Hunts that run side by side.
const SIDE_BY_SIDE: usize = 2;

/// What a plant's hunt found that the hunt of the schema alone does not find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) schema: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) what: &'static str,
    /// The mode under which a rule reports it.
    pub(crate) by_rule: Option<String>,
    /// The mode, verb and state under which a probe confirms it, or `control`: a tenant no longer sees its own row.
    pub(crate) by_probe: Option<String>,
    /// Statements of the reproducer beside the seeded rows.
    pub(crate) steps: Option<usize>,
    pub(crate) milliseconds: u128,
    /// Why it was not planted.
    pub(crate) not_planted: Option<&'static str>,
    /// Why no probe can find it, if only a rule does.
    pub(crate) why_rule_only: Option<&'static str>,
    /// What ended the hunt.
    pub(crate) trouble: Option<String>,
}

/// A hunt, and the audit of the same database: a hunt leaves out what a rule says of what a probe has confirmed.
pub(crate) struct Hunted {
    pub(crate) report: HuntReport,
    audit: Audit,
}

impl Hunted {
    fn has(&self, finding: &Finding) -> bool {
        let mut all = self.report.findings.iter().chain(&self.audit.findings);
        all.any(|known| known.fingerprint == finding.fingerprint)
    }
}

/// The unmodified schemas' hunts.
pub(crate) type Clean = BTreeMap<&'static str, Hunted>;

/// Hunts each plant in each of its schemas; the rows come in the order of the schemas and plants.
pub(crate) async fn run(wanted: Vec<(&'static Style, &'static Plant)>) -> (Clean, Vec<Row>) {
    let queue = Mutex::new(VecDeque::from_iter(wanted.iter().copied().enumerate()));
    let clean_queue: BTreeSet<&str> = wanted.iter().map(|(style, _)| style.name).collect();
    let styles = STYLES.iter().filter(|style| clean_queue.contains(style.name));
    let (clean, server) = clean(styles).await;
    let mut rows: Vec<(usize, Row)> = Vec::new();
    let first = worker(&queue, &clean, Some(server));
    let others = (1..SIDE_BY_SIDE).map(|_| worker(&queue, &clean, None));
    let (mine, theirs) = tokio::join!(first, futures_util::future::join_all(others));
    rows.extend(mine);
    rows.extend(theirs.into_iter().flatten());
    rows.sort_by_key(|(place, _)| *place);
    (clean, rows.into_iter().map(|(_, row)| row).collect())
}

async fn clean(styles: impl Iterator<Item = &'static Style>) -> (Clean, Server) {
    let server = server().await;
    let mut reports = Clean::new();
    for style in styles {
        let target = Target::Schema(style.path.into());
        let hunted = hunt_and_audit(&target, &server, style, &Config::default()).await.unwrap();
        tidy(&server, style).await;
        reports.insert(style.name, hunted);
    }
    (reports, server)
}

/// Every probe. Sequences and trials of fixes have tests of their own.
async fn hunt_and_audit(target: &Target, server: &Server, style: &Style, config: &Config) -> Result<Hunted, HuntError> {
    let options = Options { sequences: 0, trials: Trials::Skip, ..Options::default() };
    let report = hunt_with(target, server, Some(style.login), config, &options).await?;
    let mut admin = PgConnection::connect_with(&server.admin("postgres")).await.unwrap();
    let query = "SELECT datname::text FROM pg_database WHERE datname ~ '^chaos_hunt_[0-9a-f]+$'";
    let database: String = sqlx::query_scalar(query).fetch_one(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    let mut connection = PgConnection::connect_with(&server.admin(&database)).await.unwrap();
    let audit = audit(&mut connection, Some(style.login)).await?;
    connection.close().await.unwrap();
    Ok(Hunted { report, audit })
}

async fn server() -> Server {
    let options = StackOptions { provider: ProviderChoice::Local, ..StackOptions::default() };
    Server::start(&options, None).await.unwrap()
}

async fn worker(
    queue: &Mutex<VecDeque<(usize, (&'static Style, &'static Plant))>>,
    clean: &Clean,
    given: Option<Server>,
) -> Vec<(usize, Row)> {
    let server = match given {
        Some(server) => server,
        None => server().await,
    };
    let mut rows = Vec::new();
    loop {
        let next = queue.lock().unwrap().pop_front();
        let Some((place, (style, plant))) = next else { break };
        let row = one(&server, style, plant, &clean[style.name]).await;
        println!(
            "{:9} {} {:24} {:40} {:?} {} ms {}",
            row.schema,
            row.mode,
            row.by_rule.as_deref().or(row.not_planted).unwrap_or("–"),
            row.by_probe.as_deref().unwrap_or("–"),
            row.steps,
            row.milliseconds,
            row.trouble.as_deref().unwrap_or_default()
        );
        rows.push((place, row));
    }
    server.stop().await.unwrap();
    rows
}

async fn one(server: &Server, style: &'static Style, plant: &'static Plant, clean: &Hunted) -> Row {
    let mut row = Row {
        schema: style.name,
        mode: plant.mode,
        what: plant.what,
        by_rule: None,
        by_probe: None,
        steps: None,
        milliseconds: 0,
        not_planted: None,
        why_rule_only: plant.why_rule_only(style),
        trouble: None,
    };
    let (sql, config) = match plant.of(style) {
        Planted::Sql(sql) => (Some(sql), Config::default()),
        Planted::Config(toml) => (None, Config::parse(&toml).unwrap_or_else(|error| panic!("{toml}: {error}"))),
        Planted::Nothing(why) => return Row { not_planted: Some(why), ..row },
    };
    let (_folder, target) = with_plant(style, sql.as_deref());
    let began = Instant::now();
    let hunted = hunt_and_audit(&target, server, style, &config).await;
    row.milliseconds = began.elapsed().as_millis();
    tidy(server, style).await;
    let Hunted { report, audit } = match hunted {
        Ok(hunted) => hunted,
        Err(error) => return Row { trouble: Some(format!("{error}: {error:?}")), ..row },
    };
    let best = |findings: &'_ [Finding], status: Status| -> Option<Finding> {
        let found = findings.iter().filter(|finding| finding.status == status && !clean.has(finding));
        found.min_by_key(|finding| (finding.mode != plant.mode, finding.severity)).cloned()
    };
    row.by_rule = best(&audit.findings, Status::Static).map(|finding| finding.mode);
    if let Some(finding) = best(&report.findings, Status::Confirmed) {
        let parts = [Some(&finding.mode), finding.verb.as_ref(), finding.context_state.as_ref()];
        row.by_probe = Some(parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(", "));
        row.steps = Some(steps(&finding.reproducer_sql));
    } else if lost_control(&report) && !lost_control(&clean.report) {
        row.by_probe = Some("control".to_owned());
    }
    row
}

/// Whether a tenant does not see its own row of a table.
fn lost_control(report: &HuntReport) -> bool {
    report.coverage.not_tested.iter().any(|gap| gap.reason.starts_with("A does not see its own row"))
}

/// Findings that an isolating schema must not have.
pub(crate) fn open(hunted: &Hunted) -> Vec<&Finding> {
    let is_open = |finding: &&Finding| matches!(finding.severity, Severity::Leak | Severity::Write);
    hunted.report.findings.iter().chain(&hunted.audit.findings).filter(is_open).collect()
}

/// The schema as a folder, with what is planted in a last file.
fn with_plant(style: &Style, sql: Option<&str>) -> (tempfile::TempDir, Target) {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(style.path);
    let files: Vec<PathBuf> = match source.is_dir() {
        true => std::fs::read_dir(source).unwrap().flatten().map(|entry| entry.path()).collect(),
        false => vec![source.to_owned()],
    };
    for file in files {
        std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    if let Some(sql) = sql {
        let text = format!("{}\n{sql};\n", style.fill("SET search_path = {PATH};"));
        std::fs::write(folder.path().join("zz_plant.sql"), text).unwrap();
    }
    let target = Target::Schema(folder.path().into());
    (folder, target)
}

/// Takes away what the server keeps of a hunt: its database, planted roles, and what was planted in the schema's own.
async fn tidy(server: &Server, style: &Style) {
    let mut admin = PgConnection::connect_with(&server.admin("postgres")).await.unwrap();
    for query in [
        "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname LIKE 'chaos\\_hunt\\_%'",
        "SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname LIKE 'planted\\_%'",
    ] {
        let statements: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut admin).await.unwrap();
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
    }
    let reset = format!("ALTER ROLE {0} NOBYPASSRLS; ALTER ROLE {0} RESET ALL", style.login);
    sqlx::raw_sql(AssertSqlSafe(reset)).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
}

/// Statements of a reproducer, without the transaction's own and without seeded rows.
fn steps(sql: &str) -> usize {
    let (mut count, mut inside) = (0, false);
    for line in sql.lines().filter(|line| !line.starts_with("--") && !line.starts_with('\\')) {
        let frame = ["BEGIN;", "ROLLBACK;", "INSERT INTO ", "SET LOCAL session_replication_role"];
        let is_frame = !inside && frame.iter().any(|start| line.starts_with(start));
        inside ^= line.matches("$hunt$").count() % 2 == 1;
        count += usize::from(!inside && !is_frame && line.ends_with(';'));
    }
    count
}
