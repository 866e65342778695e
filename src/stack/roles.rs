//! Roles: group roles that own and may use the schema, and login roles of one run that are members of them.
//!
//! Roles belong to the whole server, so login roles carry the run's name and are dropped with it. The application's
//! role owns nothing, bypasses nothing and gets what the migrations grant to `chaos_app`.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection};

use super::error::StackError;

const GROUPS: [&str; 3] = ["chaos_owner", "chaos_migrator", "chaos_app"];

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRole {
    /// The application: least privilege.
    App,
    /// The application with BYPASSRLS (defect `bypassrls-role`).
    AppBypassRls,
    /// The tables' owner (defect `owner-as-app`).
    Owner,
    /// Applies migrations.
    Migrator,
}

impl LoginRole {
    const ALL: [LoginRole; 4] = [LoginRole::App, LoginRole::AppBypassRls, LoginRole::Owner, LoginRole::Migrator];

    fn prefix(self) -> &'static str {
        match self {
            LoginRole::App => "chaos_app",
            LoginRole::AppBypassRls => "chaos_bypass",
            LoginRole::Owner => "chaos_owner",
            LoginRole::Migrator => "chaos_migrator",
        }
    }

    fn group(self) -> &'static str {
        match self {
            LoginRole::App | LoginRole::AppBypassRls => "chaos_app",
            LoginRole::Owner => "chaos_owner",
            LoginRole::Migrator => "chaos_migrator",
        }
    }

    fn attributes(self) -> &'static str {
        match self {
            LoginRole::AppBypassRls => "BYPASSRLS",
            LoginRole::App | LoginRole::Owner | LoginRole::Migrator => "",
        }
    }
}

/// The login roles of one run.
#[derive(Debug, Clone)]
pub(super) struct Roles {
    run: String,
    password: String,
}

impl Roles {
    /// Creates what is missing. The administrator becomes a member of the owner, so that it may act for it without
    /// being a superuser.
    pub(super) async fn create(admin: &mut PgConnection, run: &str) -> Result<Self, StackError> {
        let password = uuid::Uuid::new_v4().simple().to_string();
        for group in GROUPS {
            // Another run may create it at the same moment.
            let statement = format!(
                "DO $$ BEGIN CREATE ROLE {group} NOLOGIN; \
                 EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            );
            send(admin, &statement, "create roles").await?;
        }
        send(admin, "GRANT chaos_owner TO chaos_migrator, CURRENT_USER", "create roles").await?;
        let roles = Self { run: run.to_owned(), password };
        for role in LoginRole::ALL {
            let (name, attributes, group) = (roles.name(role), role.attributes(), role.group());
            let password = &roles.password;
            let statement = format!("CREATE ROLE {name} LOGIN {attributes} PASSWORD '{password}' IN ROLE {group}");
            send(admin, &statement, "create roles").await?;
        }
        Ok(roles)
    }

    /// Name and password of one of these roles.
    pub(super) fn login(&self, role: LoginRole) -> (String, String) {
        (self.name(role), self.password.clone())
    }

    fn name(&self, role: LoginRole) -> String {
        format!("{}_{}", role.prefix(), self.run)
    }

    /// The same server and database, as one of these roles.
    pub(super) fn connect(&self, options: PgConnectOptions, role: LoginRole) -> PgConnectOptions {
        options.username(&self.name(role)).password(&self.password)
    }

    /// Drops the login roles of a run, and the group roles if nothing needs them any more.
    pub(super) async fn drop_of(admin: &mut PgConnection, run: &str) -> Result<(), StackError> {
        for role in LoginRole::ALL {
            let statement = format!("DROP ROLE IF EXISTS {}_{run}", role.prefix());
            send(admin, &statement, "drop roles").await?;
        }
        for group in GROUPS {
            // Another run's members keep it: dropping it then would take their rights away.
            let statement = format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
                 JOIN pg_roles u ON u.oid = m.member WHERE g.rolname = '{group}' AND u.rolcanlogin \
                 AND u.rolname LIKE 'chaos\\_%') THEN DROP ROLE IF EXISTS {group}; END IF; \
                 EXCEPTION WHEN dependent_objects_still_exist OR undefined_object THEN NULL; END $$"
            );
            send(admin, &statement, "drop roles").await?;
        }
        Ok(())
    }
}

async fn send(admin: &mut PgConnection, statement: &str, what: &'static str) -> Result<(), StackError> {
    let sent = sqlx::raw_sql(AssertSqlSafe(statement)).execute(admin).await;
    sent.map(|_| ()).map_err(StackError::database(what))
}
