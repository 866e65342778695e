//! Calls of functions: what they give, and what they change.

use super::probe::{Look, Oracle, Probe};
use super::state::State;
use crate::hunt::catalogue::Catalogue;
use crate::hunt::finding::Severity;
use crate::hunt::seeding::{Seeded, Tenant, literal, scalar};

/// Tables whose rows are compared before and after a call.
const COMPARED_TABLES: usize = 64;

/// Calls every function with A's, B's and no arguments.
pub(in crate::hunt) fn calls(catalogue: &Catalogue, seeded: &Seeded, state: &State) -> Vec<Probe> {
    let rows = digest(catalogue, seeded, Tenant::B);
    let mut all = Vec::new();
    for function in &catalogue.functions {
        // Text of B's in an argument would come back as an echo, so keys stand for B.
        let argument = |name: &String, of: Option<Tenant>| match of {
            Some(of) => format!("{}::{name}", literal(&scalar(name, None, of, 0))),
            None => format!("NULL::{name}"),
        };
        for of in [Some(Tenant::B), Some(Tenant::A), None] {
            let arguments: Vec<String> = function.arguments.iter().map(|name| argument(name, of)).collect();
            let foreign = match of {
                Some(Tenant::B) if !arguments.is_empty() => "canary-b-[1-9]",
                _ => Tenant::B.marks(),
            };
            if of != Some(Tenant::A) && arguments.is_empty() {
                continue;
            }
            let call = format!("SELECT f::text FROM {}({}) AS f", function.name, arguments.join(", "));
            let echoes = arguments.iter().any(|argument| argument.contains("canary-b-"));
            if !echoes {
                let mut probe = state.probe(&function.signature, "CALL", "F44");
                probe.title = "a function gives another tenant's row";
                // A refusal may be about the arguments and not about the tenant.
                probe.refusals = &[];
                let looks = vec![Look::Query(call.clone())];
                probe.oracle = Oracle::Shown { looks, foreign: foreign.to_owned() };
                all.push(probe);
            }
            if of.is_some() {
                let mut probe = state.probe(&function.signature, "CALL that writes", "F44");
                (probe.severity, probe.title) = (Severity::Write, "a function changes another tenant's row");
                probe.before = vec![format!("SELECT set_config('chaos.rows', ({rows}), true)")];
                probe.attack = vec![call.into()];
                let look = format!("SELECT 'rows have changed' WHERE current_setting('chaos.rows') <> ({rows})");
                probe.oracle = Oracle::Stored { look };
                all.push(probe);
            }
        }
    }
    all
}

/// A query for a digest of all rows of a tenant.
pub(in crate::hunt) fn digest(catalogue: &Catalogue, seeded: &Seeded, of: Tenant) -> String {
    let tables = catalogue.relations.iter().filter(|(id, _)| seeded.row(**id, of).is_some());
    let rows: Vec<String> = tables
        .take(COMPARED_TABLES)
        .map(|(_, table)| format!("SELECT t::text FROM {} AS t WHERE t::text ~ '{}'", table.name, of.marks()))
        .collect();
    let rows = if rows.is_empty() { "SELECT NULL::text".to_owned() } else { rows.join(" UNION ALL ") };
    format!("SELECT md5(coalesce(string_agg(r, '|' ORDER BY r), '')) FROM ({rows}) AS q (r)")
}
