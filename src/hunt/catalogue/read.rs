//! The part of a catalogue that seeding and probing need: relations, columns, foreign keys, CHECK constraints,
//! functions and settings, with the rights that the application's role has.

use std::collections::BTreeMap;

use sqlx::{PgConnection, Row};

use super::objects::Objects;
use super::roles::{self, AppRole};
use crate::hunt::error::HuntError;

/// A relation that is not the system's.
#[derive(Debug)]
pub(in crate::hunt) struct Relation {
    /// Quoted and, where needed, qualified.
    pub(in crate::hunt) name: String,
    pub(in crate::hunt) kind: Kind,
    pub(in crate::hunt) row_security: bool,
    pub(in crate::hunt) policies: bool,
    pub(in crate::hunt) partitioned: bool,
    /// Literals of its partitions' bounds.
    pub(in crate::hunt) partition_bounds: Vec<String>,
    /// Whether a view asks with the rights of whoever asks it.
    pub(in crate::hunt) invoker: bool,
    pub(in crate::hunt) deletable: bool,
    pub(in crate::hunt) truncatable: bool,
    pub(in crate::hunt) columns: Vec<Column>,
    pub(in crate::hunt) foreign_keys: Vec<ForeignKey>,
    pub(in crate::hunt) checks: Vec<Check>,
}

/// What a relation is to a hunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hunt) enum Kind {
    Table,
    /// A partition, or an inheritance child: its rows are seeded through its parent, if at all.
    Partition,
    Child,
    View,
    Materialized,
    Foreign,
}

impl Kind {
    pub(in crate::hunt) fn is_seeded(self) -> bool {
        matches!(self, Kind::Table | Kind::Child)
    }
}

#[derive(Debug)]
pub(in crate::hunt) struct Column {
    pub(in crate::hunt) name: String,
    /// The type below domains, without length.
    pub(in crate::hunt) base_type: String,
    /// The type as it was declared.
    pub(in crate::hunt) full_type: String,
    /// Literals of the checks of its domain.
    pub(in crate::hunt) domain_literals: Vec<String>,
    pub(in crate::hunt) length: Option<i32>,
    pub(in crate::hunt) labels: Vec<String>,
    pub(in crate::hunt) generated: bool,
    pub(in crate::hunt) in_key: bool,
    pub(in crate::hunt) readable: bool,
    pub(in crate::hunt) insertable: bool,
    pub(in crate::hunt) updatable: bool,
}

#[derive(Debug)]
pub(in crate::hunt) struct ForeignKey {
    pub(in crate::hunt) name: String,
    /// `ON DELETE CASCADE` and the like, as Postgres prints them.
    pub(in crate::hunt) actions: String,
    pub(in crate::hunt) columns: Vec<String>,
    pub(in crate::hunt) parent: i64,
    pub(in crate::hunt) parent_columns: Vec<String>,
}

#[derive(Debug)]
pub(in crate::hunt) struct Check {
    pub(in crate::hunt) name: String,
    pub(in crate::hunt) columns: Vec<String>,
    /// Literals of its expression: candidates for a value that satisfies it.
    pub(in crate::hunt) literals: Vec<String>,
}

/// A function that the role may call.
#[derive(Debug)]
pub(in crate::hunt) struct Function {
    pub(in crate::hunt) signature: String,
    pub(in crate::hunt) name: String,
    pub(in crate::hunt) arguments: Vec<String>,
    /// Whether it has its owner's rights.
    pub(in crate::hunt) definer: bool,
    /// Whether it may write.
    pub(in crate::hunt) volatile: bool,
    /// Whether a tenant's mark fits into what it gives.
    pub(in crate::hunt) holds_marks: bool,
    /// Whether it gives anything.
    pub(in crate::hunt) gives_nothing: bool,
    /// Relations that its text names.
    pub(in crate::hunt) reads: Vec<i64>,
    /// Whether it makes temporary tables that outlive the transaction.
    pub(in crate::hunt) makes_temporary: bool,
}

/// By object id, so that foreign keys can follow.
#[derive(Debug)]
pub(in crate::hunt) struct Catalogue {
    pub(in crate::hunt) relations: BTreeMap<i64, Relation>,
    pub(in crate::hunt) functions: Vec<Function>,
    /// Settings that policies and the functions they call read.
    pub(in crate::hunt) settings: Vec<String>,
    /// Keys that they take out of JSON settings.
    pub(in crate::hunt) claims: Vec<String>,
    /// Claims inside of claims: (outer, inner).
    pub(in crate::hunt) inner_claims: Vec<(String, String)>,
    /// Values that policies and functions compare a setting with.
    pub(in crate::hunt) flag_values: Vec<String>,
    /// Roles that the application's role may become.
    pub(in crate::hunt) roles: Vec<String>,
    pub(in crate::hunt) objects: Objects,
    /// Whether policies compare roles.
    pub(in crate::hunt) by_role: bool,
}

const RELATIONS: &str = "
    SELECT c.oid::int8, c.oid::regclass::text, c.relkind::text, c.relispartition,
           EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid), c.relrowsecurity,
           EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid),
           has_table_privilege($1, c.oid, 'DELETE'), has_table_privilege($1, c.oid, 'TRUNCATE'),
           coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions)
                     WHERE option_name = 'security_invoker'), false),
           ARRAY(SELECT coalesce(m[1], m[2]) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid,
                 LATERAL regexp_matches(pg_get_expr(p.relpartbound, p.oid), '''([^'']*)''|(\\d+)', 'g') m
                 WHERE i.inhparent = c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
      AND has_schema_privilege($1, n.oid, 'USAGE')";

const COLUMNS: &str = "
    WITH RECURSIVE base AS (
        SELECT a.attrelid, a.attnum, a.atttypid AS typ, a.atttypmod AS mod FROM pg_attribute a
        WHERE a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT b.attrelid, b.attnum, t.typbasetype, t.typtypmod FROM base b JOIN pg_type t ON t.oid = b.typ
        WHERE t.typtype = 'd'
    )
    SELECT a.attrelid::int8, a.attname::text, format_type(b.typ, NULL), nullif(b.mod, -1) - 4,
           ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = b.typ ORDER BY e.enumsortorder),
           a.attgenerated <> '', EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND (i.indisunique OR i.indisexclusion)
                                         AND a.attnum = ANY (i.indkey)),
           has_column_privilege($1, a.attrelid, a.attnum, 'SELECT'),
           has_column_privilege($1, a.attrelid, a.attnum, 'INSERT'),
           has_column_privilege($1, a.attrelid, a.attnum, 'UPDATE') AND a.attidentity <> 'a',
           format_type(a.atttypid, a.atttypmod),
           ARRAY(SELECT m[1] FROM pg_constraint d, LATERAL regexp_matches(pg_get_constraintdef(d.oid), '''([^'']*)''', 'g') m
                 WHERE d.contypid = a.atttypid)
    FROM pg_attribute a JOIN base b ON b.attrelid = a.attrelid AND b.attnum = a.attnum
    JOIN pg_type t ON t.oid = b.typ AND t.typtype <> 'd' JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY a.attrelid, a.attnum";

const CONSTRAINTS: &str = "
    SELECT con.conrelid::int8, con.contype::text, con.conname::text, con.confrelid::int8,
           ARRAY(SELECT a.attname::text FROM unnest(con.conkey) WITH ORDINALITY k (num, at)
                 JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.num ORDER BY k.at),
           ARRAY(SELECT a.attname::text FROM unnest(con.confkey) WITH ORDINALITY k (num, at)
                 JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.num ORDER BY k.at),
           ARRAY(SELECT m[1] FROM regexp_matches(pg_get_constraintdef(con.oid), '''([^'']*)''|(\\d+)', 'g') m
                 WHERE m[1] IS NOT NULL
                 UNION ALL SELECT m[2] FROM regexp_matches(pg_get_constraintdef(con.oid), '''([^'']*)''|(\\d+)', 'g') m
                 WHERE m[2] IS NOT NULL),
           coalesce(substring(pg_get_constraintdef(con.oid) FROM '\\) ((?:MATCH|ON|DEFERRABLE|INITIALLY).*)$'), '')
    FROM pg_constraint con WHERE con.contype IN ('f', 'c') AND con.conrelid <> 0 ORDER BY con.oid";

const FUNCTIONS: &str = "
    SELECT p.oid::regprocedure::text, p.oid::regproc::text,
           ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u (t, at) ORDER BY at),
           p.prosrc ~* 'CREATE\\s+(GLOBAL\\s+|LOCAL\\s+)?TEMP' AND p.prosrc !~* 'ON\\s+COMMIT\\s+DROP', p.prosecdef,
           p.provolatile = 'v', p.prorettype <> 'void'::regtype AND coalesce(
               (SELECT t.typcategory NOT IN ('B', 'N', 'D', 'T') FROM pg_type t WHERE t.oid = p.prorettype), true),
           p.prorettype = 'void'::regtype,
           ARRAY(SELECT c.oid::int8 FROM pg_class c JOIN pg_namespace m ON m.oid = c.relnamespace
                 WHERE c.relkind IN ('r', 'p', 'v', 'm') AND m.nspname !~ '^(pg_|information_schema)'
                 AND p.prosrc ~ ('\\m' || regexp_replace(c.relname, '\\W', '.', 'g') || '\\M'))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^(pg_|information_schema)' AND p.prokind = 'f'
      AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
      AND has_function_privilege($1, p.oid, 'EXECUTE') AND has_schema_privilege($1, n.oid, 'USAGE') ORDER BY 1";

/// Text of policies, and of every function of the schema.
const SAID: &str = "
    WITH text AS (
        SELECT concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) AS s FROM pg_policy
        UNION ALL SELECT p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname !~ '^(pg_|information_schema)'
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    )";

/// Text of policies, and of the functions of the schema that they call, transitively.
pub(in crate::hunt) const TEXTS: &str = "
    WITH RECURSIVE f (oid) AS (
        SELECT d.refobjid FROM pg_depend d
        WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_proc'::regclass
        UNION SELECT q.oid FROM f JOIN pg_proc p ON p.oid = f.oid
        JOIN pg_proc q ON q.pronamespace <> 'pg_catalog'::regnamespace AND p.prosrc ~*
             ('(^|\\W)' || regexp_replace(q.proname::text, '(\\W)', '\\\\\\1', 'g') || '\"?\\s*\\(')
    ), text AS (
        SELECT concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) AS s FROM pg_policy
        UNION ALL SELECT p.prosrc FROM f JOIN pg_proc p ON p.oid = f.oid
    )";

impl Catalogue {
    /// Reads it, with the rights that requests of the application have.
    pub(in crate::hunt) async fn read(connection: &mut PgConnection, app: &AppRole) -> Result<Self, HuntError> {
        let role = app.acts_as.as_str();
        let failed = || HuntError::database("read the catalogue");
        let mut relations = BTreeMap::new();
        for row in sqlx::query(RELATIONS).bind(role).fetch_all(&mut *connection).await.map_err(failed())? {
            let kind = match (row.get::<&str, _>(2), row.get::<bool, _>(3), row.get::<bool, _>(4)) {
                ("v", ..) => Kind::View,
                ("m", ..) => Kind::Materialized,
                ("f", ..) => Kind::Foreign,
                (_, true, _) => Kind::Partition,
                (_, _, true) => Kind::Child,
                _ => Kind::Table,
            };
            let relation = Relation {
                name: row.get(1),
                kind,
                row_security: row.get(5),
                policies: row.get(6),
                deletable: row.get(7),
                truncatable: row.get(8),
                partitioned: row.get::<&str, _>(2) == "p",
                invoker: row.get(9),
                partition_bounds: row.get(10),
                columns: Vec::new(),
                foreign_keys: Vec::new(),
                checks: Vec::new(),
            };
            relations.insert(row.get::<i64, _>(0), relation);
        }
        for row in sqlx::query(COLUMNS).bind(role).fetch_all(&mut *connection).await.map_err(failed())? {
            let Some(relation) = relations.get_mut(&row.get::<i64, _>(0)) else { continue };
            relation.columns.push(Column {
                name: row.get(1),
                base_type: row.get(2),
                length: row.get(3),
                labels: row.get(4),
                generated: row.get(5),
                in_key: row.get(6),
                readable: row.get(7),
                insertable: row.get(8),
                updatable: row.get(9),
                full_type: row.get(10),
                domain_literals: row.get(11),
            });
        }
        for row in sqlx::query(CONSTRAINTS).fetch_all(&mut *connection).await.map_err(failed())? {
            let Some(relation) = relations.get_mut(&row.get::<i64, _>(0)) else { continue };
            match row.get::<&str, _>(1) {
                "f" => relation.foreign_keys.push(ForeignKey {
                    name: row.get(2),
                    actions: row.get(7),
                    columns: row.get(4),
                    parent: row.get(3),
                    parent_columns: row.get(5),
                }),
                _ => relation.checks.push(Check { name: row.get(2), columns: row.get(4), literals: row.get(6) }),
            }
        }
        let functions = sqlx::query(FUNCTIONS).bind(role).fetch_all(&mut *connection).await.map_err(failed())?;
        let functions = functions.iter().map(|row| Function {
            signature: row.get(0),
            name: row.get(1),
            arguments: row.get(2),
            makes_temporary: row.get(3),
            definer: row.get(4),
            volatile: row.get(5),
            holds_marks: row.get(6),
            gives_nothing: row.get(7),
            reads: row.get(8),
        });
        let functions = functions.collect();
        let claims =
            "SELECT DISTINCT m[1] FROM text, LATERAL regexp_matches(s, '->>?\\s*''(\\w+)''', 'g') m ORDER BY 1";
        let members = "SELECT rolname::text FROM pg_roles WHERE rolname <> $1 AND pg_has_role($1, oid, 'MEMBER') \
                     AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = $1) ORDER BY 1";
        let values = "SELECT DISTINCT m[1] FROM text, LATERAL regexp_matches(s, \
                      'current_setting\\([^()]*\\)(?:::\\w+)?\\)?(?:::\\w+)? *= *''([^'']+)''', 'g') m ORDER BY 1 LIMIT 8";
        let flag_values = texts(connection, values).await?;
        let settings = settings(connection).await?;
        let claims = texts(connection, claims).await?;
        let inner = sqlx::AssertSqlSafe(format!(
            "{SAID} SELECT DISTINCT m[1], m[2] FROM text, LATERAL regexp_matches(s, \
             '->\\s*''(\\w+)''(?:::text)?\\)*\\s*->>?\\s*''(\\w+)''', 'g') m ORDER BY 1, 2"
        ));
        let inner_claims = sqlx::query_as(inner).fetch_all(&mut *connection).await.map_err(failed())?;
        let roles = sqlx::query_scalar(members).bind(&app.name).fetch_all(&mut *connection).await.map_err(failed())?;
        let by_role = roles::by_role(connection).await?;
        let objects = Objects::read(connection, app).await?;
        Ok(Self { relations, functions, settings, claims, inner_claims, flag_values, roles, objects, by_role })
    }
}

/// Settings that policies and the functions they call read.
pub(in crate::hunt) async fn settings(connection: &mut PgConnection) -> Result<Vec<String>, HuntError> {
    let settings = "SELECT DISTINCT m[1] FROM text, LATERAL regexp_matches(s, 'current_setting\\(\\s*''([^'']+)''', 'g') m \
                    ORDER BY 1";
    texts(connection, settings).await
}

async fn texts(connection: &mut PgConnection, query: &str) -> Result<Vec<String>, HuntError> {
    let query = sqlx::AssertSqlSafe(format!("{SAID} {query}"));
    sqlx::query_scalar(query).fetch_all(connection).await.map_err(HuntError::database("look for the tenant's context"))
}
