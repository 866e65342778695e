//! A confirmed finding as one SQL file for plain psql: it fails while the leak is there and leaves nothing behind.

use crate::hunt::catalogue::Catalogue;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::finding::Finding;
use crate::hunt::probe::Probe;
use crate::hunt::seeding::literal;
use crate::hunt::seeding::{Seeded, insert_sql};

/// The file's text.
pub(in crate::hunt) fn script(
    finding: &Finding,
    probe: &Probe,
    catalogue: &Catalogue,
    seeded: &Seeded,
    role: &str,
) -> String {
    let message = format!("{} {}: {} ({})", finding.mode, finding.title, finding.object, probe.state);
    let mut lines = vec![
        format!("-- {message}"),
        "-- psql -v ON_ERROR_STOP=1 -f THIS_FILE, as superuser on a database with the schema and no rows.".to_owned(),
        "-- Fails (exit 3) while the leak is there; passes once it is mended; rolls back what it did.".to_owned(),
        "\\set ON_ERROR_STOP on".to_owned(),
    ];
    let mut statements = probe.prepare.clone();
    statements.push("BEGIN".into());
    statements.extend(seeded.setup.iter().cloned());
    statements.push("SET LOCAL session_replication_role = replica".into());
    statements.extend(seeded.rows.iter().map(|(id, _, row)| insert_sql(&catalogue.relations[id].name, row)));
    statements.push("SET LOCAL session_replication_role = origin".into());
    statements.extend(refresh(catalogue));
    statements.extend(probe.before.iter().cloned());
    statements.push(format!("SET LOCAL SESSION AUTHORIZATION {}", quote(role)));
    // A role that may no longer be taken is a mended leak.
    statements.extend(probe.enter.iter().map(|statement| {
        match probe.mode == "F06" && statement.starts_with("SET LOCAL ROLE") {
            true => tolerant(statement),
            false => statement.clone(),
        }
    }));
    if let Some(attack) = &probe.attack {
        // A refusal is what isolation looks like.
        statements.push(tolerant(attack));
        statements.push("RESET SESSION AUTHORIZATION".into());
    }
    statements.push(format!(
        "DO $hunt$\nDECLARE seen text;\nBEGIN\n  BEGIN\n    SELECT r INTO seen FROM ({}) AS q (r) WHERE r ~ {} LIMIT 1;\n  \
         EXCEPTION WHEN OTHERS THEN NULL;\n  END;\n  IF seen IS NOT NULL THEN\n    RAISE EXCEPTION USING MESSAGE = {} || ': ' || seen;\n  \
         END IF;\nEND\n$hunt$",
        probe.look,
        literal(&probe.foreign),
        literal(&message)
    ));
    statements.push("ROLLBACK".into());
    lines.extend(statements.into_iter().map(|statement| format!("{statement};")));
    lines.join("\n") + "\n"
}

fn tolerant(statement: &str) -> String {
    format!("DO $hunt$ BEGIN {statement}; EXCEPTION WHEN OTHERS THEN NULL; END $hunt$")
}

/// Materialised views hold what they held when they were made.
pub(in crate::hunt) fn refresh(catalogue: &Catalogue) -> Vec<String> {
    let views =
        catalogue.relations.values().filter(|relation| relation.kind == crate::hunt::catalogue::Kind::Materialized);
    views.map(|view| format!("REFRESH MATERIALIZED VIEW {}", view.name)).collect()
}
