//! Calls of functions: what they give, and what they change.

use super::probe::{Look, Oracle, Probe, Seen};
use super::state::State;
use crate::hunt::catalogue::{Catalogue, Function};
use crate::hunt::finding::Severity;
use crate::hunt::seeding::{Seeded, Tenant, literal, scalar, words};

/// Tables of one query of a digest: many in one would be more than the parser's stack holds.
const DIGESTED_TOGETHER: usize = 64;

/// Numbers of seeded rows whose keys a function may want: of the tenant, then of each table. One without arguments wants
/// none.
pub(in crate::hunt) fn ordinals(catalogue: &Catalogue, function: &Function) -> std::ops::Range<usize> {
    0..if function.arguments.is_empty() { 1 } else { catalogue.relations.len() + 1 }
}

/// A function's arguments. Text of B's in one would come back as an echo, so keys stand for B.
fn arguments(function: &Function, of: Option<Tenant>, ordinal: usize) -> Vec<String> {
    let argument = |name: &String| match of {
        Some(of) => format!("{}::{name}", literal(&scalar(name, None, of, ordinal))),
        None => format!("NULL::{name}"),
    };
    function.arguments.iter().map(argument).collect()
}

fn call(function: &Function, arguments: &[String]) -> String {
    format!("SELECT f::text FROM {}({}) AS f", function.name, arguments.join(", "))
}

/// A call that writes what the digest of a tenant's rows shows.
fn writing(
    catalogue: &Catalogue,
    seeded: &Seeded,
    function: &Function,
    state: &State,
    of: Tenant,
    sql: String,
) -> Probe {
    let rows = digest(catalogue, seeded, of);
    let mut probe = state.probe(&function.signature, "CALL that writes", "F44");
    (probe.severity, probe.title) = (Severity::Write, "a function changes another tenant's row");
    probe.before = vec![format!("SELECT set_config('chaos.rows', ({rows}), true)")];
    probe.attack = vec![sql.into()];
    let look = format!("SELECT 'rows have changed' WHERE current_setting('chaos.rows') <> ({rows})");
    probe.oracle = Oracle::Stored { look };
    probe
}

/// A's calls of a function with A's arguments: what it shows of A's, and whether it changes rows of A's. If neither, its
/// silence about B says nothing.
pub(in crate::hunt) fn own_calls(
    catalogue: &Catalogue,
    seeded: &Seeded,
    function: &Function,
    state: &State,
    ordinal: usize,
) -> Vec<Probe> {
    let sql = call(function, &arguments(function, Some(Tenant::A), ordinal));
    let mut shows = state.probe(&function.signature, "CALL", "F44");
    shows.oracle = Oracle::Shown { looks: vec![Look::Query(sql.clone())], foreign: Tenant::B.marks().to_owned() };
    let mut all = vec![shows];
    if function.volatile {
        all.push(writing(catalogue, seeded, function, state, Tenant::A, sql));
    }
    all
}

/// Whether one of these calls showed or changed something of A's: a mark that is not only an argument's echo, or, where
/// no mark fits into what the function gives, any answer.
pub(in crate::hunt) fn shows_own(probe: &Probe, seen: &Seen, function: &Function) -> bool {
    let Oracle::Shown { looks, .. } = &probe.oracle else { return seen.evidence().is_some() };
    if function.gives_nothing {
        return false;
    }
    let said = match looks.first() {
        Some(Look::Query(query)) => query.as_str(),
        _ => "",
    };
    let is_own = |text: &str| words(text).any(|word| Tenant::A.is_in(word) && !said.contains(word));
    seen.rows.iter().any(|(text, _)| !function.holds_marks || is_own(text))
}

/// Calls a function with B's, A's and no arguments; keys are those of the rows with this number.
pub(in crate::hunt) fn calls(
    catalogue: &Catalogue,
    seeded: &Seeded,
    function: &Function,
    state: &State,
    ordinal: usize,
) -> Vec<Probe> {
    let mut all = Vec::new();
    for of in [Some(Tenant::B), Some(Tenant::A), None] {
        let arguments = arguments(function, of, ordinal);
        let foreign = match of {
            Some(Tenant::B) if !arguments.is_empty() => "canary-b-[1-9]",
            _ => Tenant::B.marks(),
        };
        if of != Some(Tenant::A) && arguments.is_empty() {
            continue;
        }
        let sql = call(function, &arguments);
        let echoes = arguments.iter().any(|argument| argument.contains("canary-b-"));
        if !echoes {
            let mut probe = state.probe(&function.signature, "CALL", "F44");
            probe.title = "a function gives another tenant's row";
            // A refusal may be about the arguments and not about the tenant.
            probe.refusals = &[];
            let looks = vec![Look::Query(sql.clone())];
            probe.oracle = Oracle::Shown { looks, foreign: foreign.to_owned() };
            all.push(probe);
        }
        if of.is_some() {
            all.push(writing(catalogue, seeded, function, state, Tenant::B, sql));
        }
    }
    all
}

/// A query for a digest of all rows of a tenant.
pub(in crate::hunt) fn digest(catalogue: &Catalogue, seeded: &Seeded, of: Tenant) -> String {
    let tables = catalogue.relations.iter().filter(|(id, _)| seeded.row(**id, of).is_some());
    let marks = of.marks();
    let rows: Vec<String> = tables
        .map(|(_, table)| {
            format!("SELECT hunt_row::text FROM {} AS hunt_row WHERE hunt_row::text ~ '{marks}'", table.name)
        })
        .collect();
    let digests: Vec<String> = rows
        .chunks(DIGESTED_TOGETHER)
        .map(|rows| {
            let rows = rows.join(" UNION ALL ");
            format!("(SELECT md5(coalesce(string_agg(r, '|' ORDER BY r), '')) FROM ({rows}) AS q (r))")
        })
        .collect();
    if digests.is_empty() { "SELECT ''".to_owned() } else { format!("SELECT {}", digests.join(" || ")) }
}
