//! Keys that hold the tenant: a reference or a unique key then stays inside of one.

use super::Schema;
use super::candidate::Candidate;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{ForeignKey, Relation};
use crate::hunt::finding::Finding;

fn tenant_column<'a>(schema: &Schema<'_>, relation: &'a Relation) -> Option<&'a str> {
    let mut names = relation.columns.iter().map(|column| column.name.as_str());
    names.find(|name| schema.tenancy.columns.iter().any(|column| column == name))
}

fn list(columns: &[&str]) -> String {
    columns.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

/// Each foreign key of the table, or into it where a deletion is what reaches out, with the tenant's column.
pub(super) fn composite_reference(schema: &Schema<'_>, id: i64, finding: &Finding) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (child_id, child) in &schema.catalogue.relations {
        for key in &child.foreign_keys {
            let concerned = *child_id == id || finding.mode == "F48" && key.parent == id;
            if concerned && key.parent != *child_id {
                all.extend(with_tenant(schema, child, key));
            }
        }
    }
    // One finding may be about more than one key.
    if all.len() > 1 {
        let sql = all.iter().flat_map(|candidate: &Candidate| candidate.sql.clone()).collect();
        all.push(Candidate { sql, takes_right: false });
    }
    all
}

fn with_tenant(schema: &Schema<'_>, child: &Relation, key: &ForeignKey) -> Option<Candidate> {
    let parent = schema.catalogue.relations.get(&key.parent)?;
    let (own, of_parent) = (tenant_column(schema, child)?, tenant_column(schema, parent)?);
    if key.columns.iter().any(|column| column == own) {
        return None;
    }
    let columns: Vec<&str> = std::iter::once(own).chain(key.columns.iter().map(String::as_str)).collect();
    let referred: Vec<&str> = std::iter::once(of_parent).chain(key.parent_columns.iter().map(String::as_str)).collect();
    let mut sql = Vec::new();
    let is_unique = schema.catalogue.objects.keys_of(key.parent).any(|unique| {
        unique.columns.len() == referred.len() && referred.iter().all(|name| unique.columns.iter().any(|c| c == name))
    });
    if !is_unique {
        sql.push(format!("ALTER TABLE {} ADD UNIQUE ({})", parent.name, list(&referred)));
    }
    // The tenant's column must not become NULL with the others.
    let of_key: Vec<&str> = key.columns.iter().map(String::as_str).collect();
    let actions = key.actions.replace("ON DELETE SET NULL", &format!("ON DELETE SET NULL ({})", list(&of_key)));
    let (table, name) = (&child.name, quote(&key.name));
    sql.push(format!("ALTER TABLE {table} DROP CONSTRAINT {name}"));
    sql.push(format!(
        "ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({}) REFERENCES {} ({}) {actions}",
        list(&columns),
        parent.name,
        list(&referred)
    ));
    Some(Candidate { sql, takes_right: false })
}

/// Each unique key of the table with the tenant's column.
pub(super) fn composite_unique(schema: &Schema<'_>, id: i64) -> Vec<Candidate> {
    let relation = &schema.catalogue.relations[&id];
    let Some(own) = tenant_column(schema, relation) else { return vec![] };
    let mut all = Vec::new();
    for key in schema.catalogue.objects.keys_of(id).filter(|key| !key.columns.iter().any(|column| column == own)) {
        let columns: Vec<&str> = std::iter::once(own).chain(key.columns.iter().map(String::as_str)).collect();
        let (table, name) = (&relation.name, quote(&key.name));
        let kind = if key.is_primary { "PRIMARY KEY" } else { "UNIQUE" };
        let sql = match key.is_constraint {
            true => vec![
                format!("ALTER TABLE {table} DROP CONSTRAINT {name}"),
                format!("ALTER TABLE {table} ADD CONSTRAINT {name} {kind} ({})", list(&columns)),
            ],
            false => {
                let schema_name = table.rsplit_once('.').map_or(String::new(), |(schema, _)| format!("{schema}."));
                vec![
                    format!("DROP INDEX {schema_name}{name}"),
                    format!("CREATE UNIQUE INDEX {name} ON {table} ({})", list(&columns)),
                ]
            }
        };
        all.push(Candidate { sql, takes_right: false });
    }
    if all.len() > 1 {
        let sql = all.iter().flat_map(|candidate: &Candidate| candidate.sql.clone()).collect();
        all.push(Candidate { sql, takes_right: false });
    }
    all
}
