//! Roles: those that a schema expects and a fresh server does not have, and the one that the application connects as.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::hunt::error::HuntError;

/// Roles of the harness itself on a server of its own: the login roles of a run.
const OURS: &str = "^chaos_(app|bypass|owner|migrator)_[0-9a-f]{8}$";

/// The role that an error says is missing.
pub(in crate::hunt) fn missing(error: &sqlx::Error) -> Option<String> {
    let database = error.as_database_error().filter(|error| error.code().as_deref() == Some("42704"))?;
    let name = database.message().strip_prefix("role \"")?.strip_suffix("\" does not exist")?;
    Some(name.to_owned())
}

/// Creates a role that can do nothing, not even log in.
pub(in crate::hunt) async fn create(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let statement = format!("CREATE ROLE {} NOLOGIN", quote(name));
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(|_| ())
}

/// Gives a server of our own the roles of another one, with what matters to row security: who is exempt, and who is a
/// member of whom. Passwords are not read.
pub(in crate::hunt) async fn copy(from: &mut PgConnection, to: &mut PgConnection) -> Result<(), HuntError> {
    let roles = "SELECT format('CREATE ROLE %I NOLOGIN %s %s %s', rolname, \
                     CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, \
                     CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END, \
                     CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END) \
                 FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY oid";
    let members = "SELECT format('GRANT %I TO %I', g.rolname, u.rolname) FROM pg_auth_members m \
                   JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member \
                   WHERE g.rolname !~ '^pg_' OR u.rolname !~ '^pg_'";
    for query in [roles, members] {
        let statements: Vec<String> =
            sqlx::query_scalar(query).fetch_all(&mut *from).await.map_err(HuntError::database("read the roles"))?;
        for statement in statements {
            match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *to).await {
                // The administrator of both servers may have the same name.
                Err(error) if error.as_database_error().and_then(|e| e.code()).as_deref() == Some("42710") => {}
                other => other.map(|_| ()).map_err(HuntError::database("copy a role"))?,
            }
        }
    }
    Ok(())
}

/// The application's role, and which were taken into account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hunt) struct AppRole {
    pub(in crate::hunt) name: String,
    pub(in crate::hunt) candidates: Vec<String>,
}

/// The role that was asked for, or the least privileged one with rights on tables: not exempt before exempt, no owner
/// before owners, then the one with rights on most tables, then by name.
pub(in crate::hunt) async fn discover(
    connection: &mut PgConnection,
    wanted: Option<&str>,
) -> Result<AppRole, HuntError> {
    if let Some(name) = wanted {
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(name)
            .fetch_one(&mut *connection)
            .await
            .map_err(HuntError::database("look for the role"))?;
        return match exists {
            true => Ok(AppRole { name: name.to_owned(), candidates: vec![name.to_owned()] }),
            false => Err(HuntError::Input(format!(
                "the role \"{name}\" does not exist in this schema: name one that it grants rights to"
            ))),
        };
    }
    let rows = sqlx::query(
        "SELECT r.rolname::text, count(*) AS tables \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         CROSS JOIN LATERAL (SELECT DISTINCT grantee FROM aclexplode(c.relacl)) a JOIN pg_roles r ON r.oid = a.grantee \
         WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
           AND r.rolname !~ '^pg_' AND r.rolname !~ $1 AND (c.relowner <> r.oid OR NOT c.relrowsecurity) \
           AND r.rolname <> current_user \
         GROUP BY r.oid, r.rolname, r.rolsuper, r.rolbypassrls \
         ORDER BY r.rolsuper OR r.rolbypassrls, EXISTS (SELECT FROM pg_class o WHERE o.relowner = r.oid), 2 DESC, 1",
    )
    .bind(OURS)
    .fetch_all(connection)
    .await
    .map_err(HuntError::database("look for the application's role"))?;
    let candidates: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    match candidates.first() {
        Some(name) => Ok(AppRole { name: name.clone(), candidates }),
        None => Err(HuntError::Input(
            "no role has rights on a table of this schema: name the application's role with --app-role ROLE, or add \
             its GRANT statements to the schema"
                .to_owned(),
        )),
    }
}

pub(in crate::hunt) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
