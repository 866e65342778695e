//! Reads: SELECT, COPY TO, and a view's filter looked behind with a function that remembers what it is shown.

use super::context::read_sql;
use super::probe::{Look, Oracle, Probe, READ_REFUSALS};
use super::state::State;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Catalogue, Kind, Relation};
use crate::hunt::finding::Severity;

/// The function that remembers what it is shown, cheap enough to be asked before any other condition.
const LEAKY: &str = "CREATE FUNCTION pg_temp.hunt_leak(text) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.0000001 AS \
     $leak$ BEGIN PERFORM set_config('chaos.seen', coalesce(current_setting('chaos.seen', true), '') || $1, true); \
     RETURN true; END $leak$";

/// Reads a relation in a state.
pub(in crate::hunt) fn read(catalogue: &Catalogue, id: i64, state: &State, role_is_exempt: bool) -> Option<Probe> {
    let relation = &catalogue.relations[&id];
    // After SET ROLE other rights hold: every column, or an error that says no.
    let whole = format!("SELECT hunt_row::text FROM {} AS hunt_row", relation.name);
    let look = if state.other_role { Some(whole) } else { read_sql(relation) };
    let mode = state.mode.unwrap_or_else(|| mode(catalogue, id, role_is_exempt));
    let mut probe = state.probe(&relation.name, "SELECT", mode);
    probe.refusals = READ_REFUSALS;
    probe.oracle = Oracle::Shown { looks: vec![Look::Query(look?)], foreign: state.foreign() };
    Some(probe)
}

/// The failure mode that a foreign row in a relation means by what kind of relation it is.
fn mode(catalogue: &Catalogue, id: i64, role_is_exempt: bool) -> &'static str {
    let relation = &catalogue.relations[&id];
    let permissive = catalogue.objects.permissive(id, "r");
    match relation.kind {
        _ if role_is_exempt => "F05",
        Kind::Partition => "F09",
        Kind::Child if !relation.row_security => "F10",
        Kind::View if relation.invoker => "F42",
        Kind::View => "F41",
        Kind::Materialized => "F12",
        Kind::Foreign => "F11",
        _ if relation.row_security && permissive.iter().any(|policy| policy.using.as_deref() == Some("true")) => "F15",
        _ if relation.row_security && permissive.len() > 1 => "F16",
        _ if relation.row_security => "F15",
        _ if relation.policies => "F02",
        _ => "F01",
    }
}

/// Copies a table out.
pub(in crate::hunt) fn copy_out(catalogue: &Catalogue, id: i64, state: &State, exempt: bool) -> Option<Probe> {
    let relation = &catalogue.relations[&id];
    let columns: Vec<String> =
        relation.columns.iter().filter(|column| column.readable).map(|column| quote(&column.name)).collect();
    let columns = columns.join(", ");
    let is_table = matches!(relation.kind, Kind::Table | Kind::Child | Kind::Partition) && !relation.partitioned;
    let statement = match is_table {
        // Generated columns are not copied unless they are queried.
        true if !relation.columns.iter().any(|column| column.generated) => {
            format!("COPY {} ({columns}) TO STDOUT", relation.name)
        }
        _ => format!("COPY (SELECT {columns} FROM {}) TO STDOUT", relation.name),
    };
    let mut probe = state.probe(&relation.name, "COPY TO", mode(catalogue, id, exempt));
    probe.refusals = READ_REFUSALS;
    probe.oracle = Oracle::Shown { looks: vec![Look::CopyOut(statement)], foreign: state.foreign() };
    (!columns.is_empty()).then_some(probe)
}

/// Asks a view with a condition that is cheaper than the view's own.
pub(in crate::hunt) fn behind_filter(relation: &Relation, state: &State) -> Option<Probe> {
    if relation.kind != Kind::View || !relation.columns.iter().all(|column| column.readable) {
        return None;
    }
    let mut probe = state.probe(&relation.name, "SELECT with a leaky condition", "F43");
    probe.title = "a condition of the client's is asked before the view's filter";
    probe.before = vec![LEAKY.to_owned()];
    probe.attack =
        vec![format!("SELECT FROM {} AS hunt_row WHERE pg_temp.hunt_leak(hunt_row::text)", relation.name).into()];
    let look = Look::Query("SELECT current_setting('chaos.seen', true)".to_owned());
    probe.oracle = Oracle::Shown { looks: vec![look], foreign: state.foreign() };
    Some(probe)
}

/// Asks a table with a function of the schema that is declared LEAKPROOF: it is called with rows that the policies
/// hide, which the server's count of its calls shows.
pub(in crate::hunt) fn leakproof(catalogue: &Catalogue, relation: &Relation, state: &State) -> Vec<Probe> {
    let mut all = Vec::new();
    for (function, argument) in &catalogue.objects.leakproof {
        let fits = |column: &&crate::hunt::catalogue::Column| column.readable && column.base_type == *argument;
        let Some(column) = relation.columns.iter().find(fits) else { continue };
        let mut probe = state.probe(&relation.name, "SELECT with a LEAKPROOF condition", "F46");
        probe.severity = Severity::Covert;
        probe.title = "a function that claims to leak nothing is asked before the policies";
        probe.before = vec!["SET LOCAL track_functions = 'all'".to_owned()];
        let (table, name) = (&relation.name, quote(&column.name));
        let asked = format!("SELECT FROM {table} AS hunt_row WHERE {function}(hunt_row.{name})");
        let seen = format!("SELECT set_config('chaos.visible', (SELECT count(*)::text FROM {table}), true)");
        probe.attack = vec![seen.into(), asked.into()];
        let calls = format!(
            "SELECT funcname || ' was called ' || calls || ' times' FROM pg_stat_xact_user_functions \
             WHERE funcid = '{function}({argument})'::regprocedure AND calls > current_setting('chaos.visible')::bigint"
        );
        probe.oracle = Oracle::Stored { look: calls };
        all.push(probe);
    }
    all
}
