//! What a policy's condition lets through.

use super::{Rule, rule};
use crate::hunt::finding::Severity::{Availability, Drift, Leak};

pub(super) const RULES: &[Rule] = &[
    rule!(
        "F15",
        Leak,
        "a policy lets everybody read every row",
        "SELECT name, format('policy %I: USING (true)', policy), format('DROP POLICY %I ON %s;', policy, name) \
         FROM pol WHERE permissive AND open ~ 'r' AND qual = 'true'"
    ),
    rule!(
        "F16",
        Leak,
        "a further permissive policy opens rows without asking for the tenant",
        "SELECT p.name, format('policy %I: %s', p.policy, p.qual), format('DROP POLICY %I ON %s; -- or AS RESTRICTIVE', \
         p.policy, p.name) FROM pol p WHERE p.permissive AND p.open ~ 'r' AND cardinality(p.columns) > 0 \
         AND NOT p.looks_elsewhere AND p.body !~* 'current_setting|current_user|session_user|select' \
         AND EXISTS (SELECT FROM pol o WHERE o.relid = p.relid AND o.oid <> p.oid AND o.permissive \
                     AND o.cmd IN ('*', p.cmd))"
    ),
    rule!(
        "F17",
        Drift,
        "a restrictive policy restricts nothing",
        "SELECT name, format('policy %I', policy), format('DROP POLICY %I ON %s; -- or give it a condition', policy, name) \
         FROM pol WHERE NOT permissive AND coalesce(qual, 'true') = 'true' AND coalesce(checks, 'true') = 'true'"
    ),
    rule!(
        "F19",
        Leak,
        "rows without a tenant belong to everybody",
        "SELECT p.name, format('policy %I, column %I may be NULL', p.policy, a.attname), \
         format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', p.name, a.attname) FROM pol p \
         JOIN pg_attribute a ON a.attrelid = p.relid AND a.attname = ANY ($2::text[]) AND NOT a.attnotnull \
         WHERE p.permissive AND p.open <> '' \
         AND p.body ~ ('(^|[^\\w\"])' || regexp_replace(quote_ident(a.attname), '(\\W)', '\\\\\\1', 'g') || ' IS NULL')"
    ),
    rule!(
        "F21",
        Leak,
        "a policy compares a column with itself",
        "SELECT name, format('policy %I: %s', policy, m[1]), \
         '-- qualify the outer column with its table''s name' \
         FROM pol, LATERAL regexp_matches(body, '\\((((?:\\w+|\"[^\"]+\")\\.(?:\\w+|\"[^\"]+\")) = \\2)\\)', 'g') m \
         WHERE permissive AND open <> ''"
    ),
    rule!(
        "F23",
        Leak,
        "a policy does not look at the row",
        "SELECT name, format('policy %I: %s', policy, qual), format('DROP POLICY %I ON %s; -- or compare a column', \
         policy, name) FROM pol WHERE permissive AND open ~ 'r' AND cardinality(columns) = 0 \
         AND qual IS NOT NULL AND qual NOT IN ('true', 'false') AND qual !~* '(current|session)_user[^,)]* = '"
    ),
    rule!(
        "F24",
        Leak,
        "a policy matches the tenant by pattern",
        "SELECT name, format('policy %I: %s', policy, body), '-- compare with =' FROM pol \
         WHERE permissive AND open <> '' AND body ~* '(~~\\*?|\\^@| ~\\*?) [^=]*(current_setting|current_user)'"
    ),
    rule!(
        "F25",
        Drift,
        "a policy believes memberships and does not ask whether they still hold",
        "SELECT DISTINCT t.name, format('no policy or function of one reads %I', a.attname), format('-- add a condition on %I to what reads %s', a.attname, t.name) \
         FROM rel t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
         AND a.attname ~ '^(is_)?(revoked|deleted|removed|disabled|suspended|expires|expired|left|ended|archived|status|state|active|accepted|confirmed|pending)(_at|_on)?$' \
         WHERE EXISTS (SELECT FROM believed b WHERE b.oid = t.oid) AND NOT EXISTS (SELECT FROM text WHERE s ~ ('\\m' || a.attname || '\\M'))"
    ),
    rule!(
        "F26",
        Leak,
        "a policy trusts a claim that the user can edit",
        "SELECT name, format('policy %I: user_metadata', policy), '-- read app_metadata or a membership table' \
         FROM pol WHERE permissive AND open <> '' AND body ~ 'user_metadata'"
    ),
    rule!(
        "F27",
        Leak,
        "the application can write the memberships that a policy believes",
        "SELECT DISTINCT t.name, format('policy %I of %s reads it', p.policy, p.name), format('REVOKE INSERT, UPDATE ON %s FROM %I;', t.name, $1::text) \
         FROM pol p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass \
         AND d.refobjid <> p.relid JOIN rel t ON t.oid = d.refobjid JOIN rel r ON r.oid = p.relid \
         WHERE p.permissive AND p.open ~ 'r' AND t.rls AND t.insertable AND p.qual ~* '(exists|any|in) *\\(' \
         AND (NOT r.has_tid AND NOT EXISTS (SELECT FROM pol o WHERE o.relid = t.oid AND o.cmd IN ('a', '*') AND o.columns <@ p.columns AND NOT o.columns && $2::text[]) \
         OR EXISTS (SELECT FROM pol o WHERE o.relid = t.oid AND o.permissive AND o.cmd = 'a' AND NOT o.columns && $2::text[])) \
         UNION SELECT t.name, 'a function that policies call reads it', format('REVOKE INSERT, UPDATE ON %s FROM %I;', t.name, $1::text) \
         FROM believed b JOIN rel t ON t.oid = b.oid WHERE t.rls AND t.insertable \
         AND EXISTS (SELECT FROM pol o WHERE o.relid = t.oid AND o.permissive AND o.cmd = 'a' AND NOT o.columns && $2::text[])"
    ),
    rule!(
        "F28",
        Leak,
        "a policy believes what the application can write: an unprotected table, or one that a temporary table stands in for",
        "SELECT DISTINCT p.name, format('policy %I reads %s', p.policy, t.name), \
         format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; -- and policies', t.name) FROM pol p \
         JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass \
         AND d.refobjid <> p.relid JOIN rel t ON t.oid = d.refobjid \
         WHERE p.permissive AND p.open <> '' AND NOT t.rls AND (t.insertable OR t.updatable) \
         UNION SELECT p.oid::regprocedure::text, format('reads %s, for which a temporary table can stand in', t.name), \
         format('ALTER FUNCTION %s SET search_path = %I, pg_temp;', p.oid::regprocedure, n.nspname) \
         FROM called JOIN pg_proc p ON p.oid = called.oid JOIN pg_namespace n ON n.oid = p.pronamespace \
         JOIN rel t ON t.kind IN ('r', 'p', 'v') \
         WHERE n.nspname !~ '^(pg_|information_schema)' AND has_database_privilege($1::text, current_database(), 'TEMPORARY') \
         AND p.prosrc ~* ('\\m(from|join)\\s+\"?' || t.escaped || '($|\\W)') \
         AND NOT coalesce((SELECT x ~ 'pg_temp\"?\\s*$' OR x = 'search_path=\"\"' FROM unnest(p.proconfig) x \
         WHERE x LIKE 'search_path=%'), false)"
    ),
    rule!(
        "F29",
        Leak,
        "a function of a policy says IMMUTABLE and reads the session",
        "SELECT DISTINCT p.oid::regprocedure::text, 'a cached plan keeps the first tenant''s value', \
         format('ALTER FUNCTION %s STABLE;', p.oid::regprocedure) FROM pol JOIN pg_depend d \
         ON d.classid = 'pg_policy'::regclass AND d.objid = pol.oid AND d.refclassid = 'pg_proc'::regclass \
         JOIN pg_proc p ON p.oid = d.refobjid WHERE p.provolatile = 'i' \
         AND p.prosrc ~* 'current_setting|current_user|session_user' AND p.pronamespace <> 'pg_catalog'::regnamespace"
    ),
    rule!(
        "F31",
        Availability,
        "policies are for other roles, so that the application sees nothing",
        "SELECT rel.name, (SELECT format('policy %I is for %s', p.polname, (SELECT string_agg(g::regrole::text, ', ') FROM unnest(p.polroles) g)) \
         FROM pg_policy p WHERE p.polrelid = rel.oid ORDER BY p.oid LIMIT 1), format('ALTER POLICY ... ON %s TO %I;', rel.name, $1::text) \
         FROM rel WHERE rls AND kind IN ('r', 'p') AND readable AND EXISTS (SELECT FROM pg_policy WHERE polrelid = rel.oid) \
         AND NOT EXISTS (SELECT FROM pol WHERE pol.relid = rel.oid AND permissive) \
         UNION ALL SELECT p.name, format('policy %I compares the database''s role, which all tenants share', p.policy), '-- compare the setting that other policies read' \
         FROM pol p WHERE p.body ~* '(current|session)_user' AND p.body !~ 'current_setting' AND NOT EXISTS (SELECT FROM me, login WHERE me.oid <> login.oid) \
         AND EXISTS (SELECT FROM pol o WHERE o.oid <> p.oid AND o.body ~ 'current_setting')"
    ),
    rule!(
        "F32",
        Leak,
        "a policy names one tenant",
        "SELECT name, format('policy %I: %s', policy, m[1]), '-- leave out the literal' FROM pol, \
         LATERAL regexp_matches(body, format('\\(((?:%s) = (?:''[^'']*''::\\w+|\\d+))\\)', \
         (SELECT string_agg(regexp_replace(quote_ident(c), '(\\W)', '\\\\\\1', 'g'), '|') FROM unnest($2::text[]) c)), 'g') m \
         WHERE permissive AND open <> ''"
    ),
    rule!(
        "F33",
        Availability,
        "a policy reads its own table, which ends in infinite recursion",
        "SELECT p.name, format('policy %I: %s', p.policy, p.body), '-- read it in a SECURITY DEFINER function with a search_path of its own' \
         FROM pol p JOIN pg_class c ON c.oid = p.relid \
         WHERE p.body ~ ('(FROM|JOIN) \\(*([a-z_0-9]+\\.)?' || regexp_replace(quote_ident(c.relname), '\\W', '.', 'g') || '( |\\))')"
    ),
];
