//! Failure modes and how each is planted: `{NAME}` is a word of the schema (styles.rs).

mod coverage;
mod lifecycle;
mod objects;
mod predicate;
mod verbs;

use super::styles::Style;

/// One failure mode.
pub(crate) struct Plant {
    pub(crate) mode: &'static str,
    /// In a few words.
    pub(crate) what: &'static str,
    how: &'static [How],
}

/// How it is planted in a schema, the first that is for it.
enum How {
    /// In every schema.
    Sql(&'static str),
    /// In one schema.
    In(&'static str, &'static str),
    /// In how the application's requests say who they are.
    Enter(&'static str),
    /// It has no meaning in this schema.
    No(&'static str, &'static str),
    /// It cannot be planted in any.
    Never(&'static str),
    /// Only a rule can find it in this schema, or in any (`*`), and why no probe does.
    RuleOnly(&'static str, &'static str),
}
use How::{Enter, In, Never, No, RuleOnly, Sql};

/// What is planted.
pub(crate) enum Planted {
    /// Beside the schema.
    Sql(String),
    /// In hunt.toml.
    Config(String),
    /// Nothing, and why.
    Nothing(&'static str),
}

impl Plant {
    pub(crate) fn of(&self, style: &Style) -> Planted {
        for how in self.how {
            match how {
                Sql(sql) => return Planted::Sql(style.fill(sql)),
                In(name, sql) if *name == style.name => return Planted::Sql(style.fill(sql)),
                No(name, why) if *name == style.name => return Planted::Nothing(why),
                Enter(statement) => return Planted::Config(config(style, statement)),
                Never(why) => return Planted::Nothing(why),
                In(..) | No(..) | RuleOnly(..) => {}
            }
        }
        Planted::Nothing("no way to plant it is known")
    }

    /// Why no probe finds it in this schema, if none does.
    pub(crate) fn why_rule_only(&self, style: &Style) -> Option<&'static str> {
        self.how.iter().find_map(|how| match how {
            RuleOnly(name, why) if *name == "*" || *name == style.name => Some(*why),
            _ => None,
        })
    }
}

/// All of them, by mode.
pub(crate) fn plants() -> impl Iterator<Item = &'static Plant> {
    [coverage::PLANTS, predicate::PLANTS, verbs::PLANTS, objects::PLANTS, lifecycle::PLANTS].into_iter().flatten()
}

/// A hunt.toml whose requests enter with this statement; `{ENTER_other}` is another tenant's in it.
fn config(style: &Style, statement: &str) -> String {
    let other = style.enter.replace("{IS_LOCAL}", "true").replace("{id}", "{other}");
    let statement = statement.replace("{ENTER_other}", &other);
    let statement = ["false", "true"].into_iter().fold(statement, |text, is_local| {
        text.replace(&format!("{{ENTER_{is_local}}}"), &style.enter.replace("{IS_LOCAL}", is_local))
    });
    let mut text = format!("[context]\nenter = [{statement:?}]\n");
    let [a, b] = style.ids;
    for (tenant, id, other) in [("a", a, b), ("b", b, a)] {
        text += &format!("[tenants.{tenant}]\nvariables = {{ id = {id:?}, other = {other:?} }}\n");
        if !style.setup.is_empty() {
            text += &format!("setup = [{:?}]\n", style.setup.replace("{id}", id));
        }
    }
    text
}
