//! Writes: each by tenant A on what is B's, beside a twin on A's own row that must work, or silence proves nothing.

use super::probe::{Attack, Oracle, Probe};
use super::state::State;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Catalogue, Column, Kind, NULL, Relation};
use crate::hunt::finding::Severity;
use crate::hunt::seeding::{Seeded, Tenant, insert_sql, literal, of_type};

/// COPY FROM into a table with row security is refused as a feature that is not supported.
const COPY_REFUSALS: &[&str] = &["42501", "0A000"];

/// A write, and what must be possible for it to prove anything. Without a twin the attempt speaks for itself.
pub(in crate::hunt) type Twins = (Probe, Option<Probe>);

/// What the writes of one table are made of.
struct Writer<'a> {
    relation: &'a Relation,
    state: &'a State,
    role_is_exempt: bool,
    row_a: &'a [(String, String)],
    row_b: &'a [(String, String)],
    /// Rows that refer to this one would keep it where it is, whatever the policies say.
    clear_children: Vec<String>,
}

/// The verbs by which the role may change a relation.
pub(in crate::hunt) fn write_verbs(relation: &Relation) -> Vec<&'static str> {
    let verbs = [
        ("INSERT", relation.columns.iter().any(|column| column.insertable)),
        ("UPDATE", relation.columns.iter().any(|column| column.updatable && !column.generated)),
        ("DELETE", relation.deletable),
        ("TRUNCATE", relation.truncatable),
    ];
    verbs.into_iter().filter(|(_, may)| *may).map(|(verb, _)| verb).collect()
}

/// The writes of a table that has rows of both tenants.
pub(in crate::hunt) fn writes(
    catalogue: &Catalogue,
    seeded: &Seeded,
    id: i64,
    state: &State,
    role_is_exempt: bool,
) -> Vec<Twins> {
    let relation = &catalogue.relations[&id];
    let (Some(row_a), Some(row_b)) = (seeded.row(id, Tenant::A), seeded.row(id, Tenant::B)) else { return vec![] };
    let children = catalogue.relations.values().filter(|child| child.name != relation.name && child.kind.is_seeded());
    let children = children.filter(|child| child.foreign_keys.iter().any(|key| key.parent == id));
    let clear_children = children.map(|child| format!("DELETE FROM {}", child.name)).collect();
    let writer = Writer { relation, state, role_is_exempt, row_a, row_b, clear_children };
    let mut all = writer.inserts(seeded, id);
    all.extend(writer.upsert(catalogue, id));
    all.extend(writer.updates());
    all.extend(writer.removals());
    all
}

/// A condition on a row, named as no column is: its text holds a mark of the tenant.
fn has(of: Tenant) -> String {
    format!("hunt_row::text ~ '{}'", of.marks())
}

/// Statements without triggers, of which foreign keys are some.
fn without_triggers(statements: Vec<String>) -> Vec<String> {
    let mut all = vec!["SET LOCAL session_replication_role = replica".to_owned()];
    all.extend(statements);
    all.push("SET LOCAL session_replication_role = origin".to_owned());
    all
}

impl Writer<'_> {
    fn probe(&self, verb: &'static str, mode: &'static str, title: &'static str) -> Probe {
        let mode = if self.role_is_exempt { "F05" } else { mode };
        let mut probe = self.state.probe(&self.relation.name, verb, mode);
        (probe.severity, probe.title) = (Severity::Write, title);
        probe
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.relation.columns.iter().find(|column| column.name == name)
    }

    fn insertable(&self, row: &[(String, String)]) -> Vec<(String, String)> {
        row.iter().filter(|(name, _)| self.column(name).is_some_and(|column| column.insertable)).cloned().collect()
    }

    fn updatable(&self) -> Vec<&Column> {
        self.relation.columns.iter().filter(|column| column.updatable && !column.generated).collect()
    }

    /// `column = constant of A's` for an UPDATE that reads nothing.
    fn assignment(&self) -> Option<String> {
        let updatable = self.updatable();
        let target = updatable.iter().rev().find(|column| !column.in_key).or(updatable.last())?;
        let constant = self.row_a.iter().find(|(name, _)| *name == target.name).map_or("", |(_, value)| value.as_str());
        Some(format!("{} = {}", quote(&target.name), literal(constant)))
    }

    /// What was written since has a version that was not there before.
    fn remember_versions(&self) -> String {
        let table = &self.relation.name;
        format!(
            "SELECT set_config('chaos.versions', (SELECT coalesce(string_agg(xmin::text, ','), '') FROM {table}), true)"
        )
    }

    fn touched(&self, of: Tenant) -> Oracle {
        let new = "hunt_row.xmin::text <> ALL (string_to_array(current_setting('chaos.versions'), ','))";
        let table = &self.relation.name;
        Oracle::Stored { look: format!("SELECT hunt_row::text FROM {table} AS hunt_row WHERE {new} AND {}", has(of)) }
    }

    /// B's rows, each with its branch of a policy, go into an empty table.
    fn inserts(&self, seeded: &Seeded, id: i64) -> Vec<Twins> {
        let table = &self.relation.name;
        if !self.relation.columns.iter().any(|column| column.insertable) {
            return vec![];
        }
        let make = |verb, of: Tenant, attack: Attack| {
            let mut probe = self.probe(verb, "F34", "a row can be inserted for another tenant");
            probe.before = without_triggers(vec![format!("DELETE FROM {table}")]);
            probe.attack = vec![attack];
            probe.oracle =
                Oracle::Stored { look: format!("SELECT hunt_row::text FROM {table} AS hunt_row WHERE {}", has(of)) };
            probe
        };
        let mut all = Vec::new();
        for row_b in seeded.rows_of(id, Tenant::B) {
            let [attack, control] = [(row_b, Tenant::B), (self.row_a, Tenant::A)]
                .map(|(row, of)| make("INSERT", of, insert_sql(table, &self.insertable(row)).into()));
            all.push((attack, Some(control)));
        }
        let mut copy = make("COPY FROM", Tenant::B, copy_in(table, &self.insertable(self.row_b)));
        copy.refusals = COPY_REFUSALS;
        all.push((copy, None));
        all
    }

    fn upsert(&self, catalogue: &Catalogue, id: i64) -> Option<Twins> {
        let assignment = self.assignment()?;
        let held = |key: &&crate::hunt::catalogue::UniqueKey| {
            key.columns.iter().all(|name| self.column(name).is_some_and(|column| column.insertable))
        };
        let key = catalogue.objects.keys_of(id).find(held)?;
        let columns: Vec<String> = key.columns.iter().map(|name| quote(name)).collect();
        let make = |row: &[(String, String)], of: Tenant| {
            let mut probe = self.probe("INSERT ON CONFLICT", "F38", "another tenant's row can be changed by an upsert");
            probe.before = vec![self.remember_versions()];
            let insert = insert_sql(&self.relation.name, &self.insertable(row));
            let sql = format!("{insert} ON CONFLICT ({}) DO UPDATE SET {assignment}", columns.join(", "));
            probe.attack = vec![sql.into()];
            probe.oracle = self.touched(of);
            probe
        };
        Some((make(self.row_b, Tenant::B), Some(make(self.row_a, Tenant::A))))
    }

    fn updates(&self) -> Vec<Twins> {
        let Some(assignment) = self.assignment() else { return vec![] };
        let table = &self.relation.name;
        let updatable = self.updatable();
        let title = "another tenant's row can be changed";
        let blind = |of| {
            let mut probe = self.probe("UPDATE", "F36", title);
            probe.before = vec![self.remember_versions()];
            probe.attack = vec![format!("UPDATE {table} SET {assignment}").into()];
            probe.oracle = self.touched(of);
            probe
        };
        let merge = |of| {
            let mut probe = self.probe("MERGE", "F38", title);
            // A MERGE that reads no column is not narrowed by policies for SELECT: where it meets a row that it may not
            // update it fails as a whole. That is an answer to the attack; its twin must meet no such row.
            let others = format!("DELETE FROM {table} AS hunt_row WHERE ({}) IS NOT TRUE", has(Tenant::A));
            let alone = without_triggers([self.clear_children.clone(), vec![others]].concat());
            let before = if of == Tenant::A { alone } else { vec![] };
            probe.before = [before, vec![self.remember_versions()]].concat();
            let sql = format!(
                "MERGE INTO {table} USING (SELECT 1) AS s (one) ON true WHEN MATCHED THEN UPDATE SET {assignment}"
            );
            probe.attack = vec![sql.into()];
            probe.oracle = self.touched(of);
            probe
        };
        let make_room = format!("DELETE FROM {table} AS hunt_row WHERE {}", has(Tenant::B));
        let moves = |row: &[(String, String)], of| {
            let mut probe = self.probe("UPDATE into another tenant", "F35", "a row can be moved to another tenant");
            // Of A's rows one is left: two cannot have one key.
            let keep = format!("DELETE FROM {table} AS hunt_row WHERE ctid <> (SELECT min(ctid) FROM {table})");
            probe.before = without_triggers(
                [self.clear_children.clone(), vec![make_room.clone(), keep, self.remember_versions()]].concat(),
            );
            // An identity column cannot be set: such a row moves with the columns that can.
            let sets: Vec<String> = row
                .iter()
                .filter(|(name, _)| updatable.iter().any(|column| column.name == *name))
                .map(|(name, value)| format!("{} = {}", quote(name), literal(value)))
                .collect();
            probe.attack = vec![format!("UPDATE {table} SET {}", sets.join(", ")).into()];
            probe.oracle = self.touched(of);
            probe
        };
        let [a, b] = [Tenant::A, Tenant::B];
        vec![(blind(b), Some(blind(a))), (merge(b), Some(merge(a))), (moves(self.row_b, b), Some(moves(self.row_a, a)))]
    }

    fn removals(&self) -> Vec<Twins> {
        let table = &self.relation.name;
        let title = "another tenant's row can be deleted";
        let make = |verb, mode, before: Vec<String>, attack: String, of: Tenant| {
            let mut probe = self.probe(verb, mode, title);
            let count = format!("(SELECT count(*) FROM {table} AS hunt_row WHERE {})", has(of));
            probe.before = [before, vec![format!("SELECT set_config('chaos.rows', {count}::text, true)")]].concat();
            probe.attack = vec![attack.into()];
            let look = format!("SELECT 'a row is gone' WHERE current_setting('chaos.rows')::bigint > {count}");
            probe.oracle = Oracle::Stored { look };
            probe
        };
        let mut all = Vec::new();
        if self.relation.deletable {
            let before = without_triggers(self.clear_children.clone());
            let delete = |of| make("DELETE", "F36", before.clone(), format!("DELETE FROM {table}"), of);
            all.push((delete(Tenant::B), Some(delete(Tenant::A))));
        }
        if self.relation.truncatable {
            let truncate = |of| make("TRUNCATE", "F39", vec![], format!("TRUNCATE {table}"), of);
            all.push((truncate(Tenant::B), Some(truncate(Tenant::A))));
        }
        all
    }
}

/// A row as a line of COPY's text format.
fn copy_in(table: &str, row: &[(String, String)]) -> Attack {
    let columns: Vec<String> = row.iter().map(|(name, _)| quote(name)).collect();
    let field = |value: &String| match value.as_str() {
        NULL => "\\N".to_owned(),
        text => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r"),
    };
    let fields: Vec<String> = row.iter().map(|(_, value)| field(value)).collect();
    let statement = format!("COPY {table} ({}) FROM STDIN", columns.join(", "));
    Attack::CopyIn { statement, data: fields.join("\t") + "\n" }
}

/// Blind writes to a relation whose rows come from elsewhere: views, partitions, inheritance children, foreign tables.
/// What has changed is told by the text of the rows.
pub(in crate::hunt) fn writes_through(
    catalogue: &Catalogue,
    seeded: &Seeded,
    id: i64,
    state: &State,
    role_is_exempt: bool,
) -> Vec<Twins> {
    let relation = &catalogue.relations[&id];
    let table = &relation.name;
    let mode = match relation.kind {
        _ if role_is_exempt => "F05",
        Kind::Partition => "F09",
        Kind::Child => "F10",
        Kind::View => "F41",
        Kind::Foreign => "F11",
        Kind::Table | Kind::Materialized => return vec![],
    };
    let make = |verb, title, attack: &str, of: Tenant| {
        let mut probe = state.probe(table, verb, mode);
        (probe.severity, probe.title) = (Severity::Write, title);
        let rows = format!(
            "(SELECT md5(coalesce(string_agg(hunt_row::text, '|' ORDER BY hunt_row::text), '')) FROM {table} AS hunt_row WHERE {})",
            has(of)
        );
        probe.before = vec![format!("SELECT set_config('chaos.rows', {rows}, true)")];
        probe.attack = vec![attack.to_owned().into()];
        let look = format!("SELECT 'its rows have changed' WHERE current_setting('chaos.rows') <> {rows}");
        probe.oracle = Oracle::Stored { look };
        probe
    };
    let mut all = Vec::new();
    let target = relation.columns.iter().rev().filter(|column| column.updatable && !column.generated && !column.in_key);
    // A text that differs from the seeded one, or nothing would have changed.
    if let Some(column) = target.max_by_key(|column| column.base_type == "text") {
        let known = seeded.rows.iter().filter(|(.., of, _)| *of == Tenant::A).flat_map(|(.., row)| row);
        let seeded_value = known.clone().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone());
        let value = match column.base_type.as_str() {
            "text" | "character varying" => seeded_value.map_or_else(|| "changed".to_owned(), |value| value + "x"),
            _ => of_type(column, Tenant::Shared, 1),
        };
        let sql = format!("UPDATE {table} SET {} = {}", quote(&column.name), literal(&value));
        let [b, a] = [Tenant::B, Tenant::A].map(|of| make("UPDATE", "another tenant's row can be changed", &sql, of));
        all.push((b, Some(a)));
    }
    if relation.deletable {
        let sql = format!("DELETE FROM {table}");
        let [b, a] = [Tenant::B, Tenant::A].map(|of| make("DELETE", "another tenant's row can be deleted", &sql, of));
        all.push((b, Some(a)));
    }
    all
}
