//! Settings with which sessions begin: those of a role, of a database, or of a role in a database. A tenant that is
//! pinned there is set where nobody has set one.
//!
//! Only those that a schema can have made up, with a dot in their name, and the role: the server's own say how it works.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::roles::quote;
use crate::hunt::error::HuntError;

/// One setting: of everybody in the database if it names no role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hunt) struct LoginSetting {
    role: Option<String>,
    in_database: bool,
    name: String,
    value: String,
}

/// The settings of a database's sessions, the narrower after the wider.
pub(in crate::hunt) async fn read(connection: &mut PgConnection) -> Result<Vec<LoginSetting>, HuntError> {
    // A role that every session of the database takes would be ours too.
    let query = "SELECT r.rolname::text, s.setdatabase <> 0, split_part(x, '=', 1), substr(x, strpos(x, '=') + 1) \
                 FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN unnest(s.setconfig) x \
                 WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
                 AND (split_part(x, '=', 1) LIKE '%.%' OR split_part(x, '=', 1) = 'role' AND s.setrole <> 0) \
                 ORDER BY s.setrole <> 0, s.setdatabase <> 0, 3";
    let rows = sqlx::query(query).fetch_all(connection).await.map_err(HuntError::database("read roles' settings"))?;
    let setting = |row: &sqlx::postgres::PgRow| LoginSetting {
        role: row.get(0),
        in_database: row.get(1),
        name: row.get(2),
        value: row.get(3),
    };
    Ok(rows.iter().map(setting).collect())
}

/// Those that the database holds: the roles' own are the whole server's.
pub(in crate::hunt) fn of_database(settings: Vec<LoginSetting>) -> Vec<LoginSetting> {
    settings.into_iter().filter(|setting| setting.in_database || setting.role.is_none()).collect()
}

/// Gives them to the sessions of the connection's database, except to its own role: what it sets is no tenant's.
pub(in crate::hunt) async fn write(connection: &mut PgConnection, settings: &[LoginSetting]) -> Result<(), HuntError> {
    let failed = || HuntError::database("copy roles' settings");
    let us = "SELECT current_user::text, current_database()::text";
    let (us, database): (String, String) = sqlx::query_as(us).fetch_one(&mut *connection).await.map_err(failed())?;
    for LoginSetting { role, in_database, name, value } in settings {
        let who = match (role, in_database) {
            (Some(role), _) if *role == us => continue,
            (Some(role), true) => format!("ROLE {} IN DATABASE {}", quote(role), quote(&database)),
            (Some(role), false) => format!("ROLE {}", quote(role)),
            (None, _) => format!("DATABASE {}", quote(&database)),
        };
        let name = name.split('.').map(quote).collect::<Vec<_>>().join(".");
        let statement = format!("ALTER {who} SET {name} = {}", literal(value));
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.map_err(failed())?;
    }
    Ok(())
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Query for the settings with a dot that a role's sessions begin with in the database where it runs: name, value.
pub(in crate::hunt) fn of_role(role: &str) -> String {
    format!(
        "SELECT split_part(x, '=', 1) AS name, substr(x, strpos(x, '=') + 1) AS value \
         FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN unnest(s.setconfig) x \
         WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) \
         AND split_part(x, '=', 1) LIKE '%.%' AND r.rolname = {} ORDER BY s.setdatabase <> 0",
        literal(role)
    )
}
