//! States of the context: what a connection may know of a tenant when a statement comes.

use super::context::{Context, set};
use super::probe::{Attack, Oracle, Probe, REFUSALS};
use super::tenant_roles;
use crate::hunt::catalogue::Catalogue;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::finding::Severity;
use crate::hunt::seeding::Tenant;

/// Values that a flag is set to, beside those that the schema compares it with.
const FLAG_VALUES: [&str; 4] = ["on", "true", "1", "admin"];

/// The state of a tenant's ordinary request.
pub(in crate::hunt) const OWN: &str = "own tenant";

/// A state of the context.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct State {
    pub(in crate::hunt) name: String,
    /// Failure mode of a leak that only this state has.
    pub(in crate::hunt) mode: Option<&'static str>,
    pub(in crate::hunt) fresh: bool,
    pub(in crate::hunt) prepare: Vec<String>,
    pub(in crate::hunt) enter: Vec<String>,
    /// What a client does then that the server may refuse: it is part of the attack.
    pub(in crate::hunt) forge: Vec<String>,
    /// Whether tenant A may be seen.
    pub(in crate::hunt) has_tenant: bool,
    /// Whether another role than the application's asks.
    pub(in crate::hunt) other_role: bool,
}

impl State {
    fn new(name: &str, mode: &'static str) -> Self {
        let (name, mode) = (name.to_owned(), Some(mode));
        let (fresh, prepare, enter, forge) = (false, vec![], vec![], vec![]);
        Self { name, mode, fresh, prepare, enter, forge, has_tenant: false, other_role: false }
    }

    fn prepare(mut self, statements: Vec<String>) -> Self {
        self.prepare = statements;
        self
    }

    fn enter(mut self, statements: Vec<String>) -> Self {
        self.enter = statements;
        self
    }

    fn forge(mut self, statements: Vec<String>) -> Self {
        self.forge = statements;
        self
    }

    fn own(mut self) -> Self {
        self.has_tenant = true;
        self
    }

    /// Whose data must not come back in this state.
    pub(in crate::hunt) fn strangers(&self) -> &'static [Tenant] {
        if self.has_tenant { &[Tenant::B] } else { &[Tenant::A, Tenant::B] }
    }

    /// Regular expression of what must not come back.
    pub(in crate::hunt) fn foreign(&self) -> String {
        self.strangers().iter().map(|stranger| stranger.marks()).collect::<Vec<_>>().join("|")
    }

    /// A probe in this state that does nothing more yet.
    pub(in crate::hunt) fn probe(&self, object: &str, verb: &'static str, mode: &'static str) -> Probe {
        Probe {
            object: object.to_owned(),
            verb,
            state: self.name.clone(),
            mode,
            severity: Severity::Leak,
            title: "another tenant's row can be read",
            fresh: self.fresh,
            prepare: self.prepare.clone(),
            before: vec![],
            enter: self.enter.clone(),
            attack: self.forge.iter().cloned().map(Attack::Sql).collect(),
            refusals: REFUSALS,
            oracle: Oracle::Shown { looks: vec![], foreign: self.foreign() },
            strangers: self.strangers(),
        }
    }
}

/// A transaction of the application's, committed.
pub(in crate::hunt) fn request(role: &str, statements: &[String]) -> Vec<String> {
    let mut all = vec!["BEGIN".to_owned(), format!("SET LOCAL SESSION AUTHORIZATION {}", quote(role))];
    all.extend_from_slice(statements);
    all.push("COMMIT".to_owned());
    all
}

/// The states that can be made of a context. The first is tenant A's own.
pub(in crate::hunt) fn states(context: &Context, catalogue: &Catalogue, role: &str) -> Vec<State> {
    let (a, b) = (&context.a, &context.b);
    let mut all = vec![State { mode: None, ..State::new(OWN, "") }.enter(a.clone()).own()];
    all.push(State { fresh: true, ..State::new("never set", "F18") });
    if !a.is_empty() {
        let after_another = State::new("own tenant, after another", "F58").own();
        all.push(after_another.prepare(request(role, b)).enter(a.clone()));
        let switched = State::new("own tenant, switched inside of a transaction", "F58").own();
        all.push(switched.enter([b.clone(), a.clone()].concat()));
        all.push(State::new("after COMMIT", "F55").prepare(request(role, a)));
        let reset = [request(role, a), vec!["RESET ALL".to_owned()]].concat();
        all.push(State::new("after RESET ALL", "F59").prepare(reset));
        all.push(State::new("recycled after another tenant", "F55").prepare(request(role, b)));
        let rolled_back =
            [vec!["SAVEPOINT before_tenant".into()], a.clone(), vec!["ROLLBACK TO SAVEPOINT before_tenant".into()]];
        all.push(State::new("after ROLLBACK TO SAVEPOINT", "F58").enter(rolled_back.concat()));
        let recycled = State::new("recycled after another tenant, after ROLLBACK TO SAVEPOINT", "F58");
        all.push(recycled.prepare(request(role, b)).enter(rolled_back.concat()));
    }
    if context.by_role {
        all.push(State::new("after RESET ROLE", "F68").enter([a.clone(), vec!["RESET ROLE".into()]].concat()));
    }
    if let Some(setting) = &context.setting {
        let then = |statement: String| [context.of_session(), vec![statement]].concat();
        let name: Vec<String> = setting.split('.').map(quote).collect();
        all.push(State::new("empty", "F18").forge(vec![set(setting, "")]));
        let held = |value: &str| vec![set(setting, &context.holds(catalogue, value))];
        all.push(State::new("bogus", "F18").forge(held("cccccccc-cccc-4ccc-8ccc-cccccccccccc")));
        all.push(State::new("pattern", "F24").forge(held("%")));
        all.push(State::new("after RESET", "F57").prepare(then(format!("RESET {}", name.join(".")))));
        all.push(State::new("after DISCARD ALL", "F59").prepare(then("DISCARD ALL".to_owned())));
    }
    for (name, mode, statements, has_tenant) in &context.forged {
        all.push(State { has_tenant: *has_tenant, ..State::new(name, mode) }.forge(statements.clone()));
    }
    all.extend(flags(context, catalogue));
    let is_own = |role: &String| context.by_role && a.iter().chain(b).any(|statement| holds_whole(statement, role));
    for role in catalogue.roles.iter().filter(|role| !is_own(role) && !tenant_roles::is_ours(role)) {
        let state = State::new(&format!("SET ROLE {role}"), "F06").own();
        let taken = vec![format!("SET LOCAL ROLE {}", quote(role))];
        all.push(State { other_role: true, ..state }.enter(a.clone()).forge(taken));
    }
    all
}

/// States through a pooler in transaction mode: what is prepared here is what the pooler makes of its one connection.
pub(in crate::hunt) fn pooled_states(context: &Context, role: &str) -> Vec<State> {
    let after = request(role, &context.b);
    let own = State::new("own tenant, after another, through PgBouncer", "F55").own();
    vec![
        own.prepare(after.clone()).enter(context.a.clone()),
        State::new("never set, after another, through PgBouncer", "F55").prepare(after),
    ]
}

/// Every setting that the schema reads and that is not the tenant's own, switched on: setting, value.
fn flag_values<'a>(context: &Context, catalogue: &'a Catalogue) -> Vec<(&'a str, &'a str)> {
    let is_flag = |setting: &&String| !context.a.iter().any(|statement| names(statement, setting));
    let compared = catalogue.flag_values.iter().map(String::as_str);
    let values: Vec<&str> = FLAG_VALUES.into_iter().chain(compared).collect();
    let flags = catalogue.settings.iter().filter(is_flag);
    flags.flat_map(|flag| values.iter().map(move |value| (flag.as_str(), *value))).collect()
}

fn flags(context: &Context, catalogue: &Catalogue) -> Vec<State> {
    let state = |(flag, value): (&str, &str)| {
        let state = State::new(&format!("{flag} = {value}"), "F20").own();
        state.enter(context.a.clone()).forge(vec![set(flag, value)])
    };
    flag_values(context, catalogue).into_iter().map(state).collect()
}

/// The statements that switch them on.
pub(in crate::hunt) fn flag_statements(context: &Context, catalogue: &Catalogue) -> Vec<String> {
    flag_values(context, catalogue).into_iter().map(|(flag, value)| set(flag, value)).collect()
}

/// Whether a statement names a setting, quoted in its parts or whole.
fn names(statement: &str, setting: &str) -> bool {
    let quoted: Vec<String> = setting.split('.').map(quote).collect();
    holds_whole(statement, setting) || statement.contains(&quoted.join("."))
}

/// Whether a name stands in a statement, and not only as a part of a longer one.
fn holds_whole(statement: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == '$';
    statement.match_indices(name).any(|(at, _)| {
        let (before, after) = (&statement[..at], &statement[at + name.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that is the beginning or the middle of another one is not that one.
    #[test]
    fn names_are_compared_whole() {
        let enter = "SELECT set_config('app.org_id', 'x', true)";
        assert!(names(enter, "app.org_id") && names("SET LOCAL \"app\".\"org_id\" = 'x'", "app.org_id"));
        assert!(!names(enter, "app.org") && !names(enter, "org_id") && !names(enter, "pp.org_id"));
        assert!(holds_whole("SET LOCAL ROLE shop_a", "shop_a") && holds_whole("SET LOCAL ROLE \"a b\"", "a b"));
        assert!(!holds_whole("SET LOCAL ROLE shop_a", "a") && !holds_whole("SET LOCAL ROLE shop_a", "shop"));
    }
}
