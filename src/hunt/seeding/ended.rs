//! Columns that say whether a row still counts: a membership that was revoked, an invitation that was never accepted.
//! Seeded rows count, or no tenant would see its own; a probe makes one that does not.

use super::values::literal;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Column, NULL, Relation};

/// What a column says by its name: the value of a row that counts, of one that does not, and the condition for it.
pub(in crate::hunt) struct Standing {
    pub(in crate::hunt) condition: String,
    pub(in crate::hunt) holds: String,
    pub(in crate::hunt) ended: String,
}

const ENDS: [&str; 9] =
    ["revoked", "deleted", "removed", "disabled", "suspended", "left", "ended", "archived", "cancelled"];
const BEGINS: [&str; 4] = ["active", "accepted", "confirmed", "enabled"];
const EXPIRES: [&str; 3] = ["expires", "expired", "valid_until"];
const STATES: [&str; 2] = ["status", "state"];

/// Labels of a state, of rows that count and that do not.
const HOLDING: [&str; 5] = ["active", "accepted", "confirmed", "enabled", "member"];

/// What a column says, if its name says that it says so. `literals` are those of the checks that hold for it.
fn standing(column: &Column, literals: &[String]) -> Option<Standing> {
    let name = column.name.strip_prefix("is_").unwrap_or(&column.name);
    let name = name.strip_suffix("_at").or(name.strip_suffix("_on")).unwrap_or(name);
    let is_moment = column.base_type.starts_with("timestamp") || column.base_type == "date";
    let is_flag = column.base_type == "boolean";
    let quoted = quote(&column.name);
    let pair = |holds: &str, ended: &str| {
        let condition = match (holds, ended) {
            (NULL, _) => format!("{quoted} IS NULL"),
            (_, NULL) => format!("{quoted} IS NOT NULL"),
            (holds, _) if is_flag => format!("{quoted} IS {holds}"),
            _ if is_moment => format!("({quoted} IS NULL OR {quoted} > now())"),
            (holds, _) => format!("{quoted} = {}", literal(holds)),
        };
        Some(Standing { condition, holds: holds.to_owned(), ended: ended.to_owned() })
    };
    const PAST: &str = "2020-01-01";
    if ENDS.contains(&name) {
        return match (is_moment && column.nullable, is_flag) {
            (true, _) => pair(NULL, PAST),
            (_, true) => pair("false", "true"),
            _ => None,
        };
    }
    if BEGINS.contains(&name) {
        return match (is_moment && column.nullable, is_flag) {
            (true, _) => pair(PAST, NULL),
            (_, true) => pair("true", "false"),
            _ => None,
        };
    }
    if EXPIRES.contains(&name) && is_moment {
        return pair("2999-01-01", PAST);
    }
    if STATES.contains(&name) {
        let labels: Vec<&String> = column.labels.iter().chain(literals).collect();
        let with = |words: &[&str]| labels.iter().find(|label| words.iter().any(|word| ***label == **word));
        let (holds, ended) = (with(&HOLDING)?, with(&ENDS)?);
        return pair(holds, ended);
    }
    None
}

/// The columns of a table that say whether a row counts.
pub(in crate::hunt) fn standings(table: &Relation) -> Vec<(String, Standing)> {
    let of = |column: &Column| {
        let checks = table.checks.iter().filter(|check| check.columns.contains(&column.name));
        let literals: Vec<String> = checks.flat_map(|check| check.literals.clone()).collect();
        Some((column.name.clone(), standing(column, &literals)?))
    };
    table.columns.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, base_type: &str, nullable: bool) -> Column {
        Column {
            name: name.to_owned(),
            base_type: base_type.to_owned(),
            full_type: base_type.to_owned(),
            domain_literals: vec![],
            length: None,
            labels: vec![],
            generated: false,
            nullable,
            in_key: false,
            readable: true,
            insertable: true,
            updatable: true,
        }
    }

    fn of(name: &str, base_type: &str, nullable: bool) -> Option<(String, String)> {
        let labels = ["invited", "active", "revoked"].map(str::to_owned);
        standing(&column(name, base_type, nullable), &labels).map(|standing| (standing.holds, standing.ended))
    }

    fn pair(holds: &str, ended: &str) -> Option<(String, String)> {
        Some((holds.to_owned(), ended.to_owned()))
    }

    /// Moments, flags and labels, in the spellings that schemas have.
    #[test]
    fn names_say_whether_a_row_counts() {
        assert_eq!(of("revoked_at", "timestamp with time zone", true), pair(NULL, "2020-01-01"));
        assert_eq!(of("accepted_on", "date", true), pair("2020-01-01", NULL));
        assert_eq!(of("expires_at", "timestamp with time zone", false), pair("2999-01-01", "2020-01-01"));
        assert_eq!(of("is_deleted", "boolean", false), pair("false", "true"));
        assert_eq!(of("active", "boolean", false), pair("true", "false"));
        assert_eq!(of("status", "text", false), pair("active", "revoked"));
    }

    /// A name that says something else, or a type in which it cannot be said, is left alone.
    #[test]
    fn other_columns_say_nothing() {
        for (name, base_type) in [("title", "text"), ("deleted_by", "uuid"), ("revoked_at", "bigint")] {
            assert_eq!(of(name, base_type, true), None, "{name}");
        }
        assert_eq!(of("deleted_at", "timestamp with time zone", false), None);
    }
}
