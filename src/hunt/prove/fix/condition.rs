//! The tenant's condition for a table that has none: as the schema's other policies say it, as the discovered context
//! says it, or through a parent that is protected.

use std::collections::BTreeMap;

use super::Schema;
use crate::hunt::catalogue::Relation;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::seeding::Tenant;

/// So many are tried.
const MOST_CONDITIONS: usize = 3;

/// Conditions that may tell the tenant's rows in a table, the most usual of the schema first.
pub(super) fn conditions(schema: &Schema<'_>, id: i64) -> Vec<String> {
    let relation = &schema.catalogue.relations[&id];
    let mut all = as_elsewhere(schema, id, relation);
    all.extend(as_context_says(schema, id, relation));
    all.extend(through_parents(schema, id, relation));
    all.dedup();
    all.truncate(MOST_CONDITIONS);
    all
}

/// Conditions of other tables' policies that compare a tenant column which this table has too.
fn as_elsewhere(schema: &Schema<'_>, id: i64, relation: &Relation) -> Vec<String> {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    let columns = relation.columns.iter().map(|column| column.name.as_str());
    let columns: Vec<&str> =
        columns.filter(|name| schema.tenancy.columns.iter().any(|column| column == name)).collect();
    let policies = schema.catalogue.objects.policies.iter().filter(|policy| policy.permissive && policy.relation != id);
    for using in policies.filter_map(|policy| policy.using.as_deref()) {
        if columns.iter().any(|name| using.contains(&format!("({name} "))) {
            *votes.entry(using).or_default() += 1;
        }
    }
    let mut all: Vec<(&str, usize)> = votes.into_iter().collect();
    all.sort_by_key(|(text, votes)| (std::cmp::Reverse(*votes), *text));
    all.into_iter().map(|(text, _)| text.to_owned()).take(2).collect()
}

/// The column that holds the tenant's value, compared with the setting that does.
fn as_context_says(schema: &Schema<'_>, id: i64, relation: &Relation) -> Option<String> {
    let (setting, value) = schema.context.plain.as_ref()?;
    let row = schema.seeded.row(id, Tenant::A)?;
    let (name, _) = row.iter().find(|(_, cell)| cell == value)?;
    let column = relation.columns.iter().find(|column| column.name == *name)?;
    let setting = setting.replace('\'', "''");
    Some(format!("{} = (SELECT NULLIF(current_setting('{setting}', true), '')::{})", quote(name), column.base_type))
}

/// The parent's own policies decide: they hold inside of a sub-select too.
fn through_parents(schema: &Schema<'_>, id: i64, relation: &Relation) -> Vec<String> {
    let keys = relation.foreign_keys.iter().filter(|key| key.parent != id);
    keys.filter_map(|key| {
        let parent = schema.catalogue.relations.get(&key.parent).filter(|parent| parent.row_security)?;
        let pairs = key.columns.iter().zip(&key.parent_columns);
        let equal = pairs.map(|(child, own)| format!("parent.{} = {}.{}", quote(own), relation.name, quote(child)));
        let equal = equal.collect::<Vec<_>>().join(" AND ");
        Some(format!("EXISTS (SELECT 1 FROM {} AS parent WHERE {equal})", parent.name))
    })
    .collect()
}
