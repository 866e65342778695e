//! Functions that make SQL out of text, called by A with text that ends the literal it is put into: what follows must
//! not be executed.

use super::attacks::Attacker;
use super::probe::{Look, Oracle, Probe, READ_REFUSALS};
use crate::hunt::catalogue::Function;
use crate::hunt::seeding::{Tenant, literal, scalar};

/// What ends a value in SQL that was put together: a literal's quote, an identifier's, nothing.
const ENDS: [&str; 3] = ["'", "\"", ""];

/// Calls of every function that executes text and takes some.
pub(in crate::hunt) fn injections(attacker: &Attacker<'_>) -> Vec<Probe> {
    let takes_text = |name: &String| matches!(name.as_str(), "text" | "character varying" | "name");
    let functions = attacker.catalogue.functions.iter();
    let functions = functions.filter(|function| function.executes_text && function.arguments.iter().any(takes_text));
    let mut all = Vec::new();
    for function in functions {
        let call = |text: &str| {
            let value = |name: &String| match takes_text(name) {
                true => format!("{}::{name}", literal(text)),
                false => format!("{}::{name}", literal(&scalar(name, None, Tenant::A, 0))),
            };
            let arguments: Vec<String> = function.arguments.iter().map(value).collect();
            format!("{}({})", function.name, arguments.join(", "))
        };
        all.extend(ENDS.iter().filter_map(|end| becomes_b(attacker, function, end, &call)));
        all.push(shows_all(attacker, function, &call));
    }
    all
}

/// The text goes on with the statements by which a request becomes B's.
fn becomes_b(attacker: &Attacker<'_>, function: &Function, end: &str, call: &impl Fn(&str) -> String) -> Option<Probe> {
    let looks = attacker.reads_but(&[]);
    if attacker.context.b.is_empty() || looks.is_empty() {
        return None;
    }
    // A value that every setting takes, the role too.
    let text = format!("none{end}; {}; --", attacker.context.b.join("; "));
    let mut probe = probe(attacker, function, "F67");
    probe.title = "a statement in a function's argument is executed, and A's request becomes B's";
    probe.attack = vec![format!("SELECT {}", call(&text)).into()];
    probe.oracle = Oracle::Shown { looks, foreign: Tenant::B.marks().to_owned() };
    Some(probe)
}

/// The text goes on with a condition that is always true.
fn shows_all(attacker: &Attacker<'_>, function: &Function, call: &impl Fn(&str) -> String) -> Probe {
    let mut probe = probe(attacker, function, "F44");
    probe.title = "a condition in a function's argument is executed, and shows another tenant's rows";
    let look = format!("SELECT f::text FROM {} AS f", call("a' OR true --"));
    probe.oracle = Oracle::Shown { looks: vec![Look::Query(look)], foreign: Tenant::B.marks().to_owned() };
    probe
}

fn probe(attacker: &Attacker<'_>, function: &Function, mode: &'static str) -> Probe {
    let mut probe = attacker.own.probe(&function.signature, "CALL with SQL in an argument", mode);
    // A value that is refused executes nothing; SQL that does not parse says that the text got into it, and no more.
    probe.refusals = READ_REFUSALS;
    probe
}
