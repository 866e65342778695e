//! Values that name their owner: every seeded row of tenant A carries marks of A, in keys and in text, and so for B.
//! A value follows from (tenant, table, column) alone, so a foreign key and its target agree without being looked up.

use std::collections::BTreeSet;

use crate::hunt::catalogue::{Catalogue, Column, NULL};

/// The two tenants of a hunt, and nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hunt) enum Tenant {
    A,
    B,
    /// Whose rows are everybody's: of tables that belong to no tenant.
    Shared,
}

/// The parts of a text, however the server writes rows and messages: a mark is in one of them, whole.
pub(in crate::hunt) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || "-_@.".contains(c))).filter(|word| !word.is_empty())
}

impl Tenant {
    /// Regular expression of what only this tenant's rows hold.
    pub(in crate::hunt) fn marks(self) -> &'static str {
        match self {
            Tenant::A => "canary-a-|aaaaaaaa-|71111[0-9]{4}",
            Tenant::B => "canary-b-|bbbbbbbb-|72222[0-9]{4}",
            Tenant::Shared => "canary-c-|cccccccc-|73333[0-9]{4}",
        }
    }

    /// Whether a text holds a mark of this tenant.
    pub(in crate::hunt) fn is_in(self, text: &str) -> bool {
        let (canary, uuid, number) = match self {
            Tenant::A => ("canary-a-", "aaaaaaaa-", "71111"),
            Tenant::B => ("canary-b-", "bbbbbbbb-", "72222"),
            Tenant::Shared => ("canary-c-", "cccccccc-", "73333"),
        };
        let is_number = |(at, _): (usize, &str)| {
            let rest = &text.as_bytes()[at + number.len()..];
            rest.len() >= 4 && rest[..4].iter().all(u8::is_ascii_digit)
        };
        text.contains(canary) || text.contains(uuid) || text.match_indices(number).any(is_number)
    }
}

/// What belongs to tenants.
#[derive(Debug)]
pub(in crate::hunt) struct Tenancy {
    /// Names of columns that say whose a row is.
    pub(in crate::hunt) columns: Vec<String>,
    /// Relations whose rows belong to a tenant.
    pub(in crate::hunt) owned: BTreeSet<i64>,
}

impl Tenancy {
    /// A table belongs to tenants if it has row security or a tenant column, if a tenant column refers to it, or if it
    /// refers to one that does.
    pub(in crate::hunt) fn of(catalogue: &Catalogue, columns: Vec<String>) -> Self {
        let has_column = |id: &i64| catalogue.relations[id].columns.iter().any(|column| columns.contains(&column.name));
        let protected = |id: &i64| catalogue.relations[id].row_security;
        let mut owned: BTreeSet<i64> =
            catalogue.relations.keys().copied().filter(|id| protected(id) || has_column(id)).collect();
        for key in catalogue.relations.values().flat_map(|relation| &relation.foreign_keys) {
            if key.columns.iter().any(|column| columns.contains(column)) && key.columns.len() == 1 {
                owned.insert(key.parent);
            }
        }
        loop {
            let refers = |id: &i64| catalogue.relations[id].foreign_keys.iter().any(|key| owned.contains(&key.parent));
            let more: Vec<i64> =
                catalogue.relations.keys().copied().filter(|id| !owned.contains(id) && refers(id)).collect();
            if more.is_empty() {
                return Self { columns, owned };
            }
            owned.extend(more);
        }
    }
}

/// A foreign key is followed at most this far; a cycle ends earlier, at the row itself.
const LONGEST_CHAIN: usize = 16;

/// The value of a column in the row of one tenant, as text that the column's type reads.
pub(in crate::hunt) fn value(
    catalogue: &Catalogue,
    tenancy: &Tenancy,
    relation: i64,
    column: &str,
    of: Tenant,
) -> String {
    let tenant_columns = &tenancy.columns;
    let (mut at, mut name) = (relation, column.to_owned());
    let mut is_tenant = tenant_columns.contains(&name);
    for _ in 0..LONGEST_CHAIN {
        let step = catalogue.relations[&at].foreign_keys.iter().find_map(|key| {
            let place = key.columns.iter().position(|column| *column == name)?;
            let known = catalogue.relations.contains_key(&key.parent) && key.parent != at;
            known.then(|| (key.parent, key.parent_columns[place].clone()))
        });
        let Some((parent, parent_column)) = step else { break };
        (at, name) = (parent, parent_column);
        is_tenant |= tenant_columns.contains(&name);
    }
    let table = catalogue.relations.range(..at).count() + 1;
    let ordinal = if is_tenant || is_tenant_key(catalogue, tenant_columns, at, &name) { 0 } else { table };
    let relation = &catalogue.relations[&at];
    // A reference of a row to itself has the value of what it refers to.
    let own = relation.foreign_keys.iter().find(|key| key.parent == at && key.columns.contains(&name));
    let name = own.map_or(name.clone(), |key| {
        key.columns.iter().position(|column| *column == name).map_or(name, |place| key.parent_columns[place].clone())
    });
    let column = relation.columns.iter().find(|column| column.name == name);
    let of = if tenancy.owned.contains(&at) { of } else { Tenant::Shared };
    column.map_or_else(String::new, |column| of_type(column, of, ordinal))
}

/// Whether a tenant column of some table refers to this one.
fn is_tenant_key(catalogue: &Catalogue, tenant_columns: &[String], relation: i64, column: &str) -> bool {
    catalogue.relations.values().flat_map(|child| &child.foreign_keys).any(|key| {
        let mut pairs = key.columns.iter().zip(&key.parent_columns);
        key.parent == relation && pairs.any(|(from, to)| tenant_columns.contains(from) && to == column)
    })
}

/// A value of a type.
pub(in crate::hunt) fn of_type(column: &Column, of: Tenant, ordinal: usize) -> String {
    if let Some(label) = column.labels.first() {
        return label.clone();
    }
    scalar(&column.base_type, column.length, of, ordinal)
}

/// A value of a named type, for columns and for arguments of functions.
pub(in crate::hunt) fn scalar(type_name: &str, length: Option<i32>, of: Tenant, ordinal: usize) -> String {
    let (letter, day, number) = match of {
        Tenant::A => ('a', 1, 711_110_000 + ordinal),
        Tenant::B => ('b', 2, 722_220_000 + ordinal),
        Tenant::Shared => ('c', 3, 733_330_000 + ordinal),
    };
    let text = format!("canary-{letter}-{ordinal}-");
    if let Some(element) = type_name.strip_suffix("[]") {
        return match element {
            "text" | "character varying" => format!("{{{text}}}"),
            _ => "{}".to_owned(),
        };
    }
    match type_name {
        "uuid" => {
            let eight = letter.to_string().repeat(8);
            format!("{eight}-{ordinal:04x}-4000-8000-{}", letter.to_string().repeat(12))
        }
        "text" | "name" | "citext" | "tsvector" => text,
        "character varying" | "character" | "\"char\"" => {
            let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(text.len());
            if length >= text.len() { text } else { format!("{letter}{ordinal:09}").chars().take(length).collect() }
        }
        "smallint" => (ordinal * 2 + day).to_string(),
        "integer" | "bigint" | "numeric" | "real" | "double precision" | "money" | "oid" => number.to_string(),
        "boolean" => "true".to_owned(),
        "json" | "jsonb" => format!("{{\"canary\": \"{text}\"}}"),
        "bytea" => format!("\\x{}", text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()),
        "date" | "timestamp without time zone" | "timestamp with time zone" => format!("2025-06-{day:02}"),
        "time without time zone" | "time with time zone" => format!("0{day}:00"),
        "interval" => format!("{day} hours"),
        "inet" | "cidr" => format!("10.0.0.{day}"),
        "macaddr" => format!("08:00:2b:01:02:0{day}"),
        "int4range" | "int8range" | "numrange" => format!("[{number},{})", number + 1),
        "daterange" | "tstzrange" | "tsrange" => format!("[2025-06-{day:02},2025-06-{:02})", day + 1),
        "point" => format!("({day},{day})"),
        "box" => format!("({day},{day}),({day}.5,{day}.5)"),
        "circle" => format!("<({day},{day}),0.1>"),
        "xml" => format!("<canary>{text}</canary>"),
        "bit" | "bit varying" => "1".repeat(length.map_or(1, |length| length as usize + 4)),
        "jsonpath" => "$.canary".to_owned(),
        "tsquery" => "canary".to_owned(),
        "pg_lsn" => format!("0/{day}"),
        "pg_snapshot" | "txid_snapshot" => "10:20:".to_owned(),
        "regclass" => "pg_class".to_owned(),
        "regtype" => "integer".to_owned(),
        "line" => "{1,2,3}".to_owned(),
        "lseg" => "[(0,0),(1,1)]".to_owned(),
        "path" | "polygon" => format!("((0,0),(1,1),({day},0))"),
        "macaddr8" => format!("08:00:2b:01:02:03:04:0{day}"),
        "int4multirange" | "int8multirange" | "nummultirange" => format!("{{[{number},{})}}", number + 1),
        "ltree" => text.replace('-', "_"),
        "hstore" => format!("canary=>{text}"),
        _ => text,
    }
}

/// A quoted SQL literal, or NULL.
pub(in crate::hunt) fn literal(text: &str) -> String {
    if text == NULL {
        return "NULL".to_owned();
    }
    match text.contains('\\') {
        true => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of one tenant holds its own mark and never the other's, in every type that can hold one.
    #[test]
    fn marks_tell_the_tenants_apart() {
        for name in ["uuid", "text", "character varying", "integer", "bigint", "numeric", "jsonb", "text[]", "xml"] {
            for ordinal in [0, 1, 999] {
                let (a, b) = (scalar(name, None, Tenant::A, ordinal), scalar(name, None, Tenant::B, ordinal));
                assert!(Tenant::A.is_in(&a) && !Tenant::B.is_in(&a), "{name}: {a}");
                assert!(Tenant::B.is_in(&b) && !Tenant::A.is_in(&b), "{name}: {b}");
            }
        }
    }

    /// A number that only begins like a mark is none.
    #[test]
    fn short_numbers_are_no_marks() {
        assert!(!Tenant::A.is_in("71111, 71111a"));
        assert!(Tenant::A.is_in("(711110042)"));
    }

    /// A quote or a backslash in a value does not end its literal.
    #[test]
    fn literals_are_quoted() {
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!((literal(NULL), literal("NULL")), ("NULL".to_owned(), "'NULL'".to_owned()));
        assert_eq!(literal("\\x'"), "E'\\\\x'''");
    }
}
