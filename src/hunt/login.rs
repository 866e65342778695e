//! What a session of the application's role begins with: settings and a role by default. The probes' sessions are the
//! administrator's, so they are told.

use sqlx::{AssertSqlSafe, PgConnection};

use super::catalogue::login_settings;
use super::error::HuntError;

/// The probes' sessions are the administrator's, so they are told what the role's would begin with.
pub(super) async fn login_defaults(admin: &mut PgConnection, role: &str) -> Result<Vec<(String, String)>, HuntError> {
    let found = sqlx::query_as(AssertSqlSafe(login_settings::of_role(role))).fetch_all(admin).await;
    found.map_err(HuntError::database("read the role's defaults"))
}

/// Takes the role that a session of the application's begins with, as the defaults are when it runs.
const TAKE_DEFAULT_ROLE: &str = "DO $hunt$ DECLARE taken text; BEGIN \
    SELECT substr(x, 6) INTO taken FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) x \
    LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase \
    WHERE x LIKE 'role=%' AND (s.setrole = 0 OR r.rolname = session_user) \
    AND (s.setdatabase = 0 OR d.datname = current_database()) \
    ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1; \
    IF taken <> 'none' THEN EXECUTE format('SET LOCAL ROLE %I', taken); END IF; END $hunt$";

/// That statement, where a role by default is set for the application's role or for every one.
pub(super) async fn role_at_login(connection: &mut PgConnection, role: &str) -> Result<Vec<String>, HuntError> {
    let query = "SELECT EXISTS (SELECT FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) x \
                 LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE x LIKE 'role=%' AND (s.setrole = 0 OR r.rolname = $1))";
    let is_set = sqlx::query_scalar(query).bind(role).fetch_one(connection).await;
    let is_set: bool = is_set.map_err(HuntError::database("read the role's defaults"))?;
    Ok(is_set.then(|| TAKE_DEFAULT_ROLE.to_owned()).into_iter().collect())
}

/// The same for a reproducer, as the role's defaults are when it runs.
pub(super) fn as_at_login(role: &str, defaults: &[(String, String)]) -> Vec<String> {
    let statement = format!(
        "DO $hunt$ BEGIN PERFORM set_config(name, value, true) FROM ({}) AS d; END $hunt$",
        login_settings::of_role(role)
    );
    defaults.first().map(|_| statement).into_iter().collect()
}
