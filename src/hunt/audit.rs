//! The static audit: every rule over one database's catalogue. It only reads catalogues, so it may run against a
//! live database.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::catalogue::roles::{self, AppRole};
use super::catalogue::{disjuncts, settings};
use super::error::HuntError;
use super::finding::{Finding, Severity, Status};
use super::rules::{PRELUDE, Rule, holes, near_duplicates, open_branches, rules};

/// Names that tenant columns often have, beside those that the policies compare.
const USUAL_TENANT_COLUMNS: [&str; 10] = [
    "tenant_id",
    "team_id",
    "account_id",
    "org_id",
    "organization_id",
    "organisation_id",
    "workspace_id",
    "company_id",
    "customer_id",
    "tenant",
];

/// What the catalogue says.
#[derive(Debug, Serialize)]
pub struct Audit {
    /// Version of this format.
    pub schema_version: u32,
    /// The role that the findings are about.
    pub app_role: String,
    /// Whose rights its requests have: its own, or those of a role that it takes.
    pub acts_as: String,
    /// The roles that were taken into account, best first.
    pub app_role_candidates: Vec<String>,
    /// Names of columns that say whose a row is.
    pub tenant_columns: Vec<String>,
    /// Tables that were looked at.
    pub tables: i64,
    /// Tables with row security.
    pub protected_tables: i64,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Whether one tenant may reach another's data.
    pub fn is_open(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding.severity, Severity::Leak | Severity::Write))
    }
}

/// Audits the database of a connection for one role, or for the one that looks like the application's.
///
/// # Errors
/// The role does not exist or none can be found; or a query fails.
pub async fn audit(connection: &mut PgConnection, app_role: Option<&str>) -> Result<Audit, HuntError> {
    let role = roles::discover(connection, app_role).await?;
    let tenant_columns = tenant_columns(connection).await?;
    let count = "SELECT count(*), count(*) FILTER (WHERE relrowsecurity) FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)'";
    let row = sqlx::query(count).fetch_one(&mut *connection).await.map_err(HuntError::database("count the tables"))?;
    let (tables, protected_tables): (i64, i64) = (row.get(0), row.get(1));
    let mut findings = Vec::new();
    for rule in rules() {
        let rows = hits(connection, rule, &role, &tenant_columns).await?;
        findings.extend(rows.iter().map(|row| {
            Finding::new(rule.mode, rule.severity, Status::Static, row.get(0), rule.title)
                .evidence(row.get::<String, _>(1))
                .fix(row.get::<String, _>(2))
        }));
    }
    findings.extend(of_branches(connection, &role, &tenant_columns).await?);
    findings.extend(of_names(connection).await?);
    findings.extend(of_version(connection).await?);
    if tables > 0 && protected_tables == 0 {
        findings.push(
            Finding::new("F01", Severity::Leak, Status::Static, "(the schema)", "no table has row security")
                .evidence(format!("{tables} tables, none with a policy that is switched on"))
                .fix("-- ENABLE and FORCE ROW LEVEL SECURITY, and a policy per table"),
        );
    }
    findings.sort_by(|a, b| {
        (a.severity, &a.mode, &a.object, &a.evidence).cmp(&(b.severity, &b.mode, &b.object, &b.evidence))
    });
    findings.dedup();
    let AppRole { name: app_role, acts_as, candidates: app_role_candidates } = role;
    let schema_version = 1;
    Ok(Audit {
        schema_version,
        app_role,
        acts_as,
        app_role_candidates,
        tenant_columns,
        tables,
        protected_tables,
        findings,
    })
}

/// What a rule says: (object, evidence, fix).
async fn hits(
    connection: &mut PgConnection,
    rule: &Rule,
    app: &AppRole,
    tenant_columns: &[String],
) -> Result<Vec<PgRow>, HuntError> {
    sqlx::query(AssertSqlSafe(format!("{PRELUDE}{}", rule.query)))
        .bind(&app.acts_as)
        .bind(tenant_columns)
        .bind(&app.name)
        .fetch_all(connection)
        .await
        .map_err(|source| HuntError::Database { what: rule.title, source })
}

/// Policies of which a branch asks for no tenant.
async fn of_branches(
    connection: &mut PgConnection,
    app: &AppRole,
    tenant_columns: &[String],
) -> Result<Vec<Finding>, HuntError> {
    const POLICIES: Rule = Rule {
        mode: "F22",
        severity: Severity::Leak,
        title: "a branch of a policy asks for no tenant",
        query: "SELECT name, policy::text, qual, ARRAY(SELECT a.attname::text FROM pg_attribute a \
                WHERE a.attrelid = relid AND a.attnum > 0 AND NOT a.attisdropped) FROM pol \
                WHERE permissive AND cmd IN ('*', 'r') AND qual LIKE '% OR %'",
    };
    let mut findings = Vec::new();
    for row in hits(connection, &POLICIES, app, tenant_columns).await? {
        let (table, policy, condition): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let columns: Vec<String> = row.get(3);
        for (mode, branch) in open_branches(&disjuncts(&condition), &columns, tenant_columns) {
            findings.push(
                Finding::new(mode, POLICIES.severity, Status::Static, &table, POLICIES.title)
                    .evidence(format!("policy {policy}: … OR {branch}"))
                    .fix("-- ask for the tenant in every branch: mind that AND binds closer than OR"),
            );
        }
    }
    Ok(findings)
}

/// Settings that policies read under two spellings.
async fn of_names(connection: &mut PgConnection) -> Result<Vec<Finding>, HuntError> {
    let settings = settings(connection).await?;
    let pairs = near_duplicates(&settings).into_iter();
    let finding = |(one, other): (&str, &str)| {
        let title = "policies read two settings that differ by a slip";
        Finding::new("F30", Severity::Availability, Status::Static, &format!("{one}, {other}"), title)
            .evidence("whichever the application does not set hides its tables")
            .fix("-- one spelling in every policy and function")
    };
    Ok(pairs.map(finding).collect())
}

/// Holes of the server itself.
async fn of_version(connection: &mut PgConnection) -> Result<Vec<Finding>, HuntError> {
    let version = "SELECT current_setting('server_version_num')::int";
    let version: i32 =
        sqlx::query_scalar(version).fetch_one(connection).await.map_err(HuntError::database("ask for the version"))?;
    let finding = |(hole, to): (String, String)| {
        let title = "the server has a known hole in row security";
        Finding::new("F73", Severity::Drift, Status::Static, &hole, title)
            .evidence(format!("server {}.{}", version / 10_000, version % 10_000))
            .fix(format!("-- upgrade to {to} or later"))
    };
    Ok(holes(version).into_iter().map(finding).collect())
}

/// Whether the rule of a static finding still says the same of the same object.
pub(super) async fn still_hits(
    connection: &mut PgConnection,
    app: &AppRole,
    tenant_columns: &[String],
    finding: &Finding,
) -> Result<bool, HuntError> {
    let mut known = false;
    for rule in rules().filter(|rule| rule.mode == finding.mode && rule.title == finding.title) {
        let rows = hits(connection, rule, app, tenant_columns).await?;
        let is_same =
            |row: &PgRow| row.get::<String, _>(0) == finding.object && row.get::<String, _>(1) == finding.evidence;
        known = true;
        if rows.iter().any(is_same) {
            return Ok(true);
        }
    }
    // What no rule says cannot be asked again.
    Ok(!known)
}

/// The column that most policies look at, if it is no table's own key, and the usual names.
pub(super) async fn tenant_columns(connection: &mut PgConnection) -> Result<Vec<String>, HuntError> {
    let most_used: Option<String> = sqlx::query_scalar(
        "SELECT a.attname::text FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass \
         AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.polrelid AND d.refobjsubid > 0 \
         JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
         WHERE a.attname NOT IN ('id', 'uuid', 'user_id') \
         GROUP BY a.attname HAVING count(DISTINCT p.polrelid) > 1 ORDER BY count(DISTINCT p.polrelid) DESC, 1 LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(HuntError::database("look for the tenant column"))?;
    let mut names: Vec<String> = most_used.into_iter().collect();
    names.extend(USUAL_TENANT_COLUMNS.map(str::to_owned));
    names.dedup();
    Ok(names)
}
