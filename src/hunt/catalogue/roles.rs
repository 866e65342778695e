//! Roles: those that a schema expects and a fresh server does not have, and the one that the application connects as.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::read::TEXTS;
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

/// The first version of which a membership says by itself whether its rights are inherited.
const GRANT_OPTIONS_SINCE: i32 = 160_000;

/// Gives a server of our own the roles of another one, with what matters to row security: who may log in, who is
/// exempt, and who is a member of whom. Passwords are not read, so nobody can log in with one.
///
/// # Errors
/// A role cannot be copied; or a membership says what a server as old as ours cannot say.
pub(in crate::hunt) async fn copy(from: &mut PgConnection, to: &mut PgConnection) -> Result<(), HuntError> {
    let roles = "SELECT format('CREATE ROLE %I %s %s %s %s', rolname, \
                     CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, \
                     CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, \
                     CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END, \
                     CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END) \
                 FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY oid";
    // Two grantors may have given different options, of which the wider ones hold.
    let members = "SELECT g.rolname::text, u.rolname::text, u.rolinherit, bool_or(m.admin_option), \
                       bool_or((to_jsonb(m) ->> 'inherit_option')::bool), bool_or((to_jsonb(m) ->> 'set_option')::bool) \
                   FROM pg_auth_members m \
                   JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member \
                   WHERE g.rolname !~ '^pg_' OR u.rolname !~ '^pg_' GROUP BY 1, 2, 3 ORDER BY 1, 2";
    let failed = || HuntError::database("read the roles");
    let mut statements: Vec<String> = sqlx::query_scalar(roles).fetch_all(&mut *from).await.map_err(failed())?;
    let has_options = server_version(to).await? >= GRANT_OPTIONS_SINCE;
    for row in sqlx::query(members).fetch_all(&mut *from).await.map_err(failed())? {
        let member = Member {
            group: row.get(0),
            member: row.get(1),
            member_inherits: row.get(2),
            admin: row.get(3),
            inherit: row.get(4),
            set: row.get(5),
        };
        statements.push(member.grant(has_options)?);
    }
    for statement in statements {
        match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *to).await {
            // The administrator of both servers may have the same name.
            Err(error) if error.as_database_error().and_then(|e| e.code()).as_deref() == Some("42710") => {}
            other => other.map(|_| ()).map_err(HuntError::database("copy a role"))?,
        }
    }
    Ok(())
}

/// `server_version_num`: 170002 is 17.2.
pub(in crate::hunt) async fn server_version(connection: &mut PgConnection) -> Result<i32, HuntError> {
    let version = "SELECT current_setting('server_version_num')::int";
    sqlx::query_scalar(version).fetch_one(connection).await.map_err(HuntError::database("ask for the version"))
}

/// A membership. A server before 16 has no options of it: the member's own attribute says whether it inherits.
struct Member {
    group: String,
    member: String,
    member_inherits: bool,
    admin: bool,
    inherit: Option<bool>,
    set: Option<bool>,
}

impl Member {
    /// The statement that makes it on a server that knows the options or not.
    fn grant(&self, has_options: bool) -> Result<String, HuntError> {
        let Self { group, member, admin, .. } = self;
        let (inherit, set) = (self.inherit.unwrap_or(self.member_inherits), self.set.unwrap_or(true));
        let grant = format!("GRANT {} TO {}", quote(group), quote(member));
        match has_options {
            true => Ok(format!("{grant} WITH INHERIT {inherit}, SET {set}, ADMIN {admin}")),
            false if inherit == self.member_inherits && set => {
                Ok(if *admin { format!("{grant} WITH ADMIN OPTION") } else { grant })
            }
            false => Err(HuntError::Input(format!(
                "{member} is a member of {group} with options that a server before 16 does not have: hunt with a newer \
                 one (--bin-dir, or TENANT_CHAOS_IMAGE)"
            ))),
        }
    }
}

/// Names that a policy compares with where every tenant is a role.
const ROLE_WORDS: &str = "current_user|current_role|session_user|pg_has_role";

/// The application's role, and which were taken into account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hunt) struct AppRole {
    /// What the application connects as.
    pub(in crate::hunt) name: String,
    /// Whose rights its requests have: its own, or those of a role that it takes because it has none itself.
    pub(in crate::hunt) acts_as: String,
    pub(in crate::hunt) candidates: Vec<String>,
}

/// The role that was asked for, or the least privileged one with rights on tables: not exempt before exempt, no owner
/// before owners, then the one with rights on most tables, then by name. Where policies compare roles, the application
/// is the role that may become those with rights.
pub(in crate::hunt) async fn discover(
    connection: &mut PgConnection,
    wanted: Option<&str>,
) -> Result<AppRole, HuntError> {
    if let Some(name) = wanted {
        return named(connection, name).await;
    }
    let candidates = with_rights(connection).await?;
    let Some(best) = candidates.first() else {
        return Err(HuntError::Input(
            "no role has rights on a table of this schema: name the application's role with --app-role ROLE, or add \
             its GRANT statements to the schema"
                .to_owned(),
        ));
    };
    let name = gateway(connection, best).await?.unwrap_or_else(|| best.clone());
    Ok(AppRole { name, acts_as: best.clone(), candidates })
}

async fn named(connection: &mut PgConnection, name: &str) -> Result<AppRole, HuntError> {
    let rights = "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                  AND has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')) FROM pg_roles r WHERE rolname = $1";
    let has_rights: Option<bool> = sqlx::query_scalar(rights)
        .bind(name)
        .fetch_optional(&mut *connection)
        .await
        .map_err(HuntError::database("look for the role"))?;
    let Some(has_rights) = has_rights else {
        return Err(HuntError::Input(format!(
            "the role \"{name}\" does not exist in this schema: name one that it grants rights to"
        )));
    };
    let mut acts_as = name.to_owned();
    if !has_rights || by_role(connection).await? {
        let reachable = "SELECT coalesce(pg_has_role($1, $2, 'MEMBER'), false)";
        for candidate in with_rights(connection).await? {
            let reaches: bool = sqlx::query_scalar(reachable)
                .bind(name)
                .bind(&candidate)
                .fetch_one(&mut *connection)
                .await
                .map_err(HuntError::database("look for the role's rights"))?;
            if reaches {
                acts_as = candidate;
                break;
            }
        }
    }
    Ok(AppRole { name: name.to_owned(), acts_as, candidates: vec![name.to_owned()] })
}

/// Whether policies compare roles.
pub(in crate::hunt) async fn by_role(connection: &mut PgConnection) -> Result<bool, HuntError> {
    sqlx::query_scalar(AssertSqlSafe(format!("{TEXTS} SELECT EXISTS (SELECT FROM text WHERE s ~* $1)")))
        .bind(ROLE_WORDS)
        .fetch_one(connection)
        .await
        .map_err(HuntError::database("look for roles in policies"))
}

/// Roles with rights on tables, the likeliest first.
async fn with_rights(connection: &mut PgConnection) -> Result<Vec<String>, HuntError> {
    sqlx::query_scalar(
        "SELECT r.rolname::text \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         CROSS JOIN LATERAL (SELECT DISTINCT grantee FROM aclexplode(c.relacl)) a JOIN pg_roles r ON r.oid = a.grantee \
         WHERE n.nspname !~ '^(pg_|information_schema)' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
           AND r.rolname !~ '^pg_' AND r.rolname !~ $1 AND (c.relowner <> r.oid OR NOT c.relrowsecurity) \
           AND r.rolname <> current_user \
         GROUP BY r.oid, r.rolname, r.rolsuper, r.rolbypassrls \
         ORDER BY r.rolsuper OR r.rolbypassrls, EXISTS (SELECT FROM pg_class o WHERE o.relowner = r.oid), \
                  count(*) DESC, 1",
    )
    .bind(OURS)
    .fetch_all(connection)
    .await
    .map_err(HuntError::database("look for the application's role"))
}

/// Where policies compare roles: who may become tenants' roles and is none. Nobody may become it, it may become `of`
/// through another role, and it has no rights of its own.
async fn gateway(connection: &mut PgConnection, of: &str) -> Result<Option<String>, HuntError> {
    let query = format!(
        "{TEXTS} SELECT r.rolname::text FROM pg_roles r \
         WHERE EXISTS (SELECT FROM text WHERE s ~* $2) AND NOT r.rolsuper AND NOT r.rolbypassrls \
           AND r.rolname <> $1 AND pg_has_role(r.oid, $1, 'MEMBER') \
           AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid) \
           AND (NOT r.rolinherit OR EXISTS (SELECT FROM pg_auth_members m \
                JOIN pg_auth_members o ON o.member = m.roleid WHERE m.member = r.oid)) \
         ORDER BY r.rolinherit, r.rolcanlogin DESC, 1 LIMIT 1"
    );
    sqlx::query_scalar(AssertSqlSafe(query))
        .bind(of)
        .bind(ROLE_WORDS)
        .fetch_optional(connection)
        .await
        .map_err(HuntError::database("look for the role that becomes tenants' roles"))
}

pub(in crate::hunt) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A membership keeps its options; where they cannot be said, nobody is given more or less than there is.
    #[test]
    fn memberships_keep_their_options() {
        let grant = |inherit: Option<bool>, set: Option<bool>, has_options: bool| {
            let (group, member) = ("reader".to_owned(), "app".to_owned());
            Member { group, member, member_inherits: true, admin: false, inherit, set }.grant(has_options)
        };
        let plain = "GRANT \"reader\" TO \"app\"";
        assert_eq!(grant(None, None, true).unwrap(), format!("{plain} WITH INHERIT true, SET true, ADMIN false"));
        assert_eq!(
            grant(Some(false), Some(true), true).unwrap(),
            format!("{plain} WITH INHERIT false, SET true, ADMIN false")
        );
        assert_eq!(grant(None, None, false).unwrap(), plain);
        assert_eq!(grant(Some(true), Some(true), false).unwrap(), plain);
        assert!(grant(Some(false), Some(true), false).unwrap_err().is_input());
        assert!(grant(Some(true), Some(false), false).is_err());
    }
}
