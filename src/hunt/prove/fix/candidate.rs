//! Fixes worth trying for a finding, those first that leave the application every right it has.

use super::Schema;
use super::condition::conditions;
use super::functions::{closed_search_path, quoted, without_ended};
use super::keys::{composite_reference, composite_unique};
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Kind, Policy, Relation};
use crate::hunt::finding::Finding;

/// A finding is tried to fix with at most this many.
const MOST_CANDIDATES: usize = 20;

/// SQL that may mend a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) sql: Vec<String>,
    /// Whether it takes a right from the application: what it could do to the object it need not be able to do then.
    pub(super) takes_right: bool,
}

impl Candidate {
    fn keeps<const N: usize>(sql: [String; N]) -> Self {
        Self { sql: sql.to_vec(), takes_right: false }
    }

    /// Changes nothing.
    pub(super) fn nothing() -> Self {
        Self { sql: vec![], takes_right: false }
    }

    fn takes(sql: String) -> Self {
        Self { sql: vec![sql], takes_right: true }
    }
}

/// The candidates for a finding; `rule` is what a static rule suggests.
pub(super) fn candidates(schema: &Schema<'_>, finding: &Finding, rule: Option<&str>) -> Vec<Candidate> {
    let objects = &schema.catalogue.objects;
    let role = quote(&schema.app.acts_as);
    let mut all: Vec<Candidate> = rule.and_then(executable).into_iter().collect();
    match finding.mode.as_str() {
        "F05" => {
            all.push(Candidate::keeps([format!("ALTER ROLE {} NOSUPERUSER NOBYPASSRLS", quote(&schema.app.name))]))
        }
        "F06" => {
            for (group, member) in &objects.memberships {
                all.push(Candidate::takes(format!("REVOKE {} FROM {}", quote(group), quote(member))));
            }
        }
        "F14" => all.push(Candidate::takes(
            "REVOKE EXECUTE ON FUNCTION pg_catalog.lo_get(oid), pg_catalog.lo_get(oid, bigint, integer), \
             pg_catalog.lo_open(oid, integer) FROM PUBLIC"
                .to_owned(),
        )),
        "F25" => all.extend(without_ended(schema, finding)),
        "F28" => {
            let open = objects.helpers.iter().filter(|helper| helper.open_search_path);
            let sql = open.map(|helper| closed_search_path(&helper.signature, &helper.schema));
            all.push(Candidate { sql: sql.collect(), takes_right: false });
        }
        "F29" => {
            let immutable = objects.helpers.iter().filter(|helper| helper.immutable);
            let sql = immutable.map(|helper| format!("ALTER FUNCTION {} STABLE", helper.signature));
            all.push(Candidate { sql: sql.collect(), takes_right: false });
        }
        "F44" => {
            let function = &finding.object;
            all.push(Candidate::keeps([format!("ALTER FUNCTION {function} SECURITY INVOKER")]));
            all.push(Candidate::takes(format!("REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC, {role}")));
        }
        "F45" => {
            let function = schema.catalogue.functions.iter().find(|function| function.signature == finding.object);
            let sql = function.map(|function| closed_search_path(&function.signature, &function.schema));
            all.push(Candidate { sql: sql.into_iter().collect(), takes_right: false });
        }
        "F60" => {
            let settings = schema.context.setting.iter().map(String::as_str).chain(["role"]);
            let reset = |setting: &str| {
                let parts: Vec<String> = setting.split('.').map(quote).collect();
                format!("ALTER ROLE {} RESET {}", quote(&schema.app.name), parts.join("."))
            };
            all.extend(settings.map(|setting| Candidate::keeps([reset(setting)])));
        }
        "F67" => {
            all.extend(quoted(schema, finding));
            all.push(Candidate::takes(format!("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC, {role}", finding.object)));
        }
        "F46" => {
            for (function, argument) in &objects.leakproof {
                all.push(Candidate::keeps([format!("ALTER FUNCTION {function}({argument}) NOT LEAKPROOF")]));
            }
        }
        "F52" if objects.sequences.iter().any(|sequence| sequence.name == finding.object) => {
            all.push(Candidate::takes(format!("REVOKE ALL ON SEQUENCE {} FROM PUBLIC, {role}", finding.object)));
        }
        "F62" => all.push(Candidate::takes(
            "DO $fix$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $fix$"
                .to_owned(),
        )),
        _ => {}
    }
    let relation = schema.catalogue.relations.iter().find(|(_, relation)| relation.name == finding.object);
    if let Some((id, relation)) = relation {
        all.extend(for_relation(schema, *id, relation, finding));
    }
    all.retain(|candidate| !candidate.sql.is_empty());
    let mut known: Vec<Candidate> = Vec::new();
    for candidate in all {
        if !known.contains(&candidate) {
            known.push(candidate);
        }
    }
    // Rights are taken only where nothing else helps.
    known.sort_by_key(|candidate| candidate.takes_right);
    known.truncate(MOST_CANDIDATES);
    known
}

/// What a rule suggests, unless it is only a remark or leaves something to be filled in.
fn executable(fix: &str) -> Option<Candidate> {
    let sql = fix.split(" --").next().unwrap_or_default().trim();
    let usable = !sql.is_empty() && !sql.starts_with("--") && !sql.contains("/*");
    let statements = sql.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    let takes_right = sql.contains("REVOKE");
    usable.then(|| Candidate { sql: statements.map(str::to_owned).collect(), takes_right })
}

fn for_relation(schema: &Schema<'_>, id: i64, relation: &Relation, finding: &Finding) -> Vec<Candidate> {
    let (name, role, objects) = (&relation.name, quote(&schema.app.acts_as), &schema.catalogue.objects);
    let (command, right) = command(finding.verb.as_deref());
    let mut all = Vec::new();
    match relation.kind {
        Kind::View => {
            let invoker = |name: &str| format!("ALTER VIEW {name} SET (security_invoker = on)");
            all.push(Candidate::keeps([invoker(name)]));
            let below: Vec<String> = views_below(schema, id).iter().map(|view| invoker(view)).collect();
            if !below.is_empty() {
                all.push(Candidate { sql: [vec![invoker(name)], below].concat(), takes_right: false });
            }
            all.push(Candidate::keeps([format!("ALTER VIEW {name} SET (security_barrier = on)")]));
        }
        Kind::Materialized | Kind::Foreign => {}
        Kind::Table | Kind::Partition | Kind::Child if !relation.row_security => {
            let on = [
                format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
                format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"),
            ];
            if relation.policies {
                all.push(Candidate::keeps(on.clone()));
            }
            for condition in conditions(schema, id) {
                let policy =
                    format!("CREATE POLICY tenant_isolation ON {name} USING ({condition}) WITH CHECK ({condition})");
                all.push(Candidate { sql: [on.to_vec(), vec![policy]].concat(), takes_right: false });
            }
        }
        Kind::Table | Kind::Partition | Kind::Child => all.extend(for_policies(schema, id, name, command)),
    }
    match finding.mode.as_str() {
        "F17" => all.extend(floors(schema, id, name)),
        "F53" => {
            let called = objects.definer_triggers.iter().filter(|(table, _)| *table == id);
            all.extend(
                called.map(|(_, function)| Candidate::keeps([format!("ALTER FUNCTION {function} SECURITY INVOKER")])),
            );
        }
        "F47" | "F48" | "F51" => all.extend(composite_reference(schema, id, finding)),
        "F50" => all.extend(composite_unique(schema, id)),
        _ => {}
    }
    all.push(Candidate::takes(format!("REVOKE {right} ON {name} FROM PUBLIC, {role}")));
    all
}

/// The letter of pg_policy, and the right, of what was done.
fn command(verb: Option<&str>) -> (&'static str, &'static str) {
    match verb.unwrap_or("SELECT") {
        "INSERT ON CONFLICT" | "MERGE" => ("w", "UPDATE"),
        verb if verb.starts_with("INSERT") || verb == "COPY FROM" => ("a", "INSERT"),
        verb if verb.starts_with("UPDATE") => ("w", "UPDATE"),
        verb if verb.starts_with("DELETE") => ("d", "DELETE"),
        "TRUNCATE" => ("t", "TRUNCATE"),
        _ => ("r", "SELECT"),
    }
}

/// Changes of a table's policies: the newest are suspected first.
fn for_policies(schema: &Schema<'_>, id: i64, name: &str, command: &str) -> Vec<Candidate> {
    let mut all = vec![Candidate::keeps([format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY")])];
    let mut policies: Vec<&Policy> = schema.catalogue.objects.permissive(id, command);
    policies.reverse();
    for policy in &policies {
        let policy_name = quote(&policy.name);
        if let (Some(using), "*", true) = (&policy.using, policy.command.as_str(), command != "r" && policies.len() > 1)
        {
            all.push(Candidate::keeps([
                format!("DROP POLICY {policy_name} ON {name}"),
                format!("CREATE POLICY {policy_name} ON {name} FOR SELECT USING ({using})"),
            ]));
        }
        if let (Some(using), Some(check)) = (&policy.using, &policy.check)
            && using != check
        {
            all.push(Candidate::keeps([format!("ALTER POLICY {policy_name} ON {name} WITH CHECK ({using})")]));
        }
        if policies.len() > 1 {
            all.push(Candidate::keeps([format!("DROP POLICY {policy_name} ON {name}")]));
        }
    }
    let conditions = conditions(schema, id);
    for policy in &policies {
        for condition in &conditions {
            let clauses = match policy.command.as_str() {
                "r" | "d" => format!("USING ({condition})"),
                "a" => format!("WITH CHECK ({condition})"),
                _ => format!("USING ({condition}) WITH CHECK ({condition})"),
            };
            all.push(Candidate::keeps([format!("ALTER POLICY {} ON {name} {clauses}", quote(&policy.name))]));
        }
    }
    all.extend(conditions.iter().map(|condition| {
        Candidate::keeps([format!(
            "CREATE POLICY tenant_floor ON {name} AS RESTRICTIVE USING ({condition}) WITH CHECK ({condition})"
        )])
    }));
    all
}

/// Restrictive policies that ask for the tenant.
fn floors(schema: &Schema<'_>, id: i64, name: &str) -> Vec<Candidate> {
    let policies = schema.catalogue.objects.restrictive(id, "r");
    let mut all = Vec::new();
    for condition in &conditions(schema, id) {
        for policy in &policies {
            let check = if policy.command == "r" { String::new() } else { format!(" WITH CHECK ({condition})") };
            let sql = format!("ALTER POLICY {} ON {name} USING ({condition}){check}", quote(&policy.name));
            all.push(Candidate::keeps([sql]));
        }
    }
    all
}

/// The views that a view reads, through others too.
fn views_below(schema: &Schema<'_>, id: i64) -> Vec<String> {
    let (mut found, mut waiting) = (Vec::new(), vec![id]);
    while let Some(at) = waiting.pop() {
        for (_, below) in schema.catalogue.objects.view_reads.iter().filter(|(view, _)| *view == at) {
            let Some(relation) = schema.catalogue.relations.get(below) else { continue };
            if relation.kind == Kind::View && !found.contains(&relation.name) {
                found.push(relation.name.clone());
                waiting.push(*below);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remarks and what is left to be filled in are not tried; a remark after a statement does no harm.
    #[test]
    fn only_whole_statements_are_tried() {
        assert_eq!(executable("-- decide"), None);
        assert_eq!(executable("ALTER POLICY p ON t WITH CHECK (/* the tenant's condition */);"), None);
        let fix = executable("REVOKE a FROM b; -- or from the role between them").unwrap();
        assert_eq!((fix.sql, fix.takes_right), (vec!["REVOKE a FROM b".to_owned()], true));
    }
}
