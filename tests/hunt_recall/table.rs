//! docs/recall.md: written from a run, and read to hold later runs against it.

use std::fmt::Write as _;

use super::run::Row;
use super::styles::STYLES;

pub(crate) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recall.md");

const HEAD: &str = "\
# Recall of the leak hunt, by mutation

Every failure mode that can be planted is planted in three schemas that isolate, one at a time, and hunted. A row says
what the hunt then finds **and does not find in the schema alone**. The schemas are the reference one (`migrations/`, a
setting holds the tenant), `tests/schemas/claims.sql` (a user's claims in JSON, membership functions) and
`tests/schemas/roles.sql` (every tenant is a role, `SET ROLE`). Their own hunts confirm nothing and report no `leak` or
`write`.

- *Rule*: the mode under which the static audit reports it.
- *Probe*: the mode, verb and state of the context under which a probe confirms it; *control* means that a tenant no
  longer sees its own rows, so that the table is reported as NOT TESTED.
- *Steps*: statements of the reproducer, beside the transaction's own and the seeded rows.
- *Why only a rule*: why SQL of the application's role cannot show it.
- *Time*: of the hunt in milliseconds, without trials of fixes and without the search for sequences, two at a time on two
  cores that others share, of a build that is not optimised.

This file is generated: `TENANT_CHAOS_RECALL=all UPDATE_DOCS=1 cargo test --test hunt_recall`. What it says is found, a
test demands to be found: a few rows in each `cargo test`, all of them in the nightly workflow.
";

/// The document.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    let say = "writing to a string cannot fail";
    writeln!(
        text,
        "\n| Schema | Planted | By rule | By probe | By either | By neither |\n|---|---:|---:|---:|---:|---|"
    )
    .expect(say);
    for style in &STYLES {
        let planted: Vec<&Row> =
            rows.iter().filter(|row| row.schema == style.name && row.not_planted.is_none()).collect();
        let count = |found: &dyn Fn(&Row) -> bool| planted.iter().filter(|row| found(row)).count();
        let by_rule = count(&|row| row.by_rule.is_some());
        let by_probe = count(&|row| row.by_probe.is_some());
        let missed: Vec<&str> =
            planted.iter().filter(|row| row.by_rule.is_none() && row.by_probe.is_none()).map(|row| row.mode).collect();
        let either = planted.len() - missed.len();
        let missed = if missed.is_empty() { "–".to_owned() } else { missed.join(", ") };
        writeln!(text, "| {} | {} | {by_rule} | {by_probe} | {either} | {missed} |", style.name, planted.len())
            .expect(say);
    }
    for style in &STYLES {
        writeln!(text, "\n## {}\n\n| Mode | Planted | Rule | Probe | Steps | Time | Why only a rule |", style.name)
            .expect(say);
        text += "|---|---|---|---|---:|---:|---|\n";
        for row in rows.iter().filter(|row| row.schema == style.name) {
            let cell = |value: &Option<String>| value.as_deref().unwrap_or("–").replace('|', "\\|");
            match row.not_planted {
                Some(why) => writeln!(text, "| {} | not planted: {why} | | | | | |", row.mode),
                None => writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {} | {} |",
                    row.mode,
                    row.what,
                    cell(&row.by_rule),
                    cell(&row.by_probe),
                    cell(&row.steps.map(|steps| steps.to_string())),
                    row.milliseconds,
                    row.why_rule_only.unwrap_or_default()
                ),
            }
            .expect(say);
        }
    }
    text
}

/// Whether the hunt can probe through a pooler on this machine.
fn has_pgbouncer() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.any(|folder: std::path::PathBuf| folder.join("pgbouncer").is_file())
}

/// What the document says is found, as far as this machine can find it: (schema, mode), by rule, by probe.
pub(crate) fn recorded() -> Vec<(String, String, bool, bool)> {
    let text = std::fs::read_to_string(PATH).unwrap_or_default();
    let mut schema = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            schema = name.to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let found = |cell: &str| !cell.is_empty() && cell != "–";
        if let [_, mode, _, rule, probe, ..] = cells[..]
            && mode.starts_with('F')
        {
            let needs_more = probe.contains("PgBouncer") && !has_pgbouncer();
            rows.push((schema.clone(), mode.to_owned(), found(rule), found(probe) && !needs_more));
        }
    }
    rows
}
