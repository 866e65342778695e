//! The table of the next migration, made as that would make it: no policy is on it yet, and default privileges decide
//! whether the application reads it.

use super::probe::{Look, Oracle, Probe};
use super::state::State;
use crate::hunt::catalogue::Catalogue;
use crate::hunt::finding::Severity;
use crate::hunt::seeding::Tenant;

/// A table of each role whose new tables the application may read.
pub(in crate::hunt) fn next_tables(catalogue: &Catalogue, state: &State) -> Vec<Probe> {
    let make = |next: &crate::hunt::catalogue::NextTable| {
        let (maker, table) = (&next.maker, format!("{}.hunt_next_table", next.schema));
        let mut probe = state.probe(maker, "SELECT from the next table", "F71");
        (probe.severity, probe.title) =
            (Severity::Drift, "default privileges open the next table before it has a policy");
        probe.before = vec![
            format!("SET LOCAL ROLE {maker}"),
            format!("CREATE TABLE {table} (body text)"),
            format!("INSERT INTO {table} VALUES ('canary-b-next-')"),
            "SET LOCAL ROLE NONE".to_owned(),
        ];
        let look = Look::Query(format!("SELECT body FROM {table}"));
        probe.oracle = Oracle::Shown { looks: vec![look], foreign: Tenant::B.marks().to_owned() };
        probe
    };
    catalogue.objects.next_tables.iter().map(make).collect()
}
