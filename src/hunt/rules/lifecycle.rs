//! Contexts that outlive a request, and changes that open the next table.

use super::{Rule, rule};
use crate::hunt::finding::Severity::{Drift, Leak};

pub(super) const RULES: &[Rule] = &[
    rule!(
        "F60",
        Leak,
        "a tenant is pinned for a role or a database",
        // A setting counts if something of the schema reads it; others are the server's and extensions' own.
        ", read AS (SELECT lower(m[1]) AS setting FROM (SELECT body AS s FROM pol UNION ALL SELECT p.prosrc FROM pg_proc p \
         JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^(pg_|information_schema)' \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') \
         UNION ALL SELECT pg_get_viewdef(rel.oid) FROM rel WHERE rel.kind IN ('v', 'm')) t (s), \
         LATERAL regexp_matches(t.s, 'current_setting\\(\\s*''([^'']+)''', 'gi') m) \
         SELECT coalesce(nullif(s.setrole, 0)::regrole::text, current_database()::text), x, \
         format('ALTER %s RESET %s;', CASE WHEN s.setrole = 0 THEN format('DATABASE %I', current_database()) \
         ELSE format('ROLE %s', s.setrole::regrole) END, split_part(x, '=', 1)) \
         FROM pg_db_role_setting s, unnest(s.setconfig) x, me, login WHERE s.setrole IN (0, me.oid, login.oid) \
         AND (lower(split_part(x, '=', 1)) IN (SELECT setting FROM read) AND x ~ '=.' \
         OR x ~ '^role=.' AND EXISTS (SELECT FROM text t WHERE t.s ~* 'current_user|current_role|pg_has_role')) \
         AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ),
    rule!(
        "F62",
        Drift,
        "a function makes a temporary table, which the connection's next tenant finds",
        "SELECT p.oid::regprocedure::text, 'CREATE TEMP TABLE', '-- ON COMMIT DROP, and never IF NOT EXISTS' \
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN me \
         WHERE n.nspname !~ '^(pg_|information_schema)' AND p.prosrc ~* 'create\\s+temp' AND p.prosrc !~* 'on\\s+commit\\s+(drop|delete)' \
         AND has_function_privilege(me.oid, p.oid, 'EXECUTE') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    ),
    rule!(
        "F67",
        Drift,
        "a function builds a SET out of text",
        "SELECT p.oid::regprocedure::text, 'EXECUTE of a SET with || or %s', '-- set_config(name, value, true), which takes a value as a value' \
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE n.nspname !~ '^(pg_|information_schema)' AND p.prosrc ~* 'execute[^;]*\\mset\\M[^;]*(\\|\\||%s)' AND p.prosrc !~* 'execute[^;]*\\mupdate\\M' \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    ),
    rule!(
        "F68",
        Drift,
        "a request that resets its role has rights on a protected table",
        "SELECT t.name, format('%s itself has rights on it', login.rolname), format('REVOKE ALL ON %s FROM %I;', t.name, login.rolname) \
         FROM rel t CROSS JOIN login CROSS JOIN me WHERE t.rls AND login.oid <> me.oid \
         AND has_any_column_privilege(login.oid, t.oid, 'SELECT, INSERT, UPDATE')"
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
