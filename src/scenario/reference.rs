//! The reference of the format: prose from `reference.md`, tables from the code.

use std::fmt::Write;

use super::check::expect::{Grain, grain, needs_alone};
use super::condition::{ErrorKind, Metric, Unit};
use super::model::{Phase, Tier};
use super::vocabulary::{
    ContextLayer, ContextResidue, Cut, CutPlace, Defect, FINDING_CODES, Layer, LoadTable, Operation, Pooler, Replica,
    ServerUse, StatementKind, Word, spellings,
};
use super::wire::{self, Decode, Key, Need};

const PROSE: &str = include_str!("reference.md");
/// The keys of a fault that name what it does.
const FAMILIES: [&str; 8] = ["context", "pool", "pooler", "flood", "network", "protocol", "operator", "server"];

/// The reference of scenario files in Markdown, as committed at `docs/scenario-format.md`.
pub fn reference() -> String {
    let mut text = String::new();
    let mut rest = PROSE;
    while let Some((before, marker, after)) = next_marker(rest) {
        text.push_str(before);
        match filled(marker) {
            Some(table) => text.push_str(table.trim_end()),
            None => write!(text, "{{{marker}}}").expect("writing to a string cannot fail"),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Every fault of the format with what it does, in the order of the format: `context.drop` first.
pub fn fault_names() -> Vec<(String, String)> {
    let families = FAMILIES.iter().filter_map(|family| Some((family, keys_at(&format!("fault.{family}"))?)));
    families
        .flat_map(|(family, faults)| {
            faults.iter().map(move |fault| (format!("{family}.{}", fault.name), fault.description()))
        })
        .collect()
}

/// The text up to the next `{marker}`, the marker and what follows. Braces of TOML hold spaces or nothing.
fn next_marker(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(open, _)| {
        let after = &text[open + 1..];
        let (marker, rest) = after.split_once('}')?;
        let plain = !marker.is_empty() && !marker.contains(|c: char| c.is_whitespace());
        plain.then_some((&text[..open], marker, rest))
    })
}

/// What stands for a marker.
fn filled(marker: &str) -> Option<String> {
    Some(match marker.split_once(':').unwrap_or((marker, "")) {
        ("keys", "fault:timing") => key_table(keys_at("fault")?.iter().filter(|key| !FAMILIES.contains(&key.name))),
        ("keys", path) => key_table(keys_at(path)?.iter()),
        ("names", path) => keys_at(path)?.iter().map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", "),
        ("words", "residue") => words::<ContextResidue>("`leaves`"),
        ("words", "context-layer") => words::<ContextLayer>("`layer`"),
        ("words", "layer") => words::<Layer>("layer"),
        ("words", "defect") => words::<Defect>("defect"),
        ("words", "pooler") => words::<Pooler>("`pooler`"),
        ("words", "server") => words::<ServerUse>("`server`"),
        ("words", "operation") => words::<Operation>("operation"),
        ("words", "statement") => words::<StatementKind>("`statement`, `after`"),
        ("words", "replica") => words::<Replica>("`replica`"),
        ("words", "load-table") => words::<LoadTable>("`table`"),
        ("words", "cut") => words::<Cut>("`how`"),
        ("words", "cut-place") => words::<CutPlace>("`at`"),
        ("words", "phase") => words::<Phase>("phase"),
        ("words", "error-kind") => words::<ErrorKind>("error kind"),
        ("faults", _) => faults()?,
        ("metrics", _) => metrics(),
        ("tiers", _) => spellings::<Tier>().map(|tier| format!("`{tier}`")).collect::<Vec<_>>().join(", "),
        ("codes", _) => FINDING_CODES.map(|code| format!("`{code}`")).join(", "),
        _ => return None,
    })
}

/// The keys of the table at a path such as `stack.pool`.
fn keys_at(path: &str) -> Option<&'static [Key]> {
    let root = wire::Scenario::keys();
    path.split('.').filter(|name| !name.is_empty()).fold(root, |keys, name| {
        let key = keys?.iter().find(|key| key.name == name)?;
        (key.keys)()
    })
}

fn key_table(keys: impl Iterator<Item = &'static Key>) -> String {
    let mut table = "| key | value | default | meaning |\n|---|---|---|---|\n".to_owned();
    for key in keys {
        let default = match (key.need, key.default) {
            (Need::Required, _) => "*required*".to_owned(),
            (_, Some("{}")) => "its defaults".to_owned(),
            (_, Some(default)) => format!("`{default}`"),
            (_, None) => String::new(),
        };
        let value = match (key.keys)() {
            Some(_) if (key.shape)().starts_with("tables") => "tables".to_owned(),
            Some(_) => "a table".to_owned(),
            None => (key.shape)(),
        };
        row(&mut table, &[&format!("`{}`", key.name), &value, &default, &key.description()]);
    }
    table
}

fn words<W: Word>(heading: &str) -> String {
    let mut table = format!("| {heading} | meaning |\n|---|---|\n");
    for word in W::WORDS {
        row(&mut table, &[&format!("`{}`", word.word()), word.meaning()]);
    }
    table
}

fn faults() -> Option<String> {
    let mut table = String::new();
    for family in FAMILIES {
        for fault in keys_at(&format!("fault.{family}"))? {
            let settings = (fault.keys)().unwrap_or_default().iter().map(|key| {
                let default = key.default.map_or(String::new(), |default| format!(" (default `{default}`)"));
                format!("`{}`: {}{default}. {}", key.name, (key.shape)(), key.description())
            });
            let settings = settings.collect::<Vec<_>>().join("<br>");
            let settings = if settings.is_empty() { "none: `{}`".to_owned() } else { settings };
            row(&mut table, &[&format!("`{family}.{}`", fault.name), &fault.description(), &settings]);
        }
    }
    Some(table)
}

fn metrics() -> String {
    let mut table = String::new();
    for metric in Metric::ALL.iter().copied() {
        let unit = match metric.unit() {
            Unit::Count => "count",
            Unit::Share => "share",
            Unit::Time => "time",
            Unit::PerSecond => "rate",
            Unit::Usd => "dollars",
        };
        let grain = match grain(metric) {
            Grain::Slices => "any tenants",
            Grain::Groups => "groups",
            Grain::Together => "all together",
            Grain::Run => "all, whole run",
        };
        let grain = if needs_alone(metric) { format!("{grain}, **alone**") } else { grain.to_owned() };
        row(&mut table, &[&format!("`{}`", metric.name()), unit, &grain, metric.describe()]);
    }
    table
}

fn row(table: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    writeln!(table, "| {} |", cells.join(" | ")).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::generated::assert_committed;
    use crate::scenario::parse;

    /// The committed reference is the one that the code gives; `UPDATE_DOCS=1` writes it anew.
    #[test]
    fn the_committed_reference_is_not_stale() {
        assert_committed("docs/scenario-format.md", &reference(), "UPDATE_DOCS");
    }

    /// Every key of every table and every word stands in the reference, and no marker is left over.
    #[test]
    fn the_reference_is_complete() {
        fn names(keys: &[Key], found: &mut Vec<&'static str>) {
            for key in keys {
                found.push(key.name);
                names((key.keys)().unwrap_or_default(), found);
            }
        }
        let reference = reference();
        let mut wanted = Vec::new();
        names(wire::Scenario::keys().unwrap(), &mut wanted);
        wanted.extend(spellings::<Metric>().chain(spellings::<Defect>()).chain(spellings::<ErrorKind>()));
        wanted.extend(spellings::<ContextResidue>().chain(spellings::<ContextLayer>()).chain(spellings::<Layer>()));
        wanted.extend(spellings::<StatementKind>().chain(spellings::<Cut>()).chain(spellings::<CutPlace>()));
        wanted.extend(spellings::<LoadTable>().chain(spellings::<Replica>()));
        wanted.extend(spellings::<Tier>().chain(spellings::<Phase>()).chain(spellings::<Operation>()));
        wanted.extend(FINDING_CODES);
        // Faults are named with their family, in which `drop` and `rate` stand.
        let missing: Vec<_> = wanted
            .into_iter()
            .filter(|name| !reference.contains(&format!("`{name}`")) && !reference.contains(&format!(".{name}`")))
            .filter(|name| !FAMILIES.contains(name))
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
        for leftover in ["{keys", "{words", "{names", "{faults", "{metrics", "{tiers", "{codes"] {
            assert!(!reference.contains(leftover), "{leftover}");
        }
    }

    /// Every example of a whole file is a sound scenario.
    #[test]
    fn examples_are_sound() {
        let reference = reference();
        let examples: Vec<&str> =
            reference.split("```toml\n").skip(1).filter_map(|block| block.split("```").next()).collect();
        assert_eq!(examples.len(), 1);
        for example in examples {
            parse(Path::new("docs/example.toml"), example).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }
}
