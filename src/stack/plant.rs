//! Plants the database-side half of a defect in a scenario's own clone.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection};

use crate::scenario::Defect;

/// Every table with tenant data.
pub const TENANT_TABLES: [&str; 11] = [
    "tenants",
    "users",
    "memberships",
    "projects",
    "documents",
    "orders",
    "usage_events",
    "audit_events",
    "audit_events_2025",
    "audit_events_2026",
    "audit_events_other",
];

/// A defect could not be planted.
#[derive(Debug, thiserror::Error)]
#[error("cannot plant {what} with `{statement}`")]
pub struct PlantError {
    what: String,
    statement: String,
    source: sqlx::Error,
}

/// Whether the database enforces Row-Level Security in this scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSecurity {
    /// As migrated.
    On,
    /// Off on every table: the layer of defence is missing.
    Off,
}

/// Plants defects as the administrator, in a database that is thrown away afterwards. Returns the statements.
///
/// # Errors
/// [`PlantError`] with the statement that failed.
pub async fn plant(
    connection: &mut PgConnection,
    defects: &BTreeSet<Defect>,
    row_security: RowSecurity,
) -> Result<Vec<String>, PlantError> {
    let mut statements = Vec::new();
    if row_security == RowSecurity::Off {
        statements.extend(TENANT_TABLES.map(|table| ("missing layer rls".to_owned(), disable(table))));
    }
    for defect in defects {
        statements.extend(statements_of(*defect).into_iter().map(|statement| (format!("{defect:?}"), statement)));
    }
    let mut ran = Vec::with_capacity(statements.len());
    for (what, statement) in statements {
        let sent = sqlx::raw_sql(AssertSqlSafe(statement.as_str())).execute(&mut *connection).await;
        sent.map_err(|source| PlantError { what, statement: statement.clone(), source })?;
        ran.push(statement);
    }
    Ok(ran)
}

fn disable(table: &str) -> String {
    format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
}

/// What a defect changes in the database; nothing for those that live in the runtime.
fn statements_of(defect: Defect) -> Vec<String> {
    let context = "NULLIF(current_setting('app.tenant_id', true), '')::uuid";
    match defect {
        Defect::FailOpenPolicy => ["projects", "documents", "orders", "usage_events"]
            .map(|table| {
                let open = format!("(SELECT {context}) IS NULL OR tenant_id = (SELECT {context})");
                format!("ALTER POLICY tenant_isolation ON {table} USING ({open}) WITH CHECK ({open})")
            })
            .to_vec(),
        Defect::OwnerAsApp => {
            TENANT_TABLES.map(|table| format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")).to_vec()
        }
        Defect::RlsOffOnTable => vec![disable("documents")],
        // The connection is the administrator's, who is exempt. FORCE would make a view of chaos_owner obey.
        Defect::DefinerView => vec![
            "ALTER VIEW tenant_documents OWNER TO CURRENT_USER".to_owned(),
            "DO $$ BEGIN IF current_setting('server_version_num')::int >= 150000 THEN \
             EXECUTE 'ALTER VIEW tenant_documents SET (security_invoker = off)'; END IF; END $$"
                .to_owned(),
        ],
        Defect::StampFromContext => vec![
            format!(
                "CREATE FUNCTION stamp_from_context() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN NEW.tenant_id := {context}; RETURN NEW; END $$"
            ),
            "CREATE TRIGGER stamp_from_context BEFORE INSERT ON orders \
             FOR EACH ROW EXECUTE FUNCTION stamp_from_context()"
                .to_owned(),
        ],
        Defect::BlindRetry => vec!["ALTER TABLE orders DROP CONSTRAINT orders_once_per_request".to_owned()],
        Defect::SessionSet
        | Defect::SetOutsideTransaction
        | Defect::SwallowedReset
        | Defect::BypassrlsRole
        | Defect::NoBulkhead
        | Defect::LeakOnError
        | Defect::SetOnCheckout
        | Defect::KeptStatements
        | Defect::KeylessRetry
        | Defect::PoolerResetOff
        | Defect::AckWithoutCommit => Vec::new(),
    }
}
