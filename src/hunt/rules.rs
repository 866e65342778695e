//! The rules of the static audit: one catalogue query per failure mode.
//!
//! Each query gives (object, evidence, fix) over the relations of [`PRELUDE`]; `$1` is the role whose rights requests
//! have, `$2` the names that tenant columns have, `$3` the role that the application connects as. A rule of severity `leak` or `write` must not hit a schema that isolates: what
//! the catalogue cannot decide is left to a probe.

use super::finding::Severity::{self, Covert, Drift, Leak, Write};

/// One rule.
pub(super) struct Rule {
    pub(super) mode: &'static str,
    pub(super) severity: Severity,
    pub(super) title: &'static str,
    /// Follows [`PRELUDE`].
    pub(super) query: &'static str,
}

/// What the rules are written over: the role, user relations, policies, and foreign keys from table to table.
pub(super) const PRELUDE: &str = r"
WITH RECURSIVE me AS (
    SELECT oid, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1::text
), login AS (
    SELECT oid, rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $3::text
), rel AS (
    SELECT c.oid, c.oid::regclass::text AS name, c.relkind AS kind, c.relowner AS owner, c.relrowsecurity AS rls,
           c.relforcerowsecurity AS forced, c.reloptions AS options,
           has_any_column_privilege(me.oid, c.oid, 'SELECT') AS readable,
           has_any_column_privilege(me.oid, c.oid, 'INSERT') AS insertable,
           has_any_column_privilege(me.oid, c.oid, 'UPDATE') AS updatable,
           has_table_privilege(me.oid, c.oid, 'DELETE') AS deletable,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND a.attname = ANY ($2::text[])) AS has_tid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN me
    WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), pol AS (
    SELECT p.oid, p.polrelid AS relid, r.name, p.polname AS policy, p.polcmd AS cmd, p.polpermissive AS permissive,
           pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck, p.polrelid) AS checks,
           concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS body,
           ARRAY(SELECT a.attname::text FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid
                 AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                 AND d.refobjid = p.polrelid AND d.refobjsubid > 0) AS columns,
           EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                   AND (d.refclassid = 'pg_proc'::regclass
                        OR d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid)) AS looks_elsewhere
    FROM pg_policy p JOIN rel r ON r.oid = p.polrelid CROSS JOIN me
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
)
";

macro_rules! rule {
    ($mode:literal, $severity:ident, $title:literal, $query:literal) => {
        Rule { mode: $mode, severity: $severity, title: $title, query: $query }
    };
}

/// All rules, by mode.
pub(super) const RULES: &[Rule] = &[
    rule!(
        "F01",
        Leak,
        "a table with a tenant column has no row security",
        "SELECT name, 'row security is off, no policy, and the role has rights on it', \
         format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; ALTER TABLE %1$s FORCE ROW LEVEL SECURITY; \
         -- and a policy on its tenant column', name) \
         FROM rel WHERE kind IN ('r', 'p') AND NOT rls AND has_tid AND (readable OR insertable OR updatable OR deletable) \
         AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = rel.oid) \
         AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = rel.oid)"
    ),
    rule!(
        "F02",
        Leak,
        "policies exist and row security is off",
        "SELECT DISTINCT name, 'its policies do nothing', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', name) \
         FROM rel WHERE NOT rls AND (readable OR insertable OR updatable OR deletable) \
         AND EXISTS (SELECT FROM pg_policy WHERE polrelid = rel.oid)"
    ),
    rule!(
        "F03",
        Leak,
        "the application acts as the table's owner and row security is not forced",
        "SELECT name, format('owner %s', owner::regrole), format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', name) \
         FROM rel, me WHERE rls AND NOT forced AND NOT (me.rolsuper OR me.rolbypassrls) \
         AND pg_has_role(me.oid, owner, 'USAGE')"
    ),
    rule!(
        "F05",
        Leak,
        "the application's role is exempt from row security",
        "SELECT rolname::text, CASE WHEN rolsuper THEN 'superuser' ELSE 'BYPASSRLS' END, \
         format('ALTER ROLE %I %s NOBYPASSRLS;', rolname, CASE WHEN rolsuper THEN 'NOSUPERUSER' ELSE '' END) \
         FROM pg_roles WHERE rolname IN ($1::text, $3::text) AND (rolsuper OR rolbypassrls)"
    ),
    rule!(
        "F06",
        Leak,
        "the application can SET ROLE to a role that is exempt from row security",
        ", member AS (SELECT a.roleid FROM pg_auth_members a JOIN login ON login.oid = a.member \
         UNION SELECT a.roleid FROM member JOIN pg_auth_members a ON a.member = member.roleid) \
         SELECT r.rolname::text, CASE WHEN r.rolsuper THEN 'superuser' ELSE 'BYPASSRLS' END, \
         format('REVOKE %I FROM %I; -- or from the role between them', r.rolname, $3::text) \
         FROM member JOIN pg_roles r ON r.oid = member.roleid CROSS JOIN login \
         WHERE (r.rolsuper OR r.rolbypassrls) AND NOT login.rolsuper"
    ),
    rule!(
        "F07",
        Leak,
        "a table that belongs to tenants through a foreign key has no row security",
        "SELECT name, 'a foreign key leads to a table with row security', \
         format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; -- and a policy through its parent', name) \
         FROM rel WHERE kind IN ('r', 'p') AND NOT rls AND NOT has_tid AND (readable OR insertable OR updatable OR deletable) \
         AND oid IN (SELECT child FROM below) AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = rel.oid)"
    ),
    rule!(
        "F09",
        Leak,
        "a partition can be reached past its parent's policies",
        ", up AS (SELECT inhrelid AS child, inhparent AS parent FROM pg_inherits \
         UNION SELECT up.child, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.parent) \
         SELECT DISTINCT c.name, format('parent %s', p.name), format('REVOKE ALL ON %s FROM %I;', c.name, $1::text) \
         FROM up JOIN rel c ON c.oid = up.child JOIN rel p ON p.oid = up.parent JOIN pg_class k ON k.oid = c.oid \
         WHERE p.rls AND NOT c.rls AND k.relispartition AND (c.readable OR c.insertable OR c.updatable OR c.deletable)"
    ),
    rule!(
        "F10",
        Leak,
        "an inheritance child can be reached past its parent's policies",
        ", up AS (SELECT inhrelid AS child, inhparent AS parent FROM pg_inherits \
         UNION SELECT up.child, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.parent) \
         SELECT DISTINCT c.name, format('parent %s', p.name), format('REVOKE ALL ON %s FROM %I;', c.name, $1::text) \
         FROM up JOIN rel c ON c.oid = up.child JOIN rel p ON p.oid = up.parent JOIN pg_class k ON k.oid = c.oid \
         WHERE p.rls AND NOT c.rls AND NOT k.relispartition AND (c.readable OR c.insertable OR c.updatable OR c.deletable)"
    ),
    rule!(
        "F12",
        Leak,
        "a materialised view holds rows of a table with row security",
        "SELECT DISTINCT v.name, format('reads %s', t.name), format('REVOKE ALL ON %s FROM %I;', v.name, $1::text) \
         FROM rel v JOIN pg_rewrite w ON w.ev_class = v.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass \
         AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass JOIN rel t ON t.oid = d.refobjid AND t.rls \
         WHERE v.kind = 'm' AND v.readable"
    ),
    rule!(
        "F13",
        Drift,
        "a trigger with its owner's rights copies or changes rows of a table with row security",
        "SELECT DISTINCT rel.name, format('trigger %I calls %s', t.tgname, p.oid::regprocedure), \
         '-- check that what it writes is under row security too' \
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN rel ON rel.oid = t.tgrelid \
         WHERE NOT t.tgisinternal AND p.prosecdef AND rel.rls"
    ),
    rule!(
        "F15",
        Leak,
        "a policy lets everybody read every row",
        "SELECT name, format('policy %I: USING (true)', policy), format('DROP POLICY %I ON %s;', policy, name) \
         FROM pol WHERE permissive AND cmd IN ('*', 'r') AND qual = 'true'"
    ),
    rule!(
        "F16",
        Leak,
        "a further permissive policy opens rows without asking for the tenant",
        "SELECT p.name, format('policy %I: %s', p.policy, p.qual), format('DROP POLICY %I ON %s; -- or AS RESTRICTIVE', \
         p.policy, p.name) FROM pol p WHERE p.permissive AND p.cmd IN ('*', 'r') AND cardinality(p.columns) > 0 \
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
        "F18",
        Leak,
        "a policy lets everything through where there is no tenant",
        "SELECT name, format('policy %I: %s', policy, body), \
         '-- leave out the branch for an empty or missing context; use a role of its own for jobs' FROM pol \
         WHERE permissive AND body ~* '(current_setting\\([^)]*\\)[^=<>]{0,40}(is null|= ''''))|(coalesce\\([^)]*current_setting.*?= '''')|(uid\\(\\)\\)? is null)'"
    ),
    rule!(
        "F19",
        Leak,
        "rows without a tenant belong to everybody",
        "SELECT p.name, format('policy %I, column %I may be NULL', p.policy, a.attname), \
         format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', p.name, a.attname) FROM pol p \
         JOIN pg_attribute a ON a.attrelid = p.relid AND a.attname = ANY ($2::text[]) AND NOT a.attnotnull \
         WHERE p.permissive AND p.body ~ (a.attname || ' IS NULL')"
    ),
    rule!(
        "F20",
        Leak,
        "a setting that any client can set switches a policy off",
        "SELECT name, format('policy %I: setting %s', policy, m[1]), format('DROP POLICY %I ON %s;', policy, name) \
         FROM pol, LATERAL regexp_matches(body, \
         'current_setting\\(''([^'']+)''[^()]*\\)\\)?(?:::\\w+)? = (?:''[^'']+''|true)', 'g') m WHERE permissive"
    ),
    rule!(
        "F21",
        Leak,
        "a policy compares a column with itself",
        "SELECT name, format('policy %I: %s', policy, m[1]), \
         '-- qualify the outer column with its table''s name' \
         FROM pol, LATERAL regexp_matches(body, '\\((([a-z_0-9]+\\.[a-z_0-9]+) = \\2)\\)', 'g') m WHERE permissive"
    ),
    rule!(
        "F23",
        Leak,
        "a policy does not look at the row",
        "SELECT name, format('policy %I: %s', policy, qual), format('DROP POLICY %I ON %s; -- or compare a column', \
         policy, name) FROM pol WHERE permissive AND cmd IN ('*', 'r') AND cardinality(columns) = 0 \
         AND qual IS NOT NULL AND qual NOT IN ('true', 'false') AND qual !~* '(current|session)_user[^,)]* = '"
    ),
    rule!(
        "F24",
        Leak,
        "a policy matches the tenant by pattern",
        "SELECT name, format('policy %I: %s', policy, body), '-- compare with =' FROM pol \
         WHERE permissive AND body ~ '(~~\\*?|\\^@| ~\\*?) [^=]*current_setting'"
    ),
    rule!(
        "F26",
        Leak,
        "a policy trusts a claim that the user can edit",
        "SELECT name, format('policy %I: user_metadata', policy), '-- read app_metadata or a membership table' \
         FROM pol WHERE permissive AND body ~ 'user_metadata'"
    ),
    rule!(
        "F28",
        Leak,
        "a policy believes a table that the application can write and no policy protects",
        "SELECT DISTINCT p.name, format('policy %I reads %s', p.policy, t.name), \
         format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; -- and policies', t.name) FROM pol p \
         JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass \
         AND d.refobjid <> p.relid JOIN rel t ON t.oid = d.refobjid \
         WHERE p.permissive AND NOT t.rls AND (t.insertable OR t.updatable)"
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
        "F32",
        Leak,
        "a policy names one tenant",
        "SELECT name, format('policy %I: %s', policy, m[1]), '-- leave out the literal' FROM pol, \
         LATERAL regexp_matches(body, format('\\(((?:%s) = (?:''[^'']*''::\\w+|\\d+))\\)', array_to_string($2::text[], '|')), 'g') m \
         WHERE permissive"
    ),
    rule!(
        "F34",
        Write,
        "a policy lets everybody insert rows of every tenant",
        "SELECT p.name, format('policy %I: WITH CHECK (true)', policy), \
         format('ALTER POLICY %I ON %s WITH CHECK (/* the tenant''s condition */);', policy, p.name) \
         FROM pol p JOIN rel ON rel.oid = p.relid \
         WHERE permissive AND (cmd = 'a' OR cmd = '*') AND coalesce(checks, qual) = 'true' AND insertable"
    ),
    rule!(
        "F35",
        Write,
        "a policy lets rows move to another tenant",
        "SELECT p.name, format('policy %I: WITH CHECK (true)', policy), \
         format('ALTER POLICY %I ON %s WITH CHECK (/* the tenant''s condition */);', policy, p.name) \
         FROM pol p JOIN rel ON rel.oid = p.relid \
         WHERE permissive AND cmd IN ('w', '*') AND checks = 'true' AND qual <> 'true' AND updatable"
    ),
    rule!(
        "F36",
        Write,
        "a policy lets everybody change rows of every tenant",
        "SELECT p.name, format('policy %I: USING (true)', policy), \
         format('ALTER POLICY %I ON %s USING (/* the tenant''s condition */);', policy, p.name) \
         FROM pol p JOIN rel ON rel.oid = p.relid WHERE permissive AND qual = 'true' \
         AND (cmd IN ('w', '*') AND updatable OR cmd IN ('d', '*') AND deletable)"
    ),
    rule!(
        "F37",
        Write,
        "a policy for all commands opens rows for writing without asking for the tenant",
        "SELECT p.name, format('policy %I: %s', policy, qual), \
         format('-- recreate policy %I on %s FOR SELECT', policy, p.name) FROM pol p JOIN rel ON rel.oid = p.relid \
         WHERE permissive AND cmd = '*' AND cardinality(columns) > 0 AND NOT columns && $2::text[] \
         AND NOT looks_elsewhere AND body !~* 'current_setting|current_user|session_user|select' \
         AND (updatable OR deletable OR insertable)"
    ),
    rule!(
        "F39",
        Write,
        "the application may TRUNCATE a table of all tenants",
        "SELECT name, 'TRUNCATE obeys no policy', format('REVOKE TRUNCATE ON %s FROM %I, PUBLIC;', name, $1::text) \
         FROM rel, me WHERE rls AND kind IN ('r', 'p') AND has_table_privilege(me.oid, rel.oid, 'TRUNCATE')"
    ),
    rule!(
        "F41",
        Leak,
        "a view reads past the policies with its owner's rights",
        "SELECT DISTINCT v.name, format('owner %s is exempt on %s', v.owner::regrole, t.name), \
         format('ALTER VIEW %s SET (security_invoker = on);', v.name) FROM rel v \
         JOIN pg_rewrite w ON w.ev_class = v.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid \
         AND d.refclassid = 'pg_class'::regclass JOIN rel t ON t.oid = d.refobjid AND t.rls JOIN pg_roles o ON o.oid = v.owner \
         WHERE v.kind = 'v' AND v.readable AND pg_get_viewdef(v.oid) !~* 'current_setting|current_user' \
         AND NOT coalesce((SELECT option_value::bool FROM pg_options_to_table(v.options) WHERE option_name = 'security_invoker'), false) \
         AND (o.rolsuper OR o.rolbypassrls OR pg_has_role(v.owner, t.owner, 'USAGE') AND NOT t.forced)"
    ),
    rule!(
        "F43",
        Leak,
        "a view filters by tenant with its owner's rights and without a security barrier",
        "SELECT DISTINCT v.name, format('owner %s is exempt on %s', v.owner::regrole, t.name), \
         format('ALTER VIEW %s SET (security_invoker = on); -- or security_barrier', v.name) FROM rel v \
         JOIN pg_rewrite w ON w.ev_class = v.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid \
         AND d.refclassid = 'pg_class'::regclass JOIN rel t ON t.oid = d.refobjid AND t.rls JOIN pg_roles o ON o.oid = v.owner \
         WHERE v.kind = 'v' AND v.readable AND pg_get_viewdef(v.oid) ~* 'current_setting|current_user' AND NOT EXISTS \
         (SELECT FROM pg_options_to_table(v.options) WHERE option_name IN ('security_invoker', 'security_barrier') AND option_value::bool) \
         AND (o.rolsuper OR o.rolbypassrls OR pg_has_role(v.owner, t.owner, 'USAGE') AND NOT t.forced)"
    ),
    rule!(
        "F44",
        Leak,
        "a function returns rows past the policies with its owner's rights",
        "SELECT DISTINCT p.oid::regprocedure::text, format('owner %s is exempt on %s', p.proowner::regrole, t.name), \
         format('ALTER FUNCTION %s SECURITY INVOKER;', p.oid::regprocedure) FROM pg_proc p \
         JOIN pg_roles o ON o.oid = p.proowner JOIN rel t ON t.rls AND p.prosrc ~ ('\\m' || (SELECT relname FROM pg_class WHERE oid = t.oid) || '\\M') \
         CROSS JOIN me WHERE p.prosecdef AND has_function_privilege(me.oid, p.oid, 'EXECUTE') \
         AND p.pronamespace <> 'pg_catalog'::regnamespace AND p.prorettype <> 'trigger'::regtype \
         AND (p.proretset OR EXISTS (SELECT FROM rel r JOIN pg_class k ON k.oid = r.oid WHERE k.reltype = p.prorettype)) \
         AND p.prosrc !~* 'current_setting|current_user|session_user|uid\\(' \
         AND (o.rolsuper OR o.rolbypassrls OR pg_has_role(p.proowner, t.owner, 'USAGE') AND NOT t.forced)"
    ),
    rule!(
        "F45",
        Drift,
        "a function with its owner's rights searches names where the caller says",
        "SELECT p.oid::regprocedure::text, coalesce((SELECT x FROM unnest(p.proconfig) x WHERE x LIKE 'search_path=%'), \
         'no search_path'), format('ALTER FUNCTION %s SET search_path = %I, pg_temp;', p.oid::regprocedure, n.nspname) \
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN me \
         WHERE p.prosecdef AND n.nspname !~ '^(pg_|information_schema)' AND has_function_privilege(me.oid, p.oid, 'EXECUTE') \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') \
         AND NOT coalesce((SELECT x ~ 'pg_temp\"?\\s*$' OR x = 'search_path=\"\"' FROM unnest(p.proconfig) x \
         WHERE x LIKE 'search_path=%'), false)"
    ),
    rule!(
        "F46",
        Covert,
        "a function of the schema claims to leak nothing",
        "SELECT p.oid::regprocedure::text, 'LEAKPROOF lets it see rows before the policies', \
         format('ALTER FUNCTION %s NOT LEAKPROOF;', p.oid::regprocedure) FROM pg_proc p JOIN pg_namespace n \
         ON n.oid = p.pronamespace WHERE p.proleakproof AND n.nspname !~ '^(pg_|information_schema)'"
    ),
    rule!(
        "F47",
        Write,
        "a foreign key can point into another tenant",
        "SELECT c.name, format('constraint %I references %s without the tenant', fk.conname, p.name), \
         '-- put the tenant column into the key on both sides' FROM fk JOIN rel c ON c.oid = fk.child \
         JOIN rel p ON p.oid = fk.parent WHERE NOT fk.has_tid AND c.rls AND p.rls AND c.has_tid AND p.has_tid \
         AND (c.insertable OR c.updatable)"
    ),
    rule!(
        "F48",
        Write,
        "a referential action can reach rows of another tenant",
        "SELECT c.name, format('constraint %I references %s without the tenant', fk.conname, p.name), \
         '-- put the tenant column into the key on both sides' FROM fk JOIN rel c ON c.oid = fk.child \
         JOIN rel p ON p.oid = fk.parent WHERE NOT fk.has_tid AND c.rls AND p.rls AND c.has_tid AND p.has_tid \
         AND (fk.on_delete IN ('c', 'n', 'd') AND p.deletable OR fk.on_update IN ('c', 'n', 'd') AND p.updatable)"
    ),
    rule!(
        "F50",
        Covert,
        "a unique key tells whether another tenant has a value",
        "SELECT rel.name, format('index %s', i.indexrelid::regclass), '-- put the tenant column into the key' \
         FROM pg_index i JOIN rel ON rel.oid = i.indrelid WHERE rel.rls AND rel.has_tid \
         AND (i.indisunique OR i.indisexclusion) AND (rel.insertable OR rel.updatable) \
         AND NOT EXISTS (SELECT FROM unnest(i.indkey) k JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k \
         WHERE a.attname = ANY ($2::text[]) OR format_type(a.atttypid, NULL) = 'uuid')"
    ),
    rule!(
        "F51",
        Covert,
        "a foreign key tells whether another tenant's row exists",
        "SELECT c.name, format('constraint %I references %s', fk.conname, p.name), \
         '-- put the tenant column into the key on both sides' FROM fk JOIN rel c ON c.oid = fk.child \
         JOIN rel p ON p.oid = fk.parent WHERE NOT fk.has_tid AND p.rls AND (c.insertable OR c.updatable)"
    ),
    rule!(
        "F60",
        Leak,
        "a tenant is pinned for a role or a database",
        "SELECT coalesce(nullif(s.setrole, 0)::regrole::text, current_database()::text), x, \
         format('ALTER %s RESET %s;', CASE WHEN s.setrole = 0 THEN format('DATABASE %I', current_database()) \
         ELSE format('ROLE %s', s.setrole::regrole) END, split_part(x, '=', 1)) \
         FROM pg_db_role_setting s, unnest(s.setconfig) x WHERE x ~ '^[a-z_0-9]+\\.[^=]*=.' \
         AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ),
    rule!(
        "F71",
        Drift,
        "default privileges open the next table before it has a policy",
        "SELECT d.defaclrole::regrole::text, d.defaclacl::text, \
         format('ALTER DEFAULT PRIVILEGES FOR ROLE %s %s REVOKE ALL ON TABLES FROM %s;', d.defaclrole::regrole, \
         CASE WHEN d.defaclnamespace = 0 THEN '' ELSE format('IN SCHEMA %s', d.defaclnamespace::regnamespace) END, \
         CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END) \
         FROM pg_default_acl d, LATERAL aclexplode(d.defaclacl) a, me WHERE d.defaclobjtype = 'r' \
         AND a.privilege_type = 'SELECT' AND (a.grantee = 0 OR a.grantee <> d.defaclrole AND pg_has_role(me.oid, a.grantee, 'USAGE'))"
    ),
    rule!(
        "F72",
        Drift,
        "a publication carries every tenant's rows",
        "SELECT DISTINCT rel.name, format('publication %s has no row filter', pt.pubname), \
         '-- publish with a row filter, or only to whom may see every tenant' FROM pg_publication_tables pt \
         JOIN rel ON rel.oid = format('%I.%I', pt.schemaname, pt.tablename)::regclass \
         WHERE rel.rls AND to_jsonb(pt) ->> 'rowfilter' IS NULL"
    ),
];
