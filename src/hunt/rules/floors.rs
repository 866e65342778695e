//! Restrictive policies that hold a command to the tenant, whatever the permissive ones beside them let through.
//!
//! `USING (true)` beside `AS RESTRICTIVE USING (tenant_id = …)` isolates. What restricts something else (a soft
//! delete), or has a branch that asks for no tenant, holds nothing.

use super::atom::{asks_context, has_word, looks_elsewhere};
use crate::hunt::catalogue::{MOST_BRANCHES, disjuncts};

/// A restrictive policy.
pub(super) struct Restrictive {
    /// Object id.
    pub(super) table: i64,
    /// As in `pg_policy.polcmd`.
    pub(super) command: String,
    pub(super) using: Option<String>,
    pub(super) check: Option<String>,
    /// Columns of its table that it looks at.
    pub(super) columns: Vec<String>,
    /// Whether its table has a tenant column.
    pub(super) has_tenant_column: bool,
}

/// The table's object id and the letter of each command that it holds: those of `pg_policy.polcmd`, and `m` for the new
/// row of an UPDATE.
pub(super) fn floors(policy: &Restrictive, tenant_columns: &[String]) -> Vec<String> {
    // A table without tenant column belongs to a tenant through another one.
    let compared: Vec<&String> =
        policy.columns.iter().filter(|column| !policy.has_tenant_column || tenant_columns.contains(column)).collect();
    let holds = |condition: &Option<String>| {
        let branches = condition.as_deref().map(disjuncts).unwrap_or_default();
        let asks = |branch: &Vec<String>| branch.iter().any(|atom| asks_for_tenant(atom, &compared));
        // Of more branches than are read, one may be open.
        !branches.is_empty() && branches.len() < MOST_BRANCHES && branches.iter().all(asks)
    };
    let (old, new) = (holds(&policy.using), holds(policy.check.as_ref().map_or(&policy.using, |_| &policy.check)));
    let held = [("r", old), ("a", new), ("w", old), ("m", new), ("d", old)].into_iter().filter(|(letter, is_held)| {
        let is_named = match policy.command.as_str() {
            "*" => true,
            "w" => ["w", "m"].contains(letter),
            command => command == *letter,
        };
        *is_held && is_named
    });
    held.map(|(letter, _)| format!("{}{letter}", policy.table)).collect()
}

/// Whether it holds only for rows of the tenant that the session or another table names.
fn asks_for_tenant(atom: &str, compared: &[&String]) -> bool {
    let is_exact = !["NOT ", "CASE "].iter().any(|start| atom.starts_with(start))
        && ![" <> ", " ~~ ", " ~~* ", " IS NULL", " IS NOT NULL", "IS DISTINCT FROM"]
            .iter()
            .any(|form| atom.contains(form));
    is_exact && compared.iter().any(|column| has_word(atom, column)) && (asks_context(atom) || looks_elsewhere(atom))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "(tenant_id = (NULLIF(current_setting('app.t'::text, true), ''::text))::uuid)";

    fn held(command: &str, using: Option<&str>, check: Option<&str>) -> String {
        let policy = Restrictive {
            table: 7,
            command: command.to_owned(),
            using: using.map(str::to_owned),
            check: check.map(str::to_owned),
            columns: vec!["tenant_id".to_owned(), "deleted_at".to_owned()],
            has_tenant_column: true,
        };
        floors(&policy, &["tenant_id".to_owned()]).concat().replace('7', "")
    }

    /// A comparison of the tenant holds the commands that it is for, each by the condition that is asked for it.
    #[test]
    fn a_tenants_condition_holds() {
        assert_eq!(held("*", Some(MINE), None), "rawmd");
        assert_eq!(held("*", Some(MINE), Some("true")), "rwd");
        assert_eq!(held("r", Some(MINE), None), "r");
        assert_eq!(held("w", Some("true"), Some(MINE)), "m");
        assert_eq!(held("a", None, Some(MINE)), "a");
        assert_eq!(held("*", Some(&format!("({MINE} AND (deleted_at IS NULL))")), None), "rawmd");
        assert_eq!(held("r", Some("(tenant_id IN ( SELECT auth.teams() AS teams))"), None), "r");
    }

    /// What restricts something else, or opens a branch, holds nothing.
    #[test]
    fn others_hold_nothing() {
        for open in [
            "true",
            "(deleted_at IS NULL)",
            "(tenant_id IS NOT NULL)",
            "(current_setting('app.t'::text, true) <> ''::text)",
            "((tenant_id)::text ~~ (current_setting('app.t'::text, true) || '%'::text))",
            &format!("({MINE} OR (current_setting('app.t'::text, true) IS NULL))"),
            &format!("({MINE} OR (deleted_at IS NULL))"),
        ] {
            assert_eq!(held("*", Some(open), None), "", "{open}");
        }
    }
}
