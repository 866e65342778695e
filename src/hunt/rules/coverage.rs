//! Objects that no policy covers: tables, partitions, children, copies, and who is exempt.

use super::{Rule, rule};
use crate::hunt::finding::Severity::{Covert, Drift, Leak};

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
        "the application owns the table and row security is not forced",
        "SELECT name, format('owner %s', owner::regrole), format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', name) \
         FROM rel, me WHERE rls AND NOT forced AND NOT (me.rolsuper OR me.rolbypassrls) \
         AND (owner = me.oid OR owner = (SELECT oid FROM login))"
    ),
    rule!(
        "F04",
        Leak,
        "the application is a member of the table's owner and row security is not forced",
        "SELECT name, format('owner %s', owner::regrole), format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', name) \
         FROM rel, me, login WHERE rls AND NOT forced AND NOT (me.rolsuper OR me.rolbypassrls) AND owner NOT IN (me.oid, login.oid) \
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
        "F08",
        Leak,
        "a table has the columns of a protected one and no row security",
        ", named AS (SELECT a.attrelid, array_agg(a.attname::text ORDER BY a.attname) AS columns FROM pg_attribute a JOIN rel ON rel.oid = a.attrelid \
         WHERE a.attnum > 0 AND NOT a.attisdropped AND rel.kind IN ('r', 'p') GROUP BY a.attrelid HAVING count(*) > 2) \
         SELECT c.name, format('the columns of %s', min(t.name)), format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; -- and the policies of %s', c.name, min(t.name)) \
         FROM rel c JOIN named n ON n.attrelid = c.oid JOIN named o ON o.columns = n.columns JOIN rel t ON t.oid = o.attrelid \
         WHERE NOT c.rls AND t.rls AND (c.readable OR c.insertable OR c.updatable OR c.deletable) \
         AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) GROUP BY c.name"
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
        "F11",
        Leak,
        "a foreign table is read with a login that all tenants share",
        "SELECT v.name, format('server %s, mapping for %s', s.srvname, CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE m.umuser::regrole::text END), \
         format('REVOKE ALL ON %s FROM %I; -- or a mapping per tenant', v.name, $1::text) \
         FROM rel v JOIN pg_foreign_table f ON f.ftrelid = v.oid JOIN pg_foreign_server s ON s.oid = f.ftserver \
         JOIN pg_user_mappings m ON m.srvid = s.oid CROSS JOIN me CROSS JOIN login \
         WHERE (v.readable OR v.insertable OR v.updatable) AND (m.umuser = 0 OR m.umuser IN (me.oid, login.oid))"
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
        "F14",
        Covert,
        "rows of a protected table leave it as notifications or large objects, which obey no policy",
        "SELECT DISTINCT rel.name, format('trigger %I calls %s', t.tgname, p.oid::regprocedure), '-- send a key that means nothing without the table' \
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN rel ON rel.oid = t.tgrelid \
         WHERE NOT t.tgisinternal AND rel.rls AND p.prosrc ~* '(pg_notify|\\mnotify\\M|lo_from_bytea|lo_create|lowrite|lo_put)' \
         UNION ALL SELECT format('large object %s', l.oid), 'the application may read it', format('REVOKE ALL ON LARGE OBJECT %s FROM %I, PUBLIC;', l.oid, $1::text) \
         FROM pg_largeobject_metadata l CROSS JOIN me WHERE EXISTS (SELECT FROM aclexplode(l.lomacl) a \
         WHERE a.grantee = 0 OR a.grantee <> l.lomowner AND pg_has_role(me.oid, a.grantee, 'USAGE'))"
    ),
];
