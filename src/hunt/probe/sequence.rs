//! A sequence that the search has shrunk, as a probe: so it has a reproducer, and fixes are tried with it.

use super::calls::digest;
use super::probe::{Look, Oracle, Probe, REFUSALS, SEQUENCE};
use crate::hunt::catalogue::Catalogue;
use crate::hunt::finding::Severity;
use crate::hunt::search::Violation;
use crate::hunt::seeding::{Seeded, Tenant};

/// The transactions before the last one are prepared on the connection; in the last one the last statement is what
/// violates the model.
pub(in crate::hunt) fn of_sequence(violation: &Violation, catalogue: &Catalogue, seeded: &Seeded) -> Probe {
    let (before, transaction) = violation.statements.split_at(violation.transaction);
    // It begins with BEGIN and the application's role, which every probe has.
    let steps = transaction.get(2..).unwrap_or_default();
    let (last, enter) =
        steps.split_last().map_or((String::new(), vec![]), |(last, enter)| (last.clone(), enter.to_vec()));
    let (mode, severity, title) = match violation.verb {
        "EXECUTE" => ("F29", Severity::Leak, "a statement prepared for one tenant shows its rows to the next"),
        "CALL" => ("F44", Severity::Leak, "a function gives another tenant's row"),
        "INSERT" => ("F34", Severity::Write, "a row can be inserted for another tenant"),
        "UPDATE" | "DELETE" => ("F36", Severity::Write, "another tenant's row can be changed"),
        _ => ("F15", Severity::Leak, "another tenant's row can be read"),
    };
    let mut probe = Probe {
        object: violation.object.clone(),
        verb: violation.verb,
        state: format!("{SEQUENCE}{} steps", violation.steps),
        mode,
        severity,
        title,
        fresh: false,
        prepare: before.to_vec(),
        before: vec![],
        enter,
        attack: vec![],
        refusals: REFUSALS,
        oracle: Oracle::Shown { looks: vec![], foreign: [Tenant::A.marks(), Tenant::B.marks()].join("|") },
        strangers: &[Tenant::A, Tenant::B],
    };
    // Whose rows are foreign follows from what was seen.
    let of_b = Tenant::B.is_in(&violation.evidence) || violation.evidence.contains("tenant B");
    let stranger = if of_b { Tenant::B } else { Tenant::A };
    probe.strangers = if of_b { &[Tenant::B] } else { &[Tenant::A] };
    let shows = stranger.is_in(&violation.evidence);
    match (violation.verb, shows) {
        ("EXECUTE", _) => {
            probe.before = vec![format!(
                "CREATE FUNCTION pg_temp.hunt_read() RETURNS text LANGUAGE plpgsql AS \
                 $read$ DECLARE s text; BEGIN EXECUTE '{}' INTO s; RETURN s; END $read$",
                last.replace('\'', "''")
            )];
            let look = Look::Query("SELECT pg_temp.hunt_read()".to_owned());
            probe.oracle = Oracle::Shown { looks: vec![look], foreign: stranger.marks().to_owned() };
        }
        (_, true) => {
            probe.oracle = Oracle::Shown { looks: vec![Look::Query(last)], foreign: stranger.marks().to_owned() };
        }
        (_, false) => {
            let rows = digest(catalogue, seeded, stranger);
            probe.before = vec![format!("SELECT set_config('chaos.rows', ({rows}), true)")];
            probe.attack = vec![last.into()];
            let look = format!("SELECT 'rows have changed' WHERE current_setting('chaos.rows') <> ({rows})");
            probe.oracle = Oracle::Stored { look };
        }
    }
    probe
}
