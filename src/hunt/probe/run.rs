//! Probes: one object, one verb, one state of the context, one oracle. A probe is data; the same data is run here and
//! written down as a reproducer, so that both mean the same.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::context::{Context, read_sql, set};
use super::tenant_roles;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Catalogue, Kind, Relation};
use crate::hunt::error::HuntError;
use crate::hunt::seeding::{Seeded, insert_sql, run};
use crate::hunt::seeding::{Tenant, literal, scalar};

/// One attempt to reach what is another's.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct Probe {
    pub(in crate::hunt) object: String,
    pub(in crate::hunt) verb: &'static str,
    pub(in crate::hunt) state: String,
    /// Failure mode that success means.
    pub(in crate::hunt) mode: &'static str,
    /// On a connection that never knew a tenant.
    pub(in crate::hunt) fresh: bool,
    /// Outside of the transaction.
    pub(in crate::hunt) prepare: Vec<String>,
    /// In it, as superuser.
    pub(in crate::hunt) before: Vec<String>,
    /// In it, as the application's role.
    pub(in crate::hunt) enter: Vec<String>,
    pub(in crate::hunt) attack: Option<String>,
    /// Gives texts. As the role if nothing was attacked, else as superuser.
    pub(in crate::hunt) look: String,
    /// Regular expression of the texts that mean success.
    pub(in crate::hunt) foreign: String,
}

/// What a probe saw.
pub(in crate::hunt) struct Seen {
    /// Each text, and whether it is foreign.
    pub(in crate::hunt) rows: Vec<(String, bool)>,
    pub(in crate::hunt) error: Option<sqlx::Error>,
}

impl Probe {
    /// Runs it and rolls it back.
    pub(in crate::hunt) async fn run(&self, connection: &mut PgConnection, role: &str) -> Result<Seen, HuntError> {
        let trouble = || HuntError::database("probe");
        for statement in &self.prepare {
            run(connection, statement.clone()).await.map_err(trouble())?;
        }
        run(connection, "BEGIN".to_owned()).await.map_err(trouble())?;
        let seen = self.inside(connection, role).await;
        run(connection, "ROLLBACK".to_owned()).await.map_err(trouble())?;
        Ok(seen.unwrap_or_else(|error| Seen { rows: Vec::new(), error: Some(error) }))
    }

    async fn inside(&self, connection: &mut PgConnection, role: &str) -> Result<Seen, sqlx::Error> {
        for statement in &self.before {
            run(connection, statement.clone()).await?;
        }
        run(connection, format!("SET LOCAL SESSION AUTHORIZATION {}", quote(role))).await?;
        for statement in self.enter.iter().chain(&self.attack) {
            run(connection, statement.clone()).await?;
        }
        if self.attack.is_some() {
            run(connection, "RESET SESSION AUTHORIZATION".to_owned()).await?;
        }
        let look =
            format!("SELECT r, r ~ {} FROM ({}) AS q (r) WHERE r IS NOT NULL", literal(&self.foreign), self.look);
        let rows = sqlx::raw_sql(AssertSqlSafe(look)).fetch_all(connection).await?;
        let rows = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
        Ok(Seen { rows, error: None })
    }
}

/// A state of the context.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct State {
    pub(in crate::hunt) name: String,
    mode: Option<&'static str>,
    fresh: bool,
    prepare: Vec<String>,
    enter: Vec<String>,
    /// Whether tenant A may be seen.
    has_tenant: bool,
}

/// The states that can be made of a context. The first is tenant A's own.
pub(in crate::hunt) fn states(context: &Context, catalogue: &Catalogue) -> Vec<State> {
    let state = |name: &str, mode, fresh, prepare: Vec<String>, enter: Vec<String>, has_tenant| State {
        name: name.to_owned(),
        mode,
        fresh,
        prepare,
        enter,
        has_tenant,
    };
    let mut all = vec![
        state("own tenant", None, false, vec![], context.a.clone(), true),
        state("never set", Some("F18"), true, vec![], vec![], false),
    ];
    let in_transaction = |enter: &[String]| [&["BEGIN".to_owned()], enter, &["COMMIT".to_owned()]].concat();
    let other_before = in_transaction(&context.b);
    let rolled_back = [
        vec!["SAVEPOINT before_tenant".to_owned()],
        context.a.clone(),
        vec!["ROLLBACK TO SAVEPOINT before_tenant".to_owned()],
    ]
    .concat();
    all.push(state("own tenant, after another", Some("F58"), false, other_before.clone(), context.a.clone(), true));
    if !context.a.is_empty() {
        let after_reset = [in_transaction(&context.a), vec!["RESET ALL".to_owned()]].concat();
        all.push(state("after COMMIT", Some("F55"), false, in_transaction(&context.a), vec![], false));
        all.push(state("after ROLLBACK TO SAVEPOINT", Some("F58"), false, vec![], rolled_back.clone(), false));
        let name = "after another, after ROLLBACK TO SAVEPOINT";
        all.push(state(name, Some("F58"), false, other_before, rolled_back, false));
        all.push(state("after RESET ALL", Some("F59"), false, after_reset, vec![], false));
    }
    if let Some(setting) = &context.setting {
        let session = |statement: &String| statement.replacen("SET LOCAL", "SET", 1);
        let set_for_session: Vec<String> = context.a.iter().map(session).collect();
        let then = |statement: &str| [set_for_session.clone(), vec![statement.to_owned()]].concat();
        let name: Vec<String> = setting.split('.').map(quote).collect();
        let reset = then(&format!("RESET {}", name.join(".")));
        let held = |value: &str| vec![set(setting, &context.holds(catalogue, value))];
        all.push(state("empty", Some("F18"), false, vec![], vec![set(setting, "")], false));
        all.push(state("bogus", Some("F18"), false, vec![], held("cccccccc-cccc-4ccc-8ccc-cccccccccccc"), false));
        all.push(state("pattern", Some("F24"), false, vec![], held("%"), false));
        all.push(state("after RESET", Some("F57"), false, reset, vec![], false));
        all.push(state("after DISCARD ALL", Some("F59"), false, then("DISCARD ALL"), vec![], false));
        for flag in catalogue.settings.iter().filter(|flag| *flag != setting) {
            for value in ["on", "true", "1", "admin"] {
                let enter = [context.a.clone(), vec![set(flag, value)]].concat();
                all.push(state(&format!("{flag} = {value}"), Some("F20"), false, vec![], enter, true));
            }
        }
    }
    for role in catalogue.roles.iter().filter(|role| !tenant_roles::is_ours(role)) {
        let enter = [context.a.clone(), vec![format!("SET LOCAL ROLE {}", quote(role))]].concat();
        all.push(state(&format!("SET ROLE {role}"), Some("F06"), false, vec![], enter, true));
    }
    all
}

/// Reads a relation in a state.
pub(in crate::hunt) fn read(relation: &Relation, state: &State, role_is_exempt: bool) -> Option<Probe> {
    // After SET ROLE other rights hold: every column, or an error that says no.
    let whole = format!("SELECT t::text FROM {} AS t", relation.name);
    let look = if state.name.starts_with("SET ROLE") { Some(whole) } else { read_sql(relation) };
    let mode = state.mode.unwrap_or(match relation.kind {
        _ if role_is_exempt => "F05",
        Kind::Partition => "F09",
        Kind::Child if !relation.row_security => "F10",
        Kind::View => "F41",
        Kind::Materialized => "F12",
        Kind::Foreign => "F11",
        _ if relation.row_security => "F15",
        _ if relation.policies => "F02",
        _ => "F01",
    });
    let foreign = match state.has_tenant {
        true => Tenant::B.marks().to_owned(),
        false => format!("{}|{}", Tenant::A.marks(), Tenant::B.marks()),
    };
    Some(Probe {
        object: relation.name.clone(),
        verb: "SELECT",
        state: state.name.clone(),
        mode,
        fresh: state.fresh,
        prepare: state.prepare.clone(),
        before: vec![],
        enter: state.enter.clone(),
        attack: None,
        look: look?,
        foreign,
    })
}

/// A write by A and what it shows, with the twin that must work on A's own row: (attack, control).
pub(in crate::hunt) fn writes(
    catalogue: &Catalogue,
    seeded: &Seeded,
    id: i64,
    state: &State,
    role_is_exempt: bool,
) -> Vec<(Probe, Probe)> {
    let relation = &catalogue.relations[&id];
    let table = &relation.name;
    let (Some(row_a), Some(row_b)) = (seeded.row(id, Tenant::A), seeded.row(id, Tenant::B)) else { return vec![] };
    let has = |marks: Tenant| format!("t::text ~ '{}'", marks.marks());
    // A row that was written since has a version that was not there before.
    let remember = format!(
        "SELECT set_config('chaos.versions', (SELECT coalesce(string_agg(xmin::text, ','), '') FROM {table}), true)"
    );
    let touched = "t.xmin::text <> ALL (string_to_array(current_setting('chaos.versions'), ','))";
    let without_triggers = |statements: Vec<String>| {
        let mut all = vec!["SET LOCAL session_replication_role = replica".to_owned()];
        all.extend(statements);
        all.push("SET LOCAL session_replication_role = origin".to_owned());
        all
    };
    let probe = |verb, mode, before: Vec<String>, attack: String, look: String| Probe {
        object: table.clone(),
        verb,
        state: state.name.clone(),
        mode: if role_is_exempt { "F05" } else { mode },
        fresh: state.fresh,
        prepare: state.prepare.clone(),
        before,
        enter: state.enter.clone(),
        attack: Some(attack),
        look,
        foreign: ".".to_owned(),
    };
    let twins =
        |verb, mode, before: Vec<String>, attack: &dyn Fn(Tenant) -> String, look: &dyn Fn(Tenant) -> String| {
            let make = |of| probe(verb, mode, before.clone(), attack(of), look(of));
            (make(Tenant::B), make(Tenant::A))
        };
    let row_of = |of: Tenant| if of == Tenant::A { row_a } else { row_b };
    let column = |name: &str| relation.columns.iter().find(|column| column.name == name);
    let mut all = Vec::new();

    // Rows that refer to this one would keep it where it is, whatever the policies say.
    let children = catalogue.relations.values().filter(|child| child.name != *table && child.kind.is_seeded());
    let children = children.filter(|child| child.foreign_keys.iter().any(|key| key.parent == id));
    let clear_children: Vec<String> = children.map(|child| format!("DELETE FROM {}", child.name)).collect();

    let insertable = |row: &[(String, String)]| -> Vec<(String, String)> {
        row.iter().filter(|(name, _)| column(name).is_some_and(|column| column.insertable)).cloned().collect()
    };
    if relation.columns.iter().any(|column| column.insertable) {
        let before = without_triggers(vec![format!("DELETE FROM {table}")]);
        let attack = |of: Tenant| insert_sql(table, &insertable(row_of(of)));
        let look = |of: Tenant| format!("SELECT t::text FROM {table} AS t WHERE {}", has(of));
        all.push(twins("INSERT", "F34", before, &attack, &look));
    }
    let updatable: Vec<_> = relation.columns.iter().filter(|column| column.updatable && !column.generated).collect();
    if let Some(target) = updatable.iter().rev().find(|column| !column.in_key).or(updatable.last()) {
        let constant = row_a.iter().find(|(name, _)| *name == target.name).map_or("", |(_, value)| value.as_str());
        let attack = |_| format!("UPDATE {table} SET {} = {}", quote(&target.name), literal(constant));
        let look = |of: Tenant| format!("SELECT t::text FROM {table} AS t WHERE {touched} AND {}", has(of));
        all.push(twins("UPDATE", "F36", vec![remember.clone()], &attack, &look));

        let make_room = format!("DELETE FROM {table} AS t WHERE {}", has(Tenant::B));
        let before = without_triggers([clear_children.clone(), vec![make_room, remember]].concat());
        let attack = |of: Tenant| {
            let sets: Vec<String> = row_of(of)
                .iter()
                .filter(|(name, _)| updatable.iter().any(|column| column.name == *name))
                .map(|(name, value)| format!("{} = {}", quote(name), literal(value)))
                .collect();
            format!("UPDATE {table} SET {}", sets.join(", "))
        };
        // An identity column cannot be set: such a row moves with the columns that can.
        all.push(twins("UPDATE into another tenant", "F35", before, &attack, &look));
    }
    let gone =
        |of: Tenant| format!("SELECT 'the row is gone' WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE {})", has(of));
    if relation.deletable {
        let before = without_triggers(clear_children.clone());
        all.push(twins("DELETE", "F36", before, &|_| format!("DELETE FROM {table}"), &gone));
    }
    if relation.truncatable {
        let attack = |_| format!("TRUNCATE {table}");
        all.push(twins("TRUNCATE", "F39", vec![], &attack, &gone));
    }
    all
}

/// Calls a function with A's, B's and no arguments.
pub(in crate::hunt) fn calls(catalogue: &Catalogue, state: &State) -> Vec<Probe> {
    let mut all = Vec::new();
    for function in &catalogue.functions {
        // Text of B's in an argument would come back as an echo, so keys stand for B.
        let argument = |name: &String, of: Option<Tenant>| match of {
            Some(of) => format!("{}::{name}", literal(&scalar(name, None, of, 0))),
            None => format!("NULL::{name}"),
        };
        for of in [Some(Tenant::B), Some(Tenant::A), None] {
            let arguments: Vec<String> = function.arguments.iter().map(|name| argument(name, of)).collect();
            let foreign = match of {
                Some(Tenant::B) if !arguments.is_empty() => "canary-b-[1-9]",
                _ => Tenant::B.marks(),
            };
            let echoes = arguments.iter().any(|argument| argument.contains("canary-b-"));
            if echoes || (of != Some(Tenant::A) && arguments.is_empty()) {
                continue;
            }
            all.push(Probe {
                object: function.signature.clone(),
                verb: "CALL",
                state: state.name.clone(),
                mode: "F44",
                fresh: false,
                prepare: vec![],
                before: vec![],
                enter: state.enter.clone(),
                attack: None,
                look: format!("SELECT f::text FROM {}({}) AS f", function.name, arguments.join(", ")),
                foreign: foreign.to_owned(),
            });
        }
    }
    all
}
