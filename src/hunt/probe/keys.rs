//! Keys across tenants: references into another tenant, referential actions, and what a unique or foreign key tells
//! of rows that cannot be seen.

use super::objects::{is_row, mixed};
use super::probe::{Oracle, Probe};
use super::state::State;
use super::writes::Twins;
use crate::hunt::catalogue::{Catalogue, ForeignKey, Relation, UniqueKey};
use crate::hunt::finding::Severity;
use crate::hunt::seeding::{Seeded, Tenancy, Tenant, insert_sql, scalar};

/// A foreign key that refuses is isolation too, where it holds the tenant.
const KEY_REFUSALS: &[&str] = &["42501", "44000", "23503"];

type Row = [(String, String)];

/// The probes of one table's keys.
pub(in crate::hunt) fn keys(
    catalogue: &Catalogue,
    tenancy: &Tenancy,
    seeded: &Seeded,
    id: i64,
    state: &State,
) -> Vec<Twins> {
    let relation = &catalogue.relations[&id];
    let (Some(row_a), Some(row_b)) = (seeded.row(id, Tenant::A), seeded.row(id, Tenant::B)) else { return vec![] };
    let may_insert = relation.columns.iter().any(|column| column.insertable);
    let mut all = Vec::new();
    for key in &relation.foreign_keys {
        let parent =
            catalogue.relations.get(&key.parent).filter(|_| key.parent != id && tenancy.owned.contains(&key.parent));
        let Some(parent) = parent.filter(|parent| parent.row_security) else { continue };
        if key.columns.iter().any(|column| tenancy.columns.contains(column)) {
            continue;
        }
        let both_have_tenant =
            relation.row_security && [relation, parent].iter().all(|table| has_tenant(table, tenancy));
        if may_insert {
            all.extend(reference(relation, key, row_a, row_b, state, both_have_tenant));
        }
        if both_have_tenant && parent.deletable {
            all.extend(cascade(catalogue, key, (id, relation), (row_a, row_b), parent, state));
        }
    }
    if relation.row_security && may_insert {
        let tells =
            |key: &&UniqueKey| !key.has_uuid && !key.columns.iter().any(|column| tenancy.columns.contains(column));
        all.extend(
            catalogue.objects.keys_of(id).filter(tells).filter_map(|key| unique(relation, key, row_a, row_b, state)),
        );
    }
    all
}

fn has_tenant(relation: &Relation, tenancy: &Tenancy) -> bool {
    relation.columns.iter().any(|column| tenancy.columns.contains(&column.name))
}

fn insertable(relation: &Relation, row: &Row) -> Vec<(String, String)> {
    let may = |name: &String| relation.columns.iter().any(|column| column.name == *name && column.insertable);
    row.iter().filter(|(name, _)| may(name)).cloned().collect()
}

/// A's row goes, without triggers, so that a new one can come in its place.
fn make_room(table: &str, of: Tenant) -> Vec<String> {
    vec![
        "SET LOCAL session_replication_role = replica".to_owned(),
        format!("DELETE FROM {table} AS hunt_row WHERE hunt_row::text ~ '{}'", of.marks()),
        "SET LOCAL session_replication_role = origin".to_owned(),
        "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
    ]
}

/// A's own row that refers to B's parent; its twin refers to nothing and must be refused, or the key checks nothing.
fn reference(
    relation: &Relation,
    key: &ForeignKey,
    row_a: &Row,
    row_b: &Row,
    state: &State,
    both_have_tenant: bool,
) -> Option<Twins> {
    let table = &relation.name;
    let of_key = |name: &str| key.columns.iter().any(|column| column == name);
    let into_b = mixed(row_a, row_b, of_key);
    if into_b == row_a {
        return None;
    }
    let mut attack = match both_have_tenant {
        true => state.probe(table, "INSERT that refers to another tenant", "F47"),
        false => state.probe(table, "INSERT that asks a foreign key", "F51"),
    };
    (attack.severity, attack.title) = match both_have_tenant {
        true => (Severity::Write, "a row can refer to another tenant's row"),
        false => (Severity::Covert, "a foreign key tells whether another tenant's row exists"),
    };
    attack.before = make_room(table, Tenant::A);
    attack.refusals = KEY_REFUSALS;
    attack.attack = vec![insert_sql(table, &insertable(relation, &into_b)).into()];
    let found = format!("SELECT hunt_row::text FROM {table} AS hunt_row WHERE {}", is_row(&into_b, &key.columns));
    let of_a = format!("{found} AND hunt_row::text ~ '{}'", Tenant::A.marks());
    attack.oracle = Oracle::Stored { look: of_a };
    let nowhere: Vec<(String, String)> = into_b
        .iter()
        .map(|(name, value)| {
            let column = relation.columns.iter().find(|column| of_key(name) && column.name == *name);
            let nothing = column.map(|column| scalar(&column.base_type, column.length, Tenant::Shared, 9_999));
            (name.clone(), nothing.unwrap_or_else(|| value.clone()))
        })
        .collect();
    let mut control = attack.clone();
    control.attack = vec![insert_sql(table, &insertable(relation, &nowhere)).into()];
    control.oracle = Oracle::Refused { code: "23503" };
    Some((attack, Some(control)))
}

/// B's row refers to A's parent, and A deletes the parent.
fn cascade(
    catalogue: &Catalogue,
    key: &ForeignKey,
    (id, relation): (i64, &Relation),
    (row_a, row_b): (&Row, &Row),
    parent: &Relation,
    state: &State,
) -> Option<Twins> {
    if !["CASCADE", "SET NULL", "SET DEFAULT"].iter().any(|action| key.actions.contains(&format!("ON DELETE {action}")))
    {
        return None;
    }
    let into_a = mixed(row_b, row_a, |name| key.columns.iter().any(|column| column == name));
    let children = catalogue.relations.iter().filter(|(_, child)| child.kind.is_seeded());
    let children = children.filter(|(child, relation)| {
        **child == id || relation.foreign_keys.iter().any(|other| other.parent == key.parent)
    });
    let clear = children.map(|(_, child)| format!("DELETE FROM {}", child.name));
    let (table, title) = (&relation.name, "deleting a row changes another tenant's row that refers to it");
    let mut attack = state.probe(&parent.name, "DELETE that reaches another tenant", "F48");
    (attack.severity, attack.title) = (Severity::Write, title);
    let found = format!(
        "FROM {table} AS hunt_row WHERE {} AND hunt_row::text ~ '{}'",
        is_row(&into_a, &key.columns),
        Tenant::B.marks()
    );
    attack.before = vec!["SET LOCAL session_replication_role = replica".to_owned()];
    attack.before.extend(clear);
    attack.before.push(insert_sql(table, &into_a));
    attack.before.push("SET LOCAL session_replication_role = origin".to_owned());
    attack.before.push(format!("SELECT set_config('chaos.rows', (SELECT count(*)::text {found}), true)"));
    attack.attack = vec![format!("DELETE FROM {}", parent.name).into()];
    attack.oracle = Oracle::Stored {
        look: format!(
            "SELECT 'a row of {table} is gone or changed' WHERE current_setting('chaos.rows')::bigint > (SELECT count(*) {found})"
        ),
    };
    let mut control = attack.clone();
    let own =
        format!("(SELECT count(*) FROM {} AS hunt_row WHERE hunt_row::text ~ '{}')", parent.name, Tenant::A.marks());
    control.before.push(format!("SELECT set_config('chaos.own', {own}::text, true)"));
    control.oracle =
        Oracle::Stored { look: format!("SELECT 'a row is gone' WHERE current_setting('chaos.own')::bigint > {own}") };
    Some((attack, Some(control)))
}

/// A's row with B's value in a unique key is refused, while another value is not.
fn unique(relation: &Relation, key: &UniqueKey, row_a: &Row, row_b: &Row, state: &State) -> Option<Twins> {
    let table = &relation.name;
    let as_b = mixed(row_a, row_b, |name| key.columns.iter().any(|column| column == name));
    // A key that refers elsewhere would be refused for another reason.
    let refers = relation.foreign_keys.iter().any(|other| other.columns.iter().any(|name| key.columns.contains(name)));
    let known = insertable(relation, &as_b);
    if as_b == row_a || refers || !key.columns.iter().all(|name| known.iter().any(|(column, _)| column == name)) {
        return None;
    }
    let mut attack: Probe = state.probe(table, "INSERT that asks a unique key", "F50");
    (attack.severity, attack.title) = (Severity::Covert, "a unique key tells whether another tenant has a value");
    attack.before = make_room(table, Tenant::A);
    attack.attack = vec![insert_sql(table, &known).into()];
    attack.oracle = Oracle::Refused { code: "23505" };
    let mut control = attack.clone();
    control.attack = vec![insert_sql(table, &insertable(relation, row_a)).into()];
    control.oracle = Oracle::Stored {
        look: format!("SELECT hunt_row::text FROM {table} AS hunt_row WHERE hunt_row::text ~ '{}'", Tenant::A.marks()),
    };
    Some((attack, Some(control)))
}
