//! The rules of the static audit: one catalogue query per failure mode.
//!
//! Each query gives (object, evidence, fix) over the relations of [`PRELUDE`]; `$1` is the role whose rights requests
//! have, `$2` the names that tenant columns have, `$3` the role that the application connects as, `$4` the commands that
//! restrictive policies hold to the tenant (floors.rs). A rule of severity `leak` or `write` must not hit a schema that
//! isolates: what the catalogue cannot decide is left to a probe.

mod ask;
mod atom;
mod coverage;
mod floors;
mod keys;
mod lifecycle;
mod names;
mod objects;
mod open_branches;
mod policies;
mod predicate;
mod verbs;
mod version;

pub(super) use ask::Scope;
pub(super) use names::near_duplicates;
pub(super) use policies::of_policies;
pub(super) use version::holes;

use super::finding::Severity;

/// One rule.
pub(in crate::hunt) struct Rule {
    pub(in crate::hunt) mode: &'static str,
    pub(in crate::hunt) severity: Severity,
    pub(in crate::hunt) title: &'static str,
    /// Follows [`PRELUDE`].
    pub(in crate::hunt) query: &'static str,
}

/// All rules, by mode.
pub(in crate::hunt) fn rules() -> impl Iterator<Item = &'static Rule> {
    [coverage::RULES, predicate::RULES, verbs::RULES, objects::RULES, keys::RULES, lifecycle::RULES]
        .into_iter()
        .flatten()
}

/// What the rules are written over: the role, user relations, policies, and foreign keys from table to table.
pub(in crate::hunt) const PRELUDE: &str = r#"
WITH RECURSIVE me AS (
    SELECT oid, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1::text
), login AS (
    SELECT oid, rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $3::text
), rel AS (
    SELECT c.oid, c.oid::regclass::text AS name, c.relkind AS kind, c.relowner AS owner, c.relrowsecurity AS rls,
           c.relforcerowsecurity AS forced, c.reloptions AS options,
           -- Matches its name in the source of a function.
           '(^|\W)' || e.escaped || '($|\W)' AS named, e.escaped,
           has_any_column_privilege(me.oid, c.oid, 'SELECT') AS readable,
           has_any_column_privilege(me.oid, c.oid, 'INSERT') AS insertable,
           has_any_column_privilege(me.oid, c.oid, 'UPDATE') AS updatable,
           has_table_privilege(me.oid, c.oid, 'DELETE') AS deletable,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND a.attname = ANY ($2::text[])) AS has_tid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN me
    -- A name may hold what has a meaning in a regular expression.
    CROSS JOIN LATERAL (SELECT regexp_replace(replace(c.relname::text, '"', '""'), '(\W)', '\\\1', 'g') AS escaped) e
    WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), floor AS (
    SELECT left(f, -1)::oid AS relid, string_agg(right(f, 1), '') AS commands FROM unnest($4::text[]) f GROUP BY 1
), pol AS (
    SELECT p.oid, p.polrelid AS relid, r.name, p.polname AS policy, p.polcmd AS cmd, p.polpermissive AS permissive,
           pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck, p.polrelid) AS checks,
           concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS body,
           ARRAY(SELECT a.attname::text FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid
                 AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                 AND d.refobjid = p.polrelid AND d.refobjsubid > 0) AS columns,
           EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                   AND (d.refclassid = 'pg_proc'::regclass
                        OR d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid)) AS looks_elsewhere,
           -- Its commands that no restrictive policy holds to the tenant; `m` is the new row of an UPDATE.
           translate(CASE p.polcmd WHEN '*' THEN 'rawmd' WHEN 'w' THEN 'wm' ELSE p.polcmd::text END,
                     coalesce(f.commands, ''), '') AS open
    FROM pg_policy p JOIN rel r ON r.oid = p.polrelid LEFT JOIN floor f ON f.relid = p.polrelid CROSS JOIN me
    WHERE p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) g WHERE pg_has_role(me.oid, g, 'USAGE'))
), fk AS (
    SELECT con.oid, con.conname, con.conrelid AS child, con.confrelid AS parent, con.confdeltype AS on_delete,
           con.confupdtype AS on_update,
           EXISTS (SELECT FROM unnest(con.conkey) k JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k
                   WHERE a.attname = ANY ($2::text[])) AS has_tid
    FROM pg_constraint con WHERE con.contype = 'f' AND con.conparentid = 0
), below AS (
    SELECT fk.child FROM fk JOIN rel ON rel.oid = fk.parent WHERE rel.rls AND rel.oid <> fk.child
    UNION SELECT fk.child FROM below JOIN fk ON fk.parent = below.child
), called (oid) AS (
    SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass
    UNION SELECT q.oid FROM called JOIN pg_proc p ON p.oid = called.oid
    JOIN pg_proc q ON q.pronamespace <> 'pg_catalog'::regnamespace AND p.prosrc ~* ('(^|\W)' || regexp_replace(q.proname::text, '(\W)', '\\\1', 'g') || '"?\s*\(')
), text AS (
    SELECT body AS s FROM pol UNION ALL SELECT p.prosrc FROM called JOIN pg_proc p ON p.oid = called.oid
), believed AS (
    SELECT d.refobjid AS oid FROM pg_depend d JOIN pg_policy p ON p.oid = d.objid WHERE d.classid = 'pg_policy'::regclass
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid
    UNION SELECT c.oid FROM called JOIN pg_proc p ON p.oid = called.oid JOIN rel c ON c.kind IN ('r', 'p') AND p.prosrc ~ c.named
)
"#;

macro_rules! rule {
    ($mode:literal, $severity:ident, $title:literal, $query:literal) => {
        Rule { mode: $mode, severity: $severity, title: $title, query: $query }
    };
}
use rule;
