//! Attacks of several steps: own memberships, shadowed tables, plans kept across tenants, and what a tenant leaves on a
//! connection.

use std::collections::BTreeSet;

use super::context::{Context, read_sql};
use super::objects::{mixed, pairs};
use super::probe::{Attack, Look, Oracle, Probe};
use super::state::{State, request};
use super::writes::Twins;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Catalogue, Function, Helper, Relation};
use crate::hunt::seeding::{Seeded, Tenant, insert_sql, literal, scalar};

/// Why an attack that only reads would show was not tried.
const NOTHING_TO_READ: &str = "no other protected table shows A's own row, and no other one's";

/// Object, verb, and why it was not tried.
type LeftOut = (String, &'static str, String);

/// What an attack of several steps knows.
pub(in crate::hunt) struct Attacker<'a> {
    pub(in crate::hunt) catalogue: &'a Catalogue,
    pub(in crate::hunt) seeded: &'a Seeded,
    pub(in crate::hunt) context: &'a Context,
    pub(in crate::hunt) own: &'a State,
    pub(in crate::hunt) role: &'a str,
    /// Objects that leak without an attack of several steps.
    pub(in crate::hunt) leaking: &'a BTreeSet<String>,
    /// Objects of which tenant A sees its own row.
    pub(in crate::hunt) visible: &'a BTreeSet<String>,
}

impl Attacker<'_> {
    /// All of them.
    pub(in crate::hunt) fn attacks(&self) -> Vec<Probe> {
        let mut all = self.own_membership();
        all.extend(self.shadows());
        all.extend(self.plans());
        all
    }

    /// Those whose silence says nothing unless a twin succeeds.
    pub(in crate::hunt) fn twins(&self) -> Vec<Twins> {
        let mut all = self.left_behind();
        all.extend(self.temporary_tables());
        all
    }

    /// What is not tried, because no read would show that it worked.
    pub(in crate::hunt) fn left_out(&self) -> Vec<LeftOut> {
        let mut all: Vec<LeftOut> = Vec::new();
        for id in self.believed() {
            let table = &self.catalogue.relations[&id];
            let writable = [
                ("INSERT, then SELECT", table.columns.iter().any(|column| column.insertable)),
                ("UPDATE, then SELECT", table.columns.iter().any(|column| column.updatable)),
            ];
            let has_rows = self.seeded.row(id, Tenant::B).is_some();
            let is_left_out = !has_rows || self.reads_but(&[id]).is_empty();
            for (verb, _) in writable.into_iter().filter(|(_, may)| *may && is_left_out) {
                let why = if has_rows { NOTHING_TO_READ } else { "it has no rows of its tenants" };
                all.push((table.name.clone(), verb, why.to_owned()));
            }
        }
        for helper in self.catalogue.objects.helpers.iter().filter(|_| self.catalogue.objects.may_create_temporary) {
            if !self.shadows_of(helper).is_empty() && self.reads_but(&helper.reads).is_empty() {
                let verb = "CREATE TEMP TABLE, then SELECT";
                all.push((helper.signature.clone(), verb, NOTHING_TO_READ.to_owned()));
            }
        }
        let protected = self.catalogue.relations.values().filter(|table| table.row_security && !self.is_shown(table));
        for table in protected.filter(|table| read_sql(table).is_some() && !self.context.b.is_empty()) {
            let why = match self.leaking.contains(&table.name) {
                true => "it leaks without",
                false => "A does not see its own row",
            };
            all.extend(["SELECT in PL/pgSQL", "EXECUTE"].map(|verb| (table.name.clone(), verb, why.to_owned())));
        }
        all
    }

    /// Whether a leak would be seen in a table that does not leak anyway.
    fn is_shown(&self, table: &Relation) -> bool {
        self.visible.contains(&table.name) && !self.leaking.contains(&table.name)
    }

    /// Tables that policies believe: those that they read, and those that the functions they call read.
    pub(super) fn believed(&self) -> Vec<i64> {
        let objects = &self.catalogue.objects;
        let read = objects.policies.iter().flat_map(|policy| &policy.reads);
        let mut all: Vec<i64> = read.chain(objects.helpers.iter().flat_map(|helper| &helper.reads)).copied().collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|id| self.catalogue.relations.contains_key(id));
        all
    }

    /// Reads of every protected table but these.
    pub(super) fn reads_but(&self, but: &[i64]) -> Vec<Look> {
        let tables = self.catalogue.relations.iter().filter(|(id, table)| !but.contains(id) && table.row_security);
        let tables = tables.filter(|(id, table)| self.seeded.row(**id, Tenant::B).is_some() && self.is_shown(table));
        tables.filter_map(|(_, table)| read_sql(table)).map(Look::Query).collect()
    }

    fn shown(&self, looks: Vec<Look>) -> Oracle {
        Oracle::Shown { looks, foreign: Tenant::B.marks().to_owned() }
    }

    /// A writes a row of a believed table that joins A's user to B's tenant, then reads.
    fn own_membership(&self) -> Vec<Probe> {
        let mut all = Vec::new();
        for id in self.believed() {
            let table = &self.catalogue.relations[&id];
            let (Some(row_a), Some(row_b)) = (self.seeded.row(id, Tenant::A), self.seeded.row(id, Tenant::B)) else {
                continue;
            };
            let looks = self.reads_but(&[id]);
            if looks.is_empty() {
                continue;
            }
            let make = |verb, attack: String| {
                let mut probe = self.own.probe(&table.name, verb, "F27");
                probe.title = "a tenant can write itself into another tenant and read its rows";
                probe.refusals = &["42501", "44000", "23503", "23505"];
                probe.attack = vec![Attack::Sql(attack)];
                probe.oracle = self.shown(looks.clone());
                probe
            };
            for (name, _, of_b) in pairs(row_a, row_b) {
                let column = table.columns.iter().find(|column| column.name == name);
                if column.is_some_and(|column| column.insertable) {
                    let row: Vec<(String, String)> = mixed(row_a, row_b, |other| other == name)
                        .into_iter()
                        .filter(|(name, _)| {
                            table.columns.iter().any(|column| column.name == *name && column.insertable)
                        })
                        .collect();
                    all.push(make("INSERT, then SELECT", insert_sql(&table.name, &row)));
                }
                if column.is_some_and(|column| column.updatable) {
                    let sql = format!("UPDATE {} SET {} = {}", table.name, quote(name), literal(of_b));
                    all.push(make("UPDATE, then SELECT", sql));
                }
            }
        }
        all
    }

    /// Temporary tables with the names of those that functions of policies read come first where nothing says otherwise.
    fn shadows(&self) -> Vec<Probe> {
        let mut all = Vec::new();
        if !self.catalogue.objects.may_create_temporary {
            return all;
        }
        for helper in &self.catalogue.objects.helpers {
            let attack = self.shadows_of(helper);
            // By its name alone, a shadowed table would be the shadow.
            let looks = self.reads_but(&helper.reads);
            if attack.is_empty() || looks.is_empty() {
                continue;
            }
            let mut probe = self.own.probe(&helper.signature, "CREATE TEMP TABLE, then SELECT", "F28");
            probe.title = "a temporary table stands in for one that a policy's function reads";
            // A plan that was made before the table was there would still read the other one.
            probe.prepare = vec!["DISCARD PLANS".to_owned()];
            probe.attack = attack;
            probe.oracle = self.shown(looks);
            all.push(probe);
        }
        all
    }

    /// Temporary tables in the place of those that a function reads.
    fn shadows_of(&self, helper: &Helper) -> Vec<Attack> {
        let mut attack: Vec<Attack> = Vec::new();
        for id in &helper.reads {
            let (Some(table), Some(row_a), Some(row_b)) =
                (self.catalogue.relations.get(id), self.seeded.row(*id, Tenant::A), self.seeded.row(*id, Tenant::B))
            else {
                continue;
            };
            attack.extend(shadow(table, row_a, row_b).into_iter().map(Attack::Sql));
        }
        attack
    }

    /// A plan made for B is used by A: of a function in PL/pgSQL, and of a prepared statement.
    fn plans(&self) -> Vec<Probe> {
        let tables = self.catalogue.relations.iter().filter(|(id, table)| {
            table.row_security && self.seeded.row(**id, Tenant::B).is_some() && self.is_shown(table)
        });
        let tables: Vec<(&Relation, String)> =
            tables.filter_map(|(_, table)| Some((table, read_sql(table)?))).collect();
        let mut all = Vec::new();
        for (table, read) in &tables {
            let rows = format!("SELECT string_agg(q.r, ' ') FROM ({read}) AS q (r)");
            let make = |verb, body: String, use_as_b: &str| {
                let mut probe = self.own.probe(&table.name, verb, "F29");
                probe.title = "a plan made for one tenant shows its rows to the next";
                probe.before = vec![format!(
                    "CREATE FUNCTION pg_temp.hunt_read() RETURNS text LANGUAGE plpgsql AS \
                     $read$ DECLARE s text; BEGIN {body}; RETURN s; END $read$"
                )];
                let keep = "SET LOCAL plan_cache_mode = force_generic_plan".to_owned();
                let as_b = [vec![keep], self.context.b.clone(), vec![use_as_b.to_owned()]].concat();
                probe.enter = [as_b, self.context.a.clone()].concat();
                probe.oracle = self.shown(vec![Look::Query("SELECT pg_temp.hunt_read()".to_owned())]);
                probe
            };
            let into = rows.replacen(" FROM ", " INTO s FROM ", 1);
            all.push(make("SELECT in PL/pgSQL", into, "SELECT pg_temp.hunt_read()"));
            let prepare = format!("PREPARE hunt_read AS {rows}; EXECUTE hunt_read");
            // What is prepared outlives the transaction.
            let mut prepared = make("EXECUTE", "EXECUTE 'EXECUTE hunt_read' INTO s".to_owned(), &prepare);
            prepared.prepare = vec!["DEALLOCATE ALL".to_owned()];
            all.push(prepared);
        }
        if self.context.b.is_empty() { vec![] } else { all }
    }

    /// What B leaves on a connection is gone after the pool's reset. The twin: without that it is there.
    fn left_behind(&self) -> Vec<Twins> {
        let tables = self.catalogue.relations.iter().filter(|(id, _)| self.seeded.row(**id, Tenant::B).is_some());
        let Some((table, read)) = tables.filter_map(|(_, table)| Some((table, read_sql(table)?))).next() else {
            return vec![];
        };
        let artefacts: [(&'static str, String, Look); 5] = [
            (
                "temporary table of another tenant",
                format!("CREATE TEMP TABLE hunt_left (r) AS SELECT '{}'::text", mark()),
                Look::Query("SELECT r::text FROM pg_temp.hunt_left".to_owned()),
            ),
            (
                "cursor of another tenant",
                format!("DECLARE hunt_left CURSOR WITH HOLD FOR {read}"),
                Look::Query("SELECT cursor_to_xml('hunt_left'::refcursor, 100, true, false, '')::text".to_owned()),
            ),
            (
                "prepared statement of another tenant",
                format!("PREPARE hunt_left AS {read} /* {} */", mark()),
                Look::Query("SELECT statement FROM pg_prepared_statements".to_owned()),
            ),
            (
                "subscription of another tenant",
                format!("LISTEN \"{}\"", mark()),
                Look::Query("SELECT pg_listening_channels()".to_owned()),
            ),
            (
                "advisory lock of another tenant",
                "SELECT pg_advisory_lock(722229998)".to_owned(),
                Look::Query(
                    "SELECT objid::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
                        .to_owned(),
                ),
            ),
        ];
        let mut all = Vec::new();
        let may = |verb: &str| self.catalogue.objects.may_create_temporary || !verb.starts_with("temporary");
        for (verb, create, look) in artefacts.into_iter().filter(|(verb, ..)| may(verb)) {
            let by_b = request(self.role, &[self.context.b.clone(), vec![create]].concat());
            let mut probe = self.own.probe(&table.name, verb, "F62");
            probe.title = "what one tenant leaves on a connection can be read by the next";
            let reset = &self.context.reset;
            probe.state = match reset.as_slice() {
                [] => "own tenant, after another on the same connection".to_owned(),
                statements => format!("own tenant, after {}", statements.join("; ")),
            };
            probe.prepare = [by_b.clone(), reset.clone()].concat();
            probe.refusals = &["42501", "42P01", "34000"];
            probe.oracle = self.shown(vec![look]);
            let control = Probe { prepare: by_b, ..probe.clone() };
            all.push((probe, Some(control)));
        }
        all
    }

    /// What a function of the schema leaves in a temporary table when B calls it is read by A. The twin: B reads it.
    fn temporary_tables(&self) -> Vec<Twins> {
        let makers = self.catalogue.functions.iter().filter(|function| function.makes_temporary);
        let make = |function: &Function| {
            let arguments: Vec<String> = function
                .arguments
                .iter()
                .map(|name| format!("{}::{name}", literal(&scalar(name, None, Tenant::B, 0))))
                .collect();
            let call = format!("SELECT {}({})", function.name, arguments.join(", "));
            let mut probe = self.own.probe(&function.signature, "CALL, then SELECT from temporary tables", "F62");
            probe.title =
                "what a function leaves in a temporary table can be read by the next tenant on the connection";
            probe.state = "own tenant, after another on the same connection".to_owned();
            probe.enter.clone_from(&self.context.b);
            // A refused call leaves nothing behind.
            probe.attack = [vec![call.clone()], self.context.a.clone()].concat().into_iter().map(Attack::Sql).collect();
            let look = "SELECT query_to_xml('SELECT * FROM ' || c.oid::regclass, true, false, '')::text FROM pg_class AS c \
                        WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'r'";
            probe.oracle = self.shown(vec![Look::Query(look.to_owned())]);
            let mut control = probe.clone();
            control.attack = vec![Attack::Sql(call)];
            (probe, Some(control))
        };
        makers.map(make).collect()
    }
}

/// A mark of B's for texts that hold no row.
fn mark() -> &'static str {
    "canary-b-left-"
}

/// A temporary table of the same name and columns, with rows that join A's user to B's tenant.
fn shadow(table: &Relation, row_a: &[(String, String)], row_b: &[(String, String)]) -> Vec<String> {
    let name = table.name.rsplit_once('.').map_or(table.name.as_str(), |(_, name)| name);
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", quote(&column.name), column.base_type)).collect();
    let shadow = format!("pg_temp.{name}");
    let mut all =
        vec![format!("CREATE TEMP TABLE {name} ({}) ON COMMIT DROP", columns.join(", ")), insert_sql(&shadow, row_b)];
    for (column, ..) in pairs(row_a, row_b) {
        all.push(insert_sql(&shadow, &mixed(row_a, row_b, |other| other == column)));
        all.push(insert_sql(&shadow, &mixed(row_b, row_a, |other| other == column)));
    }
    all.push(format!("GRANT SELECT ON {shadow} TO PUBLIC"));
    all
}
