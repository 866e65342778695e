//! A confirmed finding as one SQL file for plain psql: it fails while the leak is there and leaves nothing behind.
//!
//! A refusal is what isolation looks like, so it passes. Any other error of the attack means that the file no longer
//! says anything about the schema as it is; it fails then too, and says so, or a regression test would fall silent.

use crate::diagnostics::visible;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Catalogue, Kind};
use crate::hunt::finding::Finding;
use crate::hunt::probe::{Attack, Look, Oracle, Probe, READ_REFUSALS};
use crate::hunt::seeding::{Seeded, insert_sql, literal};

/// What a reproducer is made of, beside the finding.
pub(in crate::hunt) struct Ingredients<'a> {
    pub(in crate::hunt) catalogue: &'a Catalogue,
    pub(in crate::hunt) seeded: &'a Seeded,
    pub(in crate::hunt) role: &'a str,
    /// What hunt.toml has a superuser run after seeding.
    pub(in crate::hunt) setup: &'a [String],
}

/// What the file says of itself. A name with a line break would end the comment, and begin a command of psql's.
pub(super) fn head(finding: &Finding, state: Option<&str>) -> String {
    let state = state.map(|state| format!(" ({state})")).unwrap_or_default();
    visible(&format!("{} {}: {}{state}", finding.mode, finding.title, finding.object)).into_owned()
}

/// The file's text. `told` is the word of a stranger's in an error message, if that is the leak.
pub(in crate::hunt) fn script(finding: &Finding, probe: &Probe, with: &Ingredients<'_>, told: Option<&str>) -> String {
    let message = head(finding, Some(&probe.state));
    let mut lines = vec![
        format!("-- {message}"),
        "-- psql -v ON_ERROR_STOP=1 -f THIS_FILE, as superuser on a database with the schema and no rows.".to_owned(),
        "-- Fails (exit 3) while the leak is there, and if the attack fails otherwise than by a refusal (\"does not apply"
            .to_owned(),
        "-- any more\": hunt again). Passes once it is mended. Rolls back what it did.".to_owned(),
        "\\set ON_ERROR_STOP on".to_owned(),
    ];
    lines.extend(begins(probe, with));
    let mut statement = |sql: String| lines.push(format!("{sql};"));
    for sql in &probe.enter {
        // A role that may no longer be taken is a mended leak.
        statement(match probe.mode == "F06" && sql.starts_with("SET LOCAL ROLE") {
            true => guarded(sql, &message, &["42501"], None, None),
            false => sql.clone(),
        });
    }
    let last = probe.attack.len().saturating_sub(1);
    for (at, attack) in probe.attack.iter().enumerate() {
        let wanted = match &probe.oracle {
            Oracle::Refused { code } if at == last => Some(*code),
            _ => None,
        };
        match attack {
            Attack::Sql(sql) => lines.push(guarded(sql, &message, probe.refusals, wanted, told) + ";"),
            Attack::CopyIn { statement, data } => lines.push(copy_in(statement, data, &message, probe.refusals)),
        }
    }
    match &probe.oracle {
        Oracle::Refused { .. } => {}
        Oracle::Stored { look } => {
            lines.push("RESET SESSION AUTHORIZATION;".to_owned());
            lines.push(look_at(look, ".", &message, told) + ";");
        }
        Oracle::Shown { looks, foreign } => {
            for look in looks {
                lines.push(match look {
                    Look::Query(query) => look_at(query, foreign, &message, told) + ";",
                    Look::CopyOut(statement) => copy_out(statement, foreign, &message),
                });
            }
        }
    }
    lines.push("ROLLBACK;".to_owned());
    lines.join("\n") + "\n"
}

/// Begins a transaction and makes in it what the hunt seeded.
pub(super) fn seeds(with: &Ingredients<'_>) -> Vec<String> {
    let mut all = vec!["BEGIN".to_owned()];
    all.extend(with.seeded.setup.iter().cloned());
    all.push("SET LOCAL session_replication_role = replica".to_owned());
    all.extend(with.seeded.rows.iter().map(|(id, _, row)| insert_sql(&with.catalogue.relations[id].name, row)));
    all.push("SET LOCAL session_replication_role = origin".to_owned());
    all.extend(with.setup.iter().cloned());
    all
}

/// The statements before the application's own: what is prepared, the seed, what a superuser does, and the role.
pub(super) fn begins(probe: &Probe, with: &Ingredients<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut statement = |sql: String| lines.push(format!("{sql};"));
    if !probe.prepare.is_empty() {
        // Tenants that are roles must be there before the transaction too.
        with.seeded.setup.iter().cloned().for_each(&mut statement);
    }
    probe.prepare.iter().cloned().chain(seeds(with)).chain(refresh(with.catalogue)).for_each(&mut statement);
    probe.before.iter().cloned().for_each(&mut statement);
    statement(format!("SET LOCAL SESSION AUTHORIZATION {}", quote(with.role)));
    lines
}

/// A step of the attack. `wanted` is the SQLSTATE that is the leak, `told` a word in a message that is.
fn guarded(sql: &str, message: &str, refusals: &[&str], wanted: Option<&str>, told: Option<&str>) -> String {
    let leak = wanted.map(|code| {
        format!("WHEN SQLSTATE '{code}' THEN RAISE EXCEPTION USING MESSAGE = {} || ': ' || SQLERRM; ", literal(message))
    });
    format!(
        "DO $hunt$\n{DECLARE}BEGIN\n  EXECUTE {};\nEXCEPTION {}{}{}\nEND\n$hunt$",
        literal(sql),
        leak.unwrap_or_default(),
        if told.is_some() { String::new() } else { passes(refusals) },
        otherwise(message, told),
    )
}

const DECLARE: &str = "DECLARE seen text; said text; detail text; hint text;\n";

/// The handler for what isolation answers. To PL/pgSQL too a code that ends in `000` stands for its class.
fn passes(refusals: &[&str]) -> String {
    let mut conditions = vec!["insufficient_privilege".to_owned()];
    conditions.extend(refusals.iter().filter(|code| **code != "42501").map(|code| format!("SQLSTATE '{code}'")));
    format!("WHEN {} THEN NULL; ", conditions.join(" OR "))
}

/// The handler for everything else.
fn otherwise(message: &str, told: Option<&str>) -> String {
    let gone = literal(&format!("{message} does not apply any more: "));
    match told {
        None => format!("WHEN OTHERS THEN RAISE EXCEPTION USING MESSAGE = {gone} || SQLERRM || ' ' || SQLSTATE;"),
        Some(told) => format!(
            "WHEN OTHERS THEN\n  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, \
             hint = PG_EXCEPTION_HINT;\n  IF strpos(concat_ws(' ', said, detail, hint), {}) > 0 THEN\n    \
             RAISE EXCEPTION USING MESSAGE = {} || ': ' || concat_ws(' ', said, detail, hint);\n  END IF;",
            literal(told),
            literal(message),
        ),
    }
}

fn look_at(query: &str, foreign: &str, message: &str, told: Option<&str>) -> String {
    format!(
        "DO $hunt$\n{DECLARE}BEGIN\n  BEGIN\n    SELECT r INTO seen FROM ({query}) AS q (r) WHERE r ~ {} LIMIT 1;\n  \
         EXCEPTION {}{}\n  END;\n  IF seen IS NOT NULL THEN\n    RAISE EXCEPTION USING MESSAGE = {} || ': ' || seen;\n  \
         END IF;\nEND\n$hunt$",
        literal(foreign),
        if told.is_some() { String::new() } else { passes(READ_REFUSALS) },
        otherwise(message, told),
        literal(message),
    )
}

pub(super) fn raise(text: &str) -> String {
    format!("DO $hunt$ BEGIN RAISE EXCEPTION USING MESSAGE = {}; END $hunt$;", literal(text))
}

/// COPY can stand in no block of PL/pgSQL, so psql itself looks at the error.
fn copy_in(statement: &str, data: &str, message: &str, refusals: &[&str]) -> String {
    let refused = refusals.iter().map(|code| format!("'{code}'")).collect::<Vec<_>>().join(", ");
    [
        "SAVEPOINT hunt_copy;\n\\set ON_ERROR_STOP off".to_owned(),
        format!("{statement};\n{data}\\."),
        "\\set failed :ERROR\n\\set state :LAST_ERROR_SQLSTATE\n\\set ON_ERROR_STOP on\n\\if :failed".to_owned(),
        "ROLLBACK TO SAVEPOINT hunt_copy;".to_owned(),
        format!("SELECT :'state' IN ({refused}) AS refused \\gset\n\\if :refused\n\\else"),
        raise(&format!("{message} does not apply any more")),
        "\\endif\n\\endif".to_owned(),
    ]
    .join("\n")
}

fn copy_out(statement: &str, foreign: &str, message: &str) -> String {
    [
        "\\set file `mktemp`\nSAVEPOINT hunt_copy;\n\\set ON_ERROR_STOP off\n\\o :file".to_owned(),
        format!("{statement};"),
        "\\set failed :ERROR\n\\o\n\\set ON_ERROR_STOP on\n\\if :failed\nROLLBACK TO SAVEPOINT hunt_copy;\n\\endif"
            .to_owned(),
        "\\set seen `cat :'file'`\n\\set gone `rm -f :'file'`".to_owned(),
        format!("SELECT :'seen' ~ {} AS leaks \\gset\n\\if :leaks", literal(foreign)),
        raise(message),
        "\\endif".to_owned(),
    ]
    .join("\n")
}

/// Materialised views hold what they held when they were made.
pub(in crate::hunt) fn refresh(catalogue: &Catalogue) -> Vec<String> {
    let views = catalogue.relations.values().filter(|relation| relation.kind == Kind::Materialized);
    views.map(|view| format!("REFRESH MATERIALIZED VIEW {}", view.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunt::finding::{Severity, Status};

    /// A name with a line break stays in the comment: what would follow it is a command of psql's.
    #[test]
    fn a_name_cannot_run_a_command() {
        let finding = Finding::new("F15", Severity::Leak, Status::Confirmed, "notes\n\\! touch /tmp/owned", "a title");
        let head = head(&finding, Some("a\rstate"));
        assert!(!head.contains(['\n', '\r']) && head.contains("touch"), "{head}");
    }
}
