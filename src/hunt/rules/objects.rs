//! Views and functions that act with their owner's rights.

use super::{Rule, rule};
use crate::hunt::finding::Severity::{Covert, Drift, Leak};

pub(super) const RULES: &[Rule] = &[
    rule!(
        "F41",
        Leak,
        "a view reads past the policies with its owner's rights",
        "SELECT DISTINCT v.name, format('owner %s is exempt on %s', v.owner::regrole, t.name), \
         format('ALTER VIEW %s SET (security_invoker = on);', v.name) FROM rel v \
         JOIN pg_rewrite w ON w.ev_class = v.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid \
         AND d.refclassid = 'pg_class'::regclass JOIN rel t ON t.oid = d.refobjid AND t.rls JOIN pg_roles o ON o.oid = v.owner \
         WHERE v.kind = 'v' AND v.readable AND NOT (pg_get_viewdef(v.oid) ~* 'current_setting|current_user' OR EXISTS (SELECT FROM pg_depend f WHERE f.classid = 'pg_rewrite'::regclass \
         AND f.objid = w.oid AND f.refclassid = 'pg_proc'::regclass)) \
         AND NOT coalesce((SELECT option_value::bool FROM pg_options_to_table(v.options) WHERE option_name = 'security_invoker'), false) \
         AND (o.rolsuper OR o.rolbypassrls OR pg_has_role(v.owner, t.owner, 'USAGE') AND NOT t.forced)"
    ),
    rule!(
        "F42",
        Leak,
        "a view that asks with the caller's rights reads one that does not",
        ", reads AS (SELECT DISTINCT w.ev_class AS view, d.refobjid AS relation FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass \
         AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class JOIN rel ON rel.oid = w.ev_class AND rel.kind = 'v' \
         ), invoker AS (SELECT v.oid, coalesce((SELECT option_value::bool FROM pg_options_to_table(v.options) WHERE option_name = 'security_invoker'), false) AS yes \
         FROM rel v WHERE v.kind = 'v' \
         ), down AS (SELECT view AS top, relation FROM reads UNION SELECT down.top, reads.relation FROM down JOIN reads ON reads.view = down.relation) \
         SELECT DISTINCT o.name, format('%s below it reads %s with the rights of %s', v.name, t.name, v.owner::regrole), format('ALTER VIEW %s SET (security_invoker = on);', v.name) \
         FROM down JOIN rel o ON o.oid = down.top AND o.readable JOIN invoker i ON i.oid = o.oid AND i.yes \
         JOIN rel v ON v.oid = down.relation AND v.kind = 'v' JOIN invoker j ON j.oid = v.oid AND NOT j.yes \
         JOIN reads r ON r.view = v.oid JOIN rel t ON t.oid = r.relation AND t.rls JOIN pg_roles w ON w.oid = v.owner \
         WHERE w.rolsuper OR w.rolbypassrls OR pg_has_role(v.owner, t.owner, 'USAGE') AND NOT t.forced"
    ),
    rule!(
        "F43",
        Leak,
        "a view filters by tenant with its owner's rights and without a security barrier",
        "SELECT DISTINCT v.name, format('owner %s is exempt on %s', v.owner::regrole, t.name), \
         format('ALTER VIEW %s SET (security_invoker = on); -- or security_barrier', v.name) FROM rel v \
         JOIN pg_rewrite w ON w.ev_class = v.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid \
         AND d.refclassid = 'pg_class'::regclass JOIN rel t ON t.oid = d.refobjid AND t.rls JOIN pg_roles o ON o.oid = v.owner \
         WHERE v.kind = 'v' AND v.readable AND (pg_get_viewdef(v.oid) ~* 'current_setting|current_user' OR EXISTS (SELECT FROM pg_depend f WHERE f.classid = 'pg_rewrite'::regclass \
         AND f.objid = w.oid AND f.refclassid = 'pg_proc'::regclass)) AND NOT EXISTS \
         (SELECT FROM pg_options_to_table(v.options) WHERE option_name IN ('security_invoker', 'security_barrier') AND option_value::bool) \
         AND (o.rolsuper OR o.rolbypassrls OR pg_has_role(v.owner, t.owner, 'USAGE') AND NOT t.forced)"
    ),
    rule!(
        "F44",
        Leak,
        "a function returns rows past the policies with its owner's rights",
        "SELECT DISTINCT p.oid::regprocedure::text, format('owner %s is exempt on %s', p.proowner::regrole, t.name), \
         format('ALTER FUNCTION %s SECURITY INVOKER;', p.oid::regprocedure) FROM pg_proc p \
         JOIN pg_roles o ON o.oid = p.proowner JOIN rel t ON t.rls AND p.prosrc ~ t.named \
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
];
