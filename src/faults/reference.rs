//! The reference of the faults: what each does, how it is undone, where it works, and what it has shown.
//!
//! What a fault does is the format's own word, how it is undone is [`undo_of`]'s, where it works is the scenario's, and
//! what it has shown are the scenarios of the catalogue that use it, with what they found.

use std::fmt::Write;

use super::examples::EXAMPLES;
use super::undo_of;
use crate::diagnostics::Diagnostics;
use crate::scenario::{PROVIDERS, Scenario, fault_names};

const HEAD: &str = "<!-- Generated from src/faults (see `faults::reference`); \
`UPDATE_DOCS=1 cargo test --lib faults::reference` writes it anew. -->\n\
# Faults\n\n\
What can go wrong on purpose. How each is written in a scenario stands in `docs/scenario-format.md`.\n\n\
A fault's undo is registered before it is injected and runs on every way out of a run, last fault first: the normal end, a\n\
stop condition, a panic, Ctrl-C, SIGTERM. What a run that was killed with -9 leaves is found by lease or label and removed\n\
by the next start and by `tenant-chaos clean`. A fault that touched nothing makes its run inconclusive, never a pass, and a\n\
scenario whose provider cannot do its fault is listed as one for another provider, never green.\n\n\
*Shown by* lists the scenarios of the catalogue that use a fault, and the finding each must produce or the first thing that\n\
must hold in it. A fault without a scenario has its own tests only.\n";

/// The reference in Markdown, as committed at `docs/faults.md`, over a catalogue of scenarios.
///
/// # Errors
/// If an example is no longer sound.
pub fn reference(catalogue: &[Scenario]) -> Result<String, Diagnostics> {
    let mut text = HEAD.to_owned();
    let mut family = String::new();
    for ((name, does), example) in fault_names().into_iter().zip(EXAMPLES) {
        let of = name.split('.').next().unwrap_or_default().to_owned();
        if of != family {
            write!(text, "\n## `{of}`\n").expect("writing to a string cannot fail");
            family = of;
        }
        let scenario = example.scenario()?;
        let Some(fault) = scenario.faults.first() else { continue };
        let place = |provider: &str| match scenario.cannot_run_on(provider) {
            None => format!("{provider}: yes"),
            Some(why) => format!("{provider}: no ({})", why.split_once(": ").map_or(why.as_str(), |(_, why)| why)),
        };
        let needs = match example.stack {
            "" => String::new(),
            stack => {
                format!("- Needs: {}.\n", stack.lines().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", "))
            }
        };
        write!(
            text,
            "\n### `{name}`\n\n{does}\n\n- Written: `{name} = {}`\n{needs}- Undone: {}.\n- Works: {}.\n- Shown by: {}.\n",
            example.settings,
            undo_of(&fault.action),
            PROVIDERS.map(place).join("; "),
            shown_by(&name, catalogue)
        )
        .expect("writing to a string cannot fail");
    }
    Ok(text)
}

fn shown_by(name: &str, catalogue: &[Scenario]) -> String {
    let shown: Vec<String> = catalogue
        .iter()
        .filter(|scenario| scenario.faults.iter().any(|fault| fault.action.name() == name))
        .map(|scenario| format!("`{}` ({})", scenario.name, result(scenario)))
        .collect();
    if shown.is_empty() { "its own tests".to_owned() } else { shown.join(", ") }
}

/// What a scenario that passes has shown: the findings that it planted, or what held all the same.
fn result(scenario: &Scenario) -> String {
    let found: Vec<&str> = scenario.expect.must_find.iter().map(String::as_str).collect();
    let held = scenario.expect.inject.iter().chain(&scenario.expect.always).next();
    match (found.is_empty(), held) {
        (false, _) => format!("finds {}", found.join(" and ")),
        (true, Some(condition)) => format!("`{}`", condition.text),
        (true, None) => "recovers in time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::assert_committed;

    const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");

    fn catalogue() -> Vec<Scenario> {
        crate::scenario::load(&[CATALOGUE.into()], None).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    /// The committed reference is the one that code and catalogue give; `UPDATE_DOCS=1` writes it anew.
    #[test]
    fn the_committed_reference_is_not_stale() {
        assert_committed("docs/faults.md", &reference(&catalogue()).unwrap(), "UPDATE_DOCS");
    }

    /// The catalogue has at least 30 scenarios, and every family of faults is shown in it; every fault of the operator and
    /// server families has a scenario of its own.
    #[test]
    fn the_catalogue_covers_the_families() {
        let catalogue = catalogue();
        assert!(catalogue.len() >= 30, "{} scenarios", catalogue.len());
        let shown = |name: &str| {
            catalogue.iter().any(|scenario| scenario.faults.iter().any(|fault| fault.action.name() == name))
        };
        let family = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let shown_families: std::collections::BTreeSet<String> =
            EXAMPLES.iter().filter(|example| shown(example.name)).map(|example| family(example.name)).collect();
        for example in EXAMPLES {
            let of = family(example.name);
            assert!(shown_families.contains(&of), "no scenario shows a fault of the family {of}");
            assert!(
                !matches!(of.as_str(), "operator" | "server") || shown(example.name),
                "{} is not shown",
                example.name
            );
        }
    }
}
