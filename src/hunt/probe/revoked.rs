//! Memberships that ended: a row joins A's user to B's tenant and says itself that it no longer counts. Policies that
//! believe it all the same show B's rows to whoever was once a member.

use std::collections::BTreeSet;

use super::attacks::Attacker;
use super::objects::mixed;
use super::probe::{Oracle, Probe, READ_REFUSALS};
use crate::hunt::catalogue::Relation;
use crate::hunt::seeding::{Tenant, insert_sql, standings};

/// An attack by a membership that ended, beside one that holds, which must open what the ended one must not.
pub(in crate::hunt) fn ended_memberships(attacker: &Attacker<'_>) -> Vec<(Probe, Probe)> {
    let mut all = Vec::new();
    for id in attacker.believed() {
        let table = &attacker.catalogue.relations[&id];
        let (Some(row_a), Some(row_b)) = (attacker.seeded.row(id, Tenant::A), attacker.seeded.row(id, Tenant::B))
        else {
            continue;
        };
        let said = standings(table);
        let looks = attacker.reads_but(&[id]);
        if said.is_empty() || looks.is_empty() || !is_link(attacker, id, table) {
            continue;
        }
        for key in &table.foreign_keys {
            let in_key = |name: &str| key.columns.iter().any(|column| column == name);
            for (row, other) in [(row_a, row_b), (row_b, row_a)] {
                let mut joins = mixed(row, other, in_key);
                if joins == row || joins == other {
                    continue;
                }
                for (name, standing) in &said {
                    put(&mut joins, name, &standing.holds);
                }
                let make = |joins: &[(String, String)]| {
                    let mut probe = attacker.own.probe(&table.name, "SELECT by an ended membership", "F25");
                    probe.title = "a membership that ended still shows another tenant's rows";
                    probe.refusals = READ_REFUSALS;
                    probe.before = vec![
                        "SET LOCAL session_replication_role = replica".to_owned(),
                        insert_sql(&table.name, joins),
                        "SET LOCAL session_replication_role = origin".to_owned(),
                    ];
                    probe.oracle = Oracle::Shown { looks: looks.clone(), foreign: Tenant::B.marks().to_owned() };
                    probe
                };
                let holds = make(&joins);
                // Each column ends a membership by itself.
                for (name, standing) in &said {
                    let mut ended = joins.clone();
                    put(&mut ended, name, &standing.ended);
                    all.push((make(&ended), holds.clone()));
                }
            }
        }
    }
    all
}

fn put(row: &mut [(String, String)], column: &str, value: &str) {
    if let Some((_, cell)) = row.iter_mut().find(|(name, _)| name == column) {
        value.clone_into(cell);
    }
}

/// Whether a row is a link and nothing else: one of its unique keys is made of two foreign keys. In another table a row
/// that mixes two tenants is no membership but a row that the schema's own keys would have to keep out.
fn is_link(attacker: &Attacker<'_>, id: i64, table: &Relation) -> bool {
    attacker.catalogue.objects.keys_of(id).any(|unique| {
        let inside = |columns: &Vec<String>| columns.iter().all(|column| unique.columns.contains(column));
        let keys: Vec<&Vec<String>> = table.foreign_keys.iter().map(|key| &key.columns).filter(|c| inside(c)).collect();
        let covered: BTreeSet<&String> = keys.iter().flat_map(|columns| columns.iter()).collect();
        keys.len() > 1 && unique.columns.iter().all(|column| covered.contains(column))
    })
}
