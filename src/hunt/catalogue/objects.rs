//! What attacks and fixes need beyond tables: policies, unique keys, sequences, views' sources, and the functions that
//! policies call with the tables that these read.

use sqlx::{PgConnection, Row};

use super::roles::AppRole;
use crate::hunt::error::HuntError;

/// A policy that applies to the application's role.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct Policy {
    pub(in crate::hunt) relation: i64,
    pub(in crate::hunt) name: String,
    /// `*`, `r`, `a`, `w` or `d`, as in pg_policy.
    pub(in crate::hunt) command: String,
    pub(in crate::hunt) permissive: bool,
    pub(in crate::hunt) using: Option<String>,
    pub(in crate::hunt) check: Option<String>,
    /// Other relations that its text names.
    pub(in crate::hunt) reads: Vec<i64>,
}

impl Policy {
    /// Whether it has a say in a command, named by the letter of pg_policy.
    pub(in crate::hunt) fn is_for(&self, command: &str) -> bool {
        self.command == "*" || self.command == command
    }
}

/// A unique index.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct UniqueKey {
    pub(in crate::hunt) relation: i64,
    pub(in crate::hunt) name: String,
    /// Whether a constraint of the same name stands on it.
    pub(in crate::hunt) is_constraint: bool,
    pub(in crate::hunt) is_primary: bool,
    pub(in crate::hunt) columns: Vec<String>,
    /// Whether a random value of 122 bits is in it: nobody guesses such a key.
    pub(in crate::hunt) has_uuid: bool,
}

/// A sequence that the role may use or read.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct Sequence {
    pub(in crate::hunt) name: String,
    pub(in crate::hunt) readable: bool,
    pub(in crate::hunt) usable: bool,
    /// The table that takes its values from it.
    pub(in crate::hunt) table: Option<i64>,
}

/// A function of the schema that policies call, directly or through another one.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct Helper {
    pub(in crate::hunt) signature: String,
    pub(in crate::hunt) schema: String,
    pub(in crate::hunt) immutable: bool,
    /// Whether temporary objects come first or nothing is said about where names are looked for.
    pub(in crate::hunt) open_search_path: bool,
    /// Tables that its text names.
    pub(in crate::hunt) reads: Vec<i64>,
}

/// All of these.
#[derive(Debug, Default)]
pub(in crate::hunt) struct Objects {
    pub(in crate::hunt) policies: Vec<Policy>,
    pub(in crate::hunt) unique_keys: Vec<UniqueKey>,
    pub(in crate::hunt) sequences: Vec<Sequence>,
    pub(in crate::hunt) helpers: Vec<Helper>,
    /// A view, and a relation that it reads.
    pub(in crate::hunt) view_reads: Vec<(i64, i64)>,
    /// LEAKPROOF functions of the schema with one argument: name, and the argument's type.
    pub(in crate::hunt) leakproof: Vec<(String, String)>,
    /// Channels that functions of the schema notify, each with one of these functions. A channel that is an expression has
    /// no name.
    pub(in crate::hunt) channels: Vec<(Option<String>, String)>,
    /// Whether the schema keeps large objects.
    pub(in crate::hunt) large_objects: bool,
    /// Whether the role may make temporary tables.
    pub(in crate::hunt) may_create_temporary: bool,
    /// Direct memberships on the way from the role to others: (group, member).
    pub(in crate::hunt) memberships: Vec<(String, String)>,
}

const POLICIES: &str = "
    SELECT p.polrelid::int8, p.polname::text, p.polcmd::text, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
           pg_get_expr(p.polwithcheck, p.polrelid),
           ARRAY(SELECT DISTINCT d.refobjid::int8 FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass
                 AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid)
    FROM pg_policy p WHERE p.polroles = '{0}'
       OR EXISTS (SELECT FROM unnest(p.polroles) g WHERE pg_has_role($1, g, 'MEMBER')) ORDER BY p.oid";

const UNIQUE_KEYS: &str = "
    SELECT i.indrelid::int8, c.relname::text, con.oid IS NOT NULL, i.indisprimary,
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (num, at)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num ORDER BY k.at),
           EXISTS (SELECT FROM unnest(i.indkey) k JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k
                   WHERE a.atttypid = 'uuid'::regtype)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.contype IN ('p', 'u')
    WHERE i.indisunique AND i.indexprs IS NULL AND n.nspname !~ '^(pg_|information_schema)' ORDER BY i.indexrelid";

const SEQUENCES: &str = "
    SELECT c.oid::regclass::text, has_sequence_privilege($1, c.oid, 'SELECT'),
           has_sequence_privilege($1, c.oid, 'USAGE'),
           (SELECT d.refobjid::int8 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND n.nspname !~ '^(pg_|information_schema)' AND has_schema_privilege($1, n.oid, 'USAGE')
      AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege($1, c.oid, 'SELECT, USAGE') END ORDER BY 1";

const HELPERS: &str = "
    WITH RECURSIVE f (oid) AS (
        SELECT d.refobjid FROM pg_depend d
        WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass
        UNION SELECT q.oid FROM f JOIN pg_proc p ON p.oid = f.oid
        JOIN pg_proc q ON q.pronamespace <> 'pg_catalog'::regnamespace AND p.prosrc ~*
             ('(^|\\W)' || regexp_replace(q.proname::text, '(\\W)', '\\\\\\1', 'g') || '\"?\\s*\\(')
    )
    SELECT DISTINCT p.oid::regprocedure::text, n.nspname::text, p.provolatile = 'i',
           NOT coalesce((SELECT x ~ 'pg_temp\"?\\s*$' OR x = 'search_path=\"\"' FROM unnest(p.proconfig) x
                         WHERE x LIKE 'search_path=%'), false),
           ARRAY(SELECT c.oid::int8 FROM pg_class c JOIN pg_namespace m ON m.oid = c.relnamespace
                 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND m.nspname !~ '^(pg_|information_schema)'
                 AND p.prosrc ~
                     ('(^|\\W)' || regexp_replace(replace(c.relname::text, '\"', '\"\"'), '(\\W)', '\\\\\\1', 'g') || '($|\\W)'))
    FROM f JOIN pg_proc p ON p.oid = f.oid JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^(pg_|information_schema)' ORDER BY 1";

const VIEW_READS: &str = "
    SELECT DISTINCT w.ev_class::int8, d.refobjid::int8 FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
    WHERE v.relkind IN ('v', 'm') AND d.refobjid <> w.ev_class";

const LEAKPROOF: &str = "
    SELECT p.oid::regproc::text, format_type(p.proargtypes[0], NULL) FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proleakproof AND p.pronargs = 1 AND n.nspname !~ '^(pg_|information_schema)'
      AND p.prorettype = 'bool'::regtype AND has_function_privilege($1, p.oid, 'EXECUTE') ORDER BY 1";

/// A name in quotes is as it is written, another one is folded; a literal that an expression goes on from is no name.
const CHANNELS: &str = "
    SELECT CASE WHEN m[1] IS NOT NULL THEN m[1] WHEN m[2] LIKE '\"%' THEN btrim(m[2], '\"') ELSE lower(m[2]) END,
           min(p.oid::regprocedure::text)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
    LATERAL regexp_matches(p.prosrc, 'pg_notify\\(\\s*(?:''([^'']+)''\\s*,|(?!\\s))|'
        || '\\mNOTIFY\\s+(?:(\"[^\"]+\"|\\w+)\\s*(?:[;,'']|$)|[''%])', 'gi') m
    WHERE n.nspname !~ '^(pg_|information_schema)'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') GROUP BY 1 ORDER BY 1, 2";

const FACTS: &str = "
    SELECT EXISTS (SELECT FROM pg_largeobject_metadata)
           OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                      WHERE n.nspname !~ '^(pg_|information_schema)' AND p.prosrc ~ '\\mlo_\\w+\\s*\\(')
           OR EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema)'
                      AND c.relkind = 'r' AND a.attnum > 0 AND a.atttypid = 'oid'::regtype),
           has_database_privilege($1, current_database(), 'TEMPORARY')";

const MEMBERSHIPS: &str = "
    WITH RECURSIVE up AS (
        SELECT m.roleid, m.member FROM pg_auth_members m WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = $1)
        UNION SELECT m.roleid, m.member FROM up JOIN pg_auth_members m ON m.member = up.roleid
    )
    SELECT g.rolname::text, u.rolname::text FROM up JOIN pg_roles g ON g.oid = up.roleid
    JOIN pg_roles u ON u.oid = up.member ORDER BY 1, 2";

impl Objects {
    /// Reads them, with the rights that requests of the application have.
    pub(in crate::hunt) async fn read(connection: &mut PgConnection, app: &AppRole) -> Result<Self, HuntError> {
        let role = app.acts_as.as_str();
        let failed = || HuntError::database("read the catalogue's policies, keys and functions");
        let mut objects = Self::default();
        for row in sqlx::query(POLICIES).bind(role).fetch_all(&mut *connection).await.map_err(failed())? {
            objects.policies.push(Policy {
                relation: row.get(0),
                name: row.get(1),
                command: row.get(2),
                permissive: row.get(3),
                using: row.get(4),
                check: row.get(5),
                reads: row.get(6),
            });
        }
        for row in sqlx::query(UNIQUE_KEYS).fetch_all(&mut *connection).await.map_err(failed())? {
            objects.unique_keys.push(UniqueKey {
                relation: row.get(0),
                name: row.get(1),
                is_constraint: row.get(2),
                is_primary: row.get(3),
                columns: row.get(4),
                has_uuid: row.get(5),
            });
        }
        for row in sqlx::query(SEQUENCES).bind(role).fetch_all(&mut *connection).await.map_err(failed())? {
            let (name, readable, usable, table) = (row.get(0), row.get(1), row.get(2), row.get(3));
            objects.sequences.push(Sequence { name, readable, usable, table });
        }
        for row in sqlx::query(HELPERS).fetch_all(&mut *connection).await.map_err(failed())? {
            objects.helpers.push(Helper {
                signature: row.get(0),
                schema: row.get(1),
                immutable: row.get(2),
                open_search_path: row.get(3),
                reads: row.get(4),
            });
        }
        objects.view_reads = sqlx::query_as(VIEW_READS).fetch_all(&mut *connection).await.map_err(failed())?;
        objects.leakproof = sqlx::query_as(LEAKPROOF).bind(role).fetch_all(&mut *connection).await.map_err(failed())?;
        objects.channels = sqlx::query_as(CHANNELS).fetch_all(&mut *connection).await.map_err(failed())?;
        (objects.large_objects, objects.may_create_temporary) =
            sqlx::query_as(FACTS).bind(role).fetch_one(&mut *connection).await.map_err(failed())?;
        objects.memberships =
            sqlx::query_as(MEMBERSHIPS).bind(&app.name).fetch_all(connection).await.map_err(failed())?;
        Ok(objects)
    }

    /// The permissive policies that have a say in a command on a relation.
    pub(in crate::hunt) fn permissive(&self, relation: i64, command: &str) -> Vec<&Policy> {
        let says = |policy: &&Policy| policy.relation == relation && policy.permissive && policy.is_for(command);
        self.policies.iter().filter(says).collect()
    }

    /// Whether a unique key begins with or holds one of these columns.
    pub(in crate::hunt) fn keys_of(&self, relation: i64) -> impl Iterator<Item = &UniqueKey> {
        self.unique_keys.iter().filter(move |key| key.relation == relation)
    }
}
