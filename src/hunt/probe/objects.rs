//! Objects that no policy guards: sequences, large objects, statistics.

use super::probe::{Look, Oracle, Probe};
use super::state::State;
use super::writes::Twins;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Catalogue, Sequence};
use crate::hunt::finding::Severity;
use crate::hunt::seeding::{Tenancy, Tenant, literal};

/// Every object beside tables and functions. What a superuser makes in the probe itself, as the application does, needs no
/// twin: a sequence's value, a large object.
pub(in crate::hunt) fn objects(catalogue: &Catalogue, tenancy: &Tenancy, state: &State, role: &str) -> Vec<Twins> {
    let is_shared = |sequence: &&Sequence| sequence.table.is_some_and(|table| tenancy.owned.contains(&table));
    let sequences = catalogue.objects.sequences.iter().filter(is_shared).flat_map(|sequence| watch(sequence, state));
    let mut all: Vec<Twins> = sequences.map(|probe| (probe, None)).collect();
    if catalogue.objects.large_objects {
        all.push((large_object(state, role), None));
    }
    if catalogue.relations.values().any(|relation| relation.row_security) {
        all.push(statistics(state));
    }
    all
}

/// What another tenant's INSERT takes from a sequence can be counted.
fn watch(sequence: &Sequence, state: &State) -> Vec<Probe> {
    let name = &sequence.name;
    let mut all = Vec::new();
    let make = |verb, before: String, look: String| {
        let mut probe = state.probe(name, verb, "F52");
        probe.severity = Severity::Covert;
        probe.title = "a sequence tells how many rows other tenants insert";
        // A value taken by another tenant.
        probe.before = vec![before, format!("SELECT nextval('{}')", name.replace('\'', "''"))];
        probe.oracle = Oracle::Shown { looks: vec![Look::Query(look)], foreign: "another".to_owned() };
        probe
    };
    let state_of = format!("(SELECT last_value || ' ' || is_called FROM {name})");
    if sequence.readable {
        let before = format!("SELECT set_config('chaos.sequence', {state_of}, true)");
        let look = format!(
            "SELECT 'another value was taken: now ' || {state_of} WHERE {state_of} <> current_setting('chaos.sequence')"
        );
        all.push(make("SELECT", before, look));
    }
    if sequence.usable {
        let next = format!("nextval('{}')", name.replace('\'', "''"));
        let before = format!("SELECT set_config('chaos.sequence', {next}::text, true)");
        let look = format!(
            "SELECT 'another tenant took ' || taken - 1 || ' of the values since' FROM \
             (SELECT {next} - current_setting('chaos.sequence')::bigint) AS q (taken) WHERE taken > 1"
        );
        all.push(make("nextval", before, look));
    }
    all
}

/// A large object that tenant B stored as the application does.
fn large_object(state: &State, role: &str) -> Probe {
    const NUMBER: u32 = 722_229_999;
    let mut probe = state.probe("(large objects)", "lo_get", "F14");
    probe.title = "a large object of another tenant can be read: they know roles, not tenants";
    probe.before = vec![
        format!("SELECT lo_from_bytea({NUMBER}, convert_to('canary-b-lo-', 'UTF8'))"),
        format!("ALTER LARGE OBJECT {NUMBER} OWNER TO {}", quote(role)),
    ];
    let look = format!("SELECT convert_from(lo_get({NUMBER}), 'UTF8')");
    probe.oracle = Oracle::Shown { looks: vec![Look::Query(look)], foreign: "canary-b-lo-".to_owned() };
    probe
}

/// What the planner remembers of a table's values, of tables with row security only: of others the table itself tells.
/// The twin: a superuser sees B's values in it.
fn statistics(state: &State) -> Twins {
    let mut probe = state.probe("pg_stats", "SELECT", "F52");
    probe.title = "the planner's statistics show another tenant's values";
    probe.before = vec!["ANALYZE".to_owned()];
    let look = "SELECT s::text FROM pg_stats AS s JOIN pg_namespace AS n ON n.nspname = s.schemaname \
                JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.tablename WHERE c.relrowsecurity";
    probe.oracle = Oracle::Shown { looks: vec![Look::Query(look.to_owned())], foreign: Tenant::B.marks().to_owned() };
    let mut control = probe.clone();
    let held = format!("SELECT r FROM ({look}) AS q (r) WHERE r ~ '{}'", Tenant::B.marks());
    control.oracle = Oracle::Stored { look: held };
    (probe, Some(control))
}

/// A column's values of both tenants' rows differ in it: `value` of A's row beside B's.
pub(in crate::hunt) fn pairs<'a>(
    row_a: &'a [(String, String)],
    row_b: &'a [(String, String)],
) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    row_a.iter().filter_map(|(name, a)| {
        let (_, b) = row_b.iter().find(|(other, _)| other == name)?;
        (a != b).then_some((name.as_str(), a.as_str(), b.as_str()))
    })
}

/// A row with some columns of another one.
pub(in crate::hunt) fn mixed(
    row: &[(String, String)],
    other: &[(String, String)],
    takes: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let of_other = |name: &str| other.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let mix = |(name, value): &(String, String)| {
        let taken = takes(name).then(|| of_other(name)).flatten();
        (name.clone(), taken.unwrap_or_else(|| value.clone()))
    };
    row.iter().map(mix).collect()
}

/// A condition on a row, named `hunt_row`, that each of these columns has this value.
pub(in crate::hunt) fn is_row(row: &[(String, String)], columns: &[String]) -> String {
    let conditions: Vec<String> = row
        .iter()
        .filter(|(name, _)| columns.contains(name))
        .map(|(name, value)| format!("hunt_row.{}::text = {}", quote(name), literal(value)))
        .collect();
    conditions.join(" AND ")
}
