//! Findings that no query shows: a notification of another tenant's, and a notice with another tenant's data in it. Plain
//! psql hears both, so their files listen to psql.

use super::reproducer::{Ingredients, begins, head, raise, seeds};
use crate::hunt::catalogue::roles::quote;
use crate::hunt::finding::Finding;
use crate::hunt::probe::{Attack, Look, Oracle, Overheard, Probe};
use crate::hunt::seeding::{Tenant, literal};

/// The file for a notification that tenant A heard. It is sent at the commit only, so what was seeded is committed and
/// taken out again by its marks; psql prints notifications among its results, which are looked at.
pub(in crate::hunt) fn overheard_script(
    finding: &Finding,
    heard: &Overheard,
    with: &Ingredients<'_>,
    enter: &[String],
) -> String {
    let message = head(finding, None);
    let marks = [Tenant::A, Tenant::B, Tenant::Shared].map(Tenant::marks).join("|");
    let mut lines = vec![
        format!("-- {message}"),
        "-- psql -v ON_ERROR_STOP=1 -f THIS_FILE, as superuser on a database with the schema and no rows.".to_owned(),
        "-- Fails (exit 3) while the leak is there, passes once it is mended. Takes out the rows that it has put in."
            .to_owned(),
        "\\set ON_ERROR_STOP on".to_owned(),
    ];
    let mut statement = |sql: String| lines.push(format!("{sql};"));
    seeds(with).into_iter().for_each(&mut statement);
    statement("COMMIT".into());
    heard.before.iter().cloned().for_each(&mut statement);
    statement(format!("SET SESSION AUTHORIZATION {}", quote(with.role)));
    statement(format!("LISTEN {}", quote(&heard.channel)));
    statement("RESET SESSION AUTHORIZATION".into());
    lines.push("\\set file `mktemp`\n\\o :file".to_owned());
    let mut statement = |sql: String| lines.push(format!("{sql};"));
    statement("BEGIN".into());
    statement(format!("SET LOCAL SESSION AUTHORIZATION {}", quote(with.role)));
    enter.iter().cloned().for_each(&mut statement);
    statement(heard.statement.clone());
    statement("COMMIT".into());
    statement("SELECT 1".into());
    lines.push("\\o".to_owned());
    let mut statement = |sql: String| lines.push(format!("{sql};"));
    statement("UNLISTEN *".into());
    statement("BEGIN".into());
    statement("SET LOCAL session_replication_role = replica".into());
    let tables: std::collections::BTreeSet<i64> = with.seeded.rows.iter().map(|(id, ..)| *id).collect();
    for id in tables {
        statement(format!(
            "DELETE FROM {} AS hunt_row WHERE hunt_row::text ~ '{marks}'",
            with.catalogue.relations[&id].name
        ));
    }
    statement("COMMIT".into());
    lines.push("\\set seen `cat :'file'`\n\\set gone `rm -f :'file'`".to_owned());
    let pattern = format!("Asynchronous notification[^\n]*({})", Tenant::B.marks());
    lines.push(format!("SELECT :'seen' ~ {} AS leaks \\gset\n\\if :leaks", literal(&pattern)));
    lines.push(raise(&message));
    lines.push("\\endif".to_owned());
    lines.join("\n") + "\n"
}

/// The file for a notice. It writes the attack into a file of its own and has another psql run that, whose messages it
/// reads; the other psql connects as this one did, with the password of PGPASSWORD or .pgpass if one is needed.
pub(in crate::hunt) fn notice_script(finding: &Finding, probe: &Probe, with: &Ingredients<'_>, word: &str) -> String {
    let message = head(finding, Some(&probe.state));
    let mut attack = begins(probe, with);
    attack.push("\\warn hunt-attack".to_owned());
    attack.extend(probe.enter.iter().map(|sql| format!("{sql};")));
    for step in &probe.attack {
        attack.push(match step {
            Attack::Sql(sql) => format!("{sql};"),
            Attack::CopyIn { statement, data } => format!("{statement};\n{data}\\."),
        });
    }
    if let Oracle::Shown { looks, .. } = &probe.oracle {
        attack.extend(looks.iter().map(|look| match look {
            Look::Query(query) => format!("{query};"),
            Look::CopyOut(statement) => format!("{statement};"),
        }));
    }
    attack.push("ROLLBACK;".to_owned());
    let told = format!("hunt-attack.*(NOTICE|WARNING|INFO|DETAIL|HINT|CONTEXT):[^\n]*{}", escaped(word));
    let lines = [
        format!("-- {message}"),
        "-- psql -v ON_ERROR_STOP=1 -f THIS_FILE, as superuser on a database with the schema and no rows.".to_owned(),
        "-- Fails (exit 3) while the leak is there, passes once it is mended. Rolls back what it did. SQL cannot catch a"
            .to_owned(),
        "-- notice, so a second psql plays the attack and this one reads what it was told.".to_owned(),
        "\\set ON_ERROR_STOP on\n\\set file `mktemp`\n\\pset format unaligned\n\\pset tuples_only on\n\\o :file".to_owned(),
        format!("SELECT {};", literal(&attack.join("\n"))),
        "\\o\n\\setenv HUNT_FILE :file\n\\setenv PGHOST :HOST\n\\setenv PGPORT :PORT\n\\setenv PGUSER :USER".to_owned(),
        "\\setenv PGDATABASE :DBNAME".to_owned(),
        "\\set seen `psql -X -q -f \"$HUNT_FILE\" 2>&1 >/dev/null; echo hunt-exit $?; rm -f \"$HUNT_FILE\"`".to_owned(),
        "SELECT :'seen' !~ 'hunt-exit 0' AS unplayed \\gset\n\\if :unplayed\n\\warn :seen".to_owned(),
        raise(&format!("{message} does not apply: the second psql could not connect")),
        format!("\\endif\nSELECT :'seen' ~ {} AS leaks \\gset\n\\if :leaks", literal(&told)),
        raise(&message),
        "\\endif".to_owned(),
    ];
    lines.join("\n") + "\n"
}

/// A word as a regular expression that matches it alone.
fn escaped(word: &str) -> String {
    let escape = |c: char| if c.is_alphanumeric() { vec![c] } else { vec!['\\', c] };
    word.chars().flat_map(escape).collect()
}
