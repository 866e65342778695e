//! The static audit: every rule over one database's catalogue. It only reads catalogues, so it may run against a
//! live database.

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::catalogue::roles::{self, AppRole};
use super::catalogue::settings;
use super::error::HuntError;
use super::finding::{Finding, Severity, Status};
use super::input::Applied;
use super::rules::{Scope, holes, near_duplicates, of_policies, rules};

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

/// Audits the live database of a connection for one role, or for the one that looks like the application's.
///
/// # Errors
/// The role does not exist or none can be found; or a query fails.
pub async fn audit(connection: &mut PgConnection, app_role: Option<&str>) -> Result<Audit, HuntError> {
    let version = roles::server_version(connection).await?;
    audit_for(connection, app_role, Some(version)).await
}

/// Audits a target that was applied to a server of our own. That server's version says nothing: what counts is the
/// existing database's, if the target is one.
///
/// # Errors
/// As [`audit`].
pub async fn audit_applied(
    connection: &mut PgConnection,
    applied: &Applied,
    app_role: Option<&str>,
) -> Result<Audit, HuntError> {
    audit_for(connection, app_role, applied.live_version).await
}

async fn audit_for(
    connection: &mut PgConnection,
    app_role: Option<&str>,
    version: Option<i32>,
) -> Result<Audit, HuntError> {
    let role = roles::discover(connection, app_role).await?;
    let tenant_columns = tenant_columns(connection).await?;
    let count = "SELECT count(*), count(*) FILTER (WHERE relrowsecurity) FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)'";
    let row = sqlx::query(count).fetch_one(&mut *connection).await.map_err(HuntError::database("count the tables"))?;
    let (tables, protected_tables): (i64, i64) = (row.get(0), row.get(1));
    let scope = Scope::read(connection, &role, &tenant_columns).await?;
    let mut findings = of_policies(connection, &scope).await?;
    for rule in rules() {
        let rows = scope.hits(connection, rule).await?;
        findings.extend(rows.iter().map(|row| {
            Finding::new(rule.mode, rule.severity, Status::Static, row.get(0), rule.title)
                .evidence(row.get::<String, _>(1))
                .fix(row.get::<String, _>(2))
        }));
    }
    findings.extend(of_names(connection).await?);
    findings.extend(version.into_iter().flat_map(of_version));
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
fn of_version(version: i32) -> Vec<Finding> {
    let finding = |(hole, to): (String, String)| {
        let title = "the server has a known hole in row security";
        Finding::new("F73", Severity::Drift, Status::Static, &hole, title)
            .evidence(format!("server {}.{}", version / 10_000, version % 10_000))
            .fix(format!("-- upgrade to {to} or later"))
    };
    holes(version).into_iter().map(finding).collect()
}

/// Whether the rule of a static finding still says the same of the same object.
pub(super) async fn still_hits(
    connection: &mut PgConnection,
    app: &AppRole,
    tenant_columns: &[String],
    finding: &Finding,
) -> Result<bool, HuntError> {
    let scope = Scope::read(connection, app, tenant_columns).await?;
    if ["F18", "F20", "F22"].contains(&finding.mode.as_str()) {
        let is_same = |other: &Finding| {
            other.fingerprint == finding.fingerprint
                && (&other.object, &other.evidence) == (&finding.object, &finding.evidence)
        };
        return Ok(of_policies(connection, &scope).await?.iter().any(is_same));
    }
    let mut known = false;
    for rule in rules().filter(|rule| rule.mode == finding.mode && rule.title == finding.title) {
        let rows = scope.hits(connection, rule).await?;
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
    .fetch_optional(&mut *connection)
    .await
    .map_err(HuntError::database("look for the tenant column"))?;
    // In this schema's spelling too: tenantId, TenantID.
    let spelled: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attnum > 0 AND NOT a.attisdropped \
         AND n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND replace(lower(a.attname), '_', '') = ANY (SELECT replace(u, '_', '') FROM unnest($1::text[]) u) ORDER BY 1",
    )
    .bind(&USUAL_TENANT_COLUMNS[..])
    .fetch_all(connection)
    .await
    .map_err(HuntError::database("look for tenant columns"))?;
    let mut names: Vec<String> = Vec::new();
    for name in most_used.into_iter().chain(USUAL_TENANT_COLUMNS.map(str::to_owned)).chain(spelled) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
