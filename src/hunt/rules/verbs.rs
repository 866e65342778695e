//! Commands that a policy does not check, or checks less than reading.

use super::{Rule, rule};
use crate::hunt::finding::Severity::Write;

pub(super) const RULES: &[Rule] = &[
    rule!(
        "F34",
        Write,
        "a policy lets everybody insert rows of every tenant",
        "SELECT p.name, format('policy %I: WITH CHECK (true)', policy), \
         format('ALTER POLICY %I ON %s WITH CHECK (/* the tenant''s condition */);', policy, p.name) \
         FROM pol p JOIN rel ON rel.oid = p.relid \
         WHERE permissive AND open ~ 'a' AND coalesce(checks, qual) = 'true' AND insertable"
    ),
    rule!(
        "F35",
        Write,
        "a policy lets rows move to another tenant",
        "SELECT p.name, format('policy %I: WITH CHECK (true)', policy), \
         format('ALTER POLICY %I ON %s WITH CHECK (/* the tenant''s condition */);', policy, p.name) \
         FROM pol p JOIN rel ON rel.oid = p.relid \
         WHERE permissive AND open ~ 'm' AND checks = 'true' AND qual <> 'true' AND updatable"
    ),
    rule!(
        "F36",
        Write,
        "a policy lets everybody change rows of every tenant",
        "SELECT p.name, format('policy %I: USING (true)', policy), \
         format('ALTER POLICY %I ON %s USING (/* the tenant''s condition */);', policy, p.name) \
         FROM pol p JOIN rel ON rel.oid = p.relid WHERE permissive AND qual = 'true' \
         AND (open ~ 'w' AND updatable OR open ~ 'd' AND deletable)"
    ),
    rule!(
        "F37",
        Write,
        "a policy for all commands opens rows for writing without asking for the tenant",
        "SELECT p.name, format('policy %I: %s', policy, qual), \
         format('-- recreate policy %I on %s FOR SELECT', policy, p.name) FROM pol p JOIN rel ON rel.oid = p.relid \
         WHERE permissive AND cmd = '*' AND cardinality(columns) > 0 AND NOT columns && $2::text[] \
         AND NOT looks_elsewhere AND body !~* 'current_setting|current_user|session_user|select' \
         AND (open ~ 'w' AND updatable OR open ~ 'd' AND deletable OR open ~ 'a' AND insertable)"
    ),
    rule!(
        "F39",
        Write,
        "the application may TRUNCATE a table of all tenants",
        "SELECT name, 'TRUNCATE obeys no policy', format('REVOKE TRUNCATE ON %s FROM %I, PUBLIC;', name, $1::text) \
         FROM rel, me WHERE rls AND kind IN ('r', 'p') AND has_table_privilege(me.oid, rel.oid, 'TRUNCATE')"
    ),
];
