//! How a rule's query is asked: with the role, the tenant columns, and what restrictive policies hold.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::floors::{Restrictive, floors};
use super::{PRELUDE, Rule};
use crate::hunt::catalogue::roles::AppRole;
use crate::hunt::error::HuntError;

/// What the rules are asked about.
pub(in crate::hunt) struct Scope<'a> {
    pub(in crate::hunt) app: &'a AppRole,
    pub(in crate::hunt) tenant_columns: &'a [String],
    /// Commands that restrictive policies hold to the tenant: the table's object id, then the command's letter.
    floors: Vec<String>,
}

/// Restrictive policies that are for the role.
const RESTRICTIVE: &str = "SELECT relid::int8, cmd::text, qual, checks, columns, rel.has_tid \
                           FROM pol JOIN rel ON rel.oid = relid WHERE NOT permissive";

impl<'a> Scope<'a> {
    /// Reads what restrictive policies hold now: a fix may have made one.
    pub(in crate::hunt) async fn read(
        connection: &mut PgConnection,
        app: &'a AppRole,
        tenant_columns: &'a [String],
    ) -> Result<Self, HuntError> {
        let mut scope = Self { app, tenant_columns, floors: Vec::new() };
        let rows = scope.ask(connection, "look for restrictive policies", RESTRICTIVE).await?;
        let policies = rows.iter().map(|row| Restrictive {
            table: row.get(0),
            command: row.get(1),
            using: row.get(2),
            check: row.get(3),
            columns: row.get(4),
            has_tenant_column: row.get(5),
        });
        scope.floors = policies.flat_map(|policy| floors(&policy, tenant_columns)).collect();
        Ok(scope)
    }

    /// What a rule says: (object, evidence, fix).
    pub(in crate::hunt) async fn hits(
        &self,
        connection: &mut PgConnection,
        rule: &Rule,
    ) -> Result<Vec<PgRow>, HuntError> {
        self.ask(connection, rule.title, rule.query).await
    }

    /// A query over the relations of [`PRELUDE`]. `what` is what it is for, if it fails.
    pub(super) async fn ask(
        &self,
        connection: &mut PgConnection,
        what: &'static str,
        query: &str,
    ) -> Result<Vec<PgRow>, HuntError> {
        sqlx::query(AssertSqlSafe(format!("{PRELUDE}{query}")))
            .bind(&self.app.acts_as)
            .bind(self.tenant_columns)
            .bind(&self.app.name)
            .bind(&self.floors)
            .fetch_all(connection)
            .await
            .map_err(HuntError::database(what))
    }
}
