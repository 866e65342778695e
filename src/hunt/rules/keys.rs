//! Keys, sequences and messages that reach or tell across tenants.

use super::{Rule, rule};
use crate::hunt::finding::Severity::{Covert, Write};

pub(super) const RULES: &[Rule] = &[
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
        "F52",
        Covert,
        "a sequence tells how many rows all tenants make",
        "SELECT s.oid::regclass::text, format('numbers of %s', t.name), format('REVOKE ALL ON SEQUENCE %s FROM %I; -- an identity column needs no right', s.oid::regclass, $1::text) \
         FROM pg_class s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') \
         JOIN rel t ON t.oid = d.refobjid AND t.rls CROSS JOIN me WHERE s.relkind = 'S' AND has_sequence_privilege(me.oid, s.oid, 'SELECT, USAGE')"
    ),
    rule!(
        "F53",
        Covert,
        "a function with its owner's rights says what it read",
        "SELECT DISTINCT p.oid::regprocedure::text, format('RAISE with values, and reads %s', t.name), '-- leave the values out of the message' \
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN rel t ON t.rls AND p.prosrc ~ t.named \
         CROSS JOIN me \
         WHERE p.prosecdef AND n.nspname !~ '^(pg_|information_schema)' AND p.prosrc ~* 'raise[^;]*%[^;]*,' \
         AND (p.prorettype = 'trigger'::regtype OR has_function_privilege(me.oid, p.oid, 'EXECUTE'))"
    ),
];
