//! What the conditions of permissive policies let through, branch by branch.

use sqlx::{PgConnection, Row};

use super::ask::Scope;
use super::open_branches::{Open, open_branches};
use crate::hunt::catalogue::disjuncts;
use crate::hunt::error::HuntError;
use crate::hunt::finding::{Finding, Severity, Status};

/// Permissive policies with a command that no restrictive one holds; whether reading is among those comes last.
const PERMISSIVE: &str = "SELECT name, policy::text, qual, checks, ARRAY(SELECT a.attname::text FROM pg_attribute a \
                          WHERE a.attrelid = relid AND a.attnum > 0 AND NOT a.attisdropped), open ~ 'r' \
                          FROM pol WHERE permissive AND open <> '' ORDER BY oid";

/// Branches of policies that ask for no tenant.
pub(in crate::hunt) async fn of_policies(
    connection: &mut PgConnection,
    scope: &Scope<'_>,
) -> Result<Vec<Finding>, HuntError> {
    let mut findings = Vec::new();
    for row in scope.ask(connection, "look at the policies' conditions", PERMISSIVE).await? {
        let (table, policy): (String, String) = (row.get(0), row.get(1));
        let (using, check): (Option<String>, Option<String>) = (row.get(2), row.get(3));
        let (columns, reads): (Vec<String>, bool) = (row.get(4), row.get(5));
        let mut known: Vec<Open> = Vec::new();
        for (condition, is_using) in [(using, true), (check, false)] {
            let branches = condition.as_deref().map(disjuncts).unwrap_or_default();
            for open in open_branches(&branches, &columns, scope.tenant_columns) {
                let is_about_reading = is_using && reads;
                if known.contains(&open) || (matches!(open, Open::Row(_)) && !is_about_reading) {
                    continue;
                }
                findings.push(finding(&table, &policy, &open));
                known.push(open);
            }
        }
    }
    Ok(findings)
}

fn finding(table: &str, policy: &str, open: &Open) -> Finding {
    let (mode, title, evidence, fix) = match open {
        Open::Unset(branch) => (
            "F18",
            "a policy lets everything through where there is no tenant",
            format!("policy {policy}: {branch}"),
            "-- leave out the branch for an empty or missing context; use a role of its own for jobs",
        ),
        Open::Flag(setting) => (
            "F20",
            "a setting that any client can set switches a policy off",
            format!("policy {policy}: setting {setting}"),
            "-- leave out the branch; use a role of its own for what may see every tenant",
        ),
        Open::Row(branch) => (
            "F22",
            "a branch of a policy asks for no tenant",
            format!("policy {policy}: … OR {branch}"),
            "-- ask for the tenant in every branch: mind that AND binds closer than OR",
        ),
    };
    Finding::new(mode, Severity::Leak, Status::Static, table, title).evidence(evidence).fix(fix)
}
