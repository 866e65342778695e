//! From what is written to what is meant: the only way to a [`Scenario`].
//!
//! Each section is checked on its own as far as it can be read, so that a mistake in one hides none in another. What
//! several sections say together is checked against [`Known`]: what could be read of the others.

pub(super) mod expect;
mod faults;
mod load;
mod stack;
mod wire_faults;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::model::{Fleet, Mix, Phases, Scenario, Source};
use super::quantity::say;
use super::vocabulary::{Defect, Layer, Pooler, ServerUse, StatementKind};
use super::wire::{self, Decode, Entry, Length};
use crate::diagnostics::{Diagnostics, MAX_FILE_BYTES, Problems};

/// The family of a file whose path names no folder.
const NO_FOLDER: &str = "scenarios";

/// Reads and checks the text of one scenario file; `path` is shown in problems, and its folder names the family.
///
/// ```
/// let text = r#"
/// name = "steady"
/// why = "The control: no fault, no finding."
/// load = { rate = "100/s" }
/// phases = { inject = "1s" }
/// expect = { always = ["leaked_row == 0"] }
/// "#;
/// let mistakes = tenant_chaos::scenario::parse("isolation/steady.toml".as_ref(), text).unwrap_err();
/// assert!(mistakes.to_string().contains("did you mean `leaked_rows`?"));
/// let scenario = tenant_chaos::scenario::parse("isolation/steady.toml".as_ref(), &text.replace("leaked_row ", "leaked_rows "));
/// assert_eq!(scenario.unwrap().family, "isolation");
/// ```
///
/// # Errors
/// Every mistake of the file.
pub fn parse(path: &Path, text: &str) -> Result<Scenario, Diagnostics> {
    parse_named(path, text).map(|(scenario, _)| scenario)
}

/// Like [`parse`], with the place of the name.
pub(super) fn parse_named(path: &Path, text: &str) -> Result<(Scenario, Range<usize>), Diagnostics> {
    if text.len() as u64 > MAX_FILE_BYTES {
        let message = format!("is larger than {} KiB, so it is not read", MAX_FILE_BYTES / 1024);
        return Err(Diagnostics::placeless(Some(path), message, None));
    }
    let mut problems = Problems::of(path, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        problems.toml(error).maybe_help(syntax_help(error.message(), at));
    }
    // The parser recovers from a doubled key without guessing; what it makes of other mistakes is a guess.
    if errors.iter().any(|error| error.message() != "duplicate key") {
        return Err(problems.into_diagnostics());
    }
    let root = Spanned::new(0..0, DeValue::Table(table.into_inner()));
    let wire = wire::Scenario::decode(&root, &mut problems);
    let source = Source { path: path.to_path_buf(), text: text.to_owned() };
    let checked = wire.and_then(|wire| Some((scenario(&wire, source, &mut problems)?, wire.name.span()?)));
    match checked {
        Some(checked) => problems.finish(checked),
        None => {
            if problems.is_empty() {
                problems
                    .whole("cannot be read as a scenario")
                    .help("this is a fault of tenant-chaos; please report it");
            }
            Err(problems.into_diagnostics())
        }
    }
}

fn syntax_help(message: &str, at: &str) -> Option<String> {
    let help = match message {
        "duplicate key" if at == "fault" => "write the heading of every fault with two brackets: [[fault]]",
        "duplicate key" => "leave one of the two out",
        message if message.contains("string values must be quoted") && at.is_empty() => "write a value behind the `=`",
        message if message.contains("string values must be quoted") => "put the value in quotes, such as \"500ms\"",
        _ => return None,
    };
    Some(help.to_owned())
}

fn scenario(wire: &wire::Scenario, source: Source, problems: &mut Problems) -> Option<Scenario> {
    let fleet = stack::fleet(&wire.fleet, problems);
    let stack = stack::stack(&wire.stack, fleet, problems);
    let load = load::load(&wire.load, problems);
    let phases = load::phases(&wire.phases, problems);
    let known = Known::of(wire, fleet, phases);
    let faults = faults::faults(&wire.faults, &known, problems);
    let expect = expect::expect(&wire.expect, &known, problems);
    let stop = load::stop(&wire.stop, phases, problems);
    let business = load::business(&wire.business, problems);
    let tags = wire.tags.get().map(|tags| set_of(&tags.0, "tag", |tag| tag.0.clone(), problems));
    let folder = source.path.parent().and_then(Path::file_name);
    Some(Scenario {
        name: wire.name.get()?.0.clone(),
        why: wire.why.get()?.0.clone(),
        tags: tags?,
        family: folder.map_or(NO_FOLDER.into(), |folder| folder.to_string_lossy().into_owned()),
        seed: wire.seed.get()?.0,
        stack: stack?,
        fleet: fleet?,
        load: load?,
        phases: phases?,
        faults: faults?,
        expect: expect?,
        stop: stop?,
        business: business?,
        source,
    })
}

/// What could be read of the file. What could not is `None`, and nothing is concluded from it.
#[derive(Debug, Clone)]
struct Known {
    fleet: Option<Fleet>,
    phases: Option<Phases>,
    mix: Option<Mix>,
    pool_size: Option<u32>,
    pooler: Option<Pooler>,
    bulkheads: Option<bool>,
    defence: Option<BTreeSet<Layer>>,
    server: Option<ServerUse>,
    /// Whether a fault has an aggressor.
    floods: Option<bool>,
    /// Whether a fault takes the tenant context away.
    drops_context: Option<bool>,
}

impl Known {
    fn of(wire: &wire::Scenario, fleet: Option<Fleet>, phases: Option<Phases>) -> Self {
        let stack = wire.stack.get();
        let pool = stack.and_then(|stack| stack.pool.get());
        let bulkheads = pool.and_then(|pool| pool.bulkheads.get());
        let faults = wire.faults.get();
        // A fault that names no family may be any; its mistyped name has been written down.
        let nameless = |fault: &wire::Fault| {
            fault.context.is_absent()
                && fault.pool.is_absent()
                && fault.pooler.is_absent()
                && fault.flood.is_absent()
                && fault.network.is_absent()
                && fault.protocol.is_absent()
        };
        let any = |has: fn(&wire::Fault) -> bool| {
            let faults = &faults?.0;
            let found = faults.iter().any(|fault| has(fault.get_ref()));
            (found || !faults.iter().any(|fault| nameless(fault.get_ref()))).then_some(found)
        };
        Self {
            fleet,
            phases,
            mix: wire.load.get().and_then(|load| load::mix_of(&load.mix)),
            pool_size: pool.and_then(|pool| pool.size.get()).map(|size| size.0 as u32),
            pooler: stack.and_then(|stack| stack.pooler.get()).map(|pooler| pooler.0),
            bulkheads: bulkheads.map(|tiers| {
                [&tiers.starter, &tiers.growth, &tiers.enterprise].into_iter().any(|tier| !tier.is_absent())
            }),
            defence: stack.and_then(|stack| stack.defence.get()).map(|layers| words_of(&layers.0)),
            server: stack.and_then(|stack| stack.server.get()).map(|server| server.0),
            floods: any(|fault| !fault.flood.is_absent()),
            drops_context: any(|fault| !fault.context.is_absent() || strikes_context(fault)),
        }
    }

    /// Whether a layer is known to be off.
    fn off(&self, layer: Layer) -> bool {
        self.defence.as_ref().is_some_and(|layers| !layers.contains(&layer))
    }
}

/// Whether a fault on the wire takes the context away, or strikes beside the statement that sets it.
fn strikes_context(fault: &wire::Fault) -> bool {
    let Some(protocol) = fault.protocol.get() else { return !fault.protocol.is_absent() };
    let when = fault.when.get();
    let beside = when.is_some_and(|when| {
        let kind = |entry: &Entry<wire::OneOf<StatementKind>>| entry.get().map(|kind| kind.0);
        kind(&when.statement) == Some(StatementKind::Context)
            || matches!(kind(&when.after), Some(StatementKind::Begin | StatementKind::Context))
    });
    !protocol.drop_context.is_absent() || beside
}

fn words_of<W: super::Word + Ord>(words: &[Spanned<wire::OneOf<W>>]) -> BTreeSet<W> {
    words.iter().map(|word| word.get_ref().0).collect()
}

/// A list without order as a set; an entry that is there twice is a mistake.
fn set_of<T, S: Ord>(list: &[Spanned<T>], noun: &str, value: impl Fn(&T) -> S, problems: &mut Problems) -> BTreeSet<S> {
    let mut set = BTreeSet::new();
    for entry in list {
        if !set.insert(value(entry.get_ref())) {
            problems.at(entry.span(), format!("this {noun} is there twice")).help("leave one out");
        }
    }
    set
}

/// A length of time within limits.
fn length(key: &str, entry: &Entry<Length>, from: Duration, to: Duration, problems: &mut Problems) -> Option<Duration> {
    let value = entry.get()?.0;
    let limit = match value {
        value if value < from && value.is_zero() => "is zero".to_owned(),
        value if value < from => format!("is shorter than {}", say(from)),
        value if value > to => format!("is longer than {}", say(to)),
        value => return Some(value),
    };
    let help = match value < from {
        true => format!("write \"{}\" or more", say(from)),
        false => format!("write \"{}\" or less", say(to)),
    };
    problems.at(entry.span().unwrap_or(0..0), format!("`{key}` {limit}")).help(help);
    None
}

/// Where a key stands, if the file gives it.
fn given<T>(entry: &Entry<T>) -> Option<Range<usize>> {
    entry.span()
}

/// Where a table stands; a file that leaves it out is pointed at as a whole.
fn place<T>(entry: &Entry<T>) -> Range<usize> {
    entry.span().unwrap_or(0..0)
}

/// A planted defect that the file contradicts.
fn needs_bulkheads(defects: &BTreeSet<Defect>) -> bool {
    defects.contains(&Defect::NoBulkhead)
}

#[cfg(test)]
mod tests;
