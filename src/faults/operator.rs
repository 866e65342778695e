//! `operator.*`: a protection of the database is taken away while the application runs, and put back exactly.
//!
//! The statements are those of a migration or a grant that went wrong, sent as the administrator. What they changed is
//! the difference between two readings of the catalogue; the undo is verified by a third reading, in which that is as in the
//! first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::JoinSet;

use super::{Fault, Healed, Target};
use crate::load::{Executor, NEW_PARTITION, Request, Step};
use crate::scenario::OperatorFault;
use crate::tenancy::{Changes, Protections};

/// A statement that waits longer than this for its lock gives way and is tried again, so that it never holds up the
/// whole load behind it.
const LOCK_LIMIT: &str = "200ms";
/// Tries for a lock.
const TRIES: usize = 20;
/// Pause between two reads of the job that reads a new partition.
const READ_EVERY: Duration = Duration::from_millis(20);

pub(super) struct OperatorMistake {
    fault: OperatorFault,
    admin: PgConnectOptions,
    /// The role that the application connects as.
    application: String,
    executor: Arc<Executor>,
    /// The reading before, and the statements that lead back to it. Set before anything is changed.
    before: Option<(Protections, Vec<String>)>,
    /// What the mistake changed, and others did not.
    changes: Option<Changes>,
    reader: JoinSet<()>,
    reads: Arc<AtomicU64>,
}

impl OperatorMistake {
    pub(super) fn new(fault: OperatorFault, target: &Target) -> Self {
        Self {
            fault,
            admin: target.admin.clone(),
            application: target.connect.get_username().to_owned(),
            executor: target.executor.clone(),
            before: None,
            changes: None,
            reader: JoinSet::new(),
            reads: Arc::default(),
        }
    }

    async fn make(&mut self) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let before = Protections::read(&mut connection, &self.application).await?;
        let (mistake, undo) = self.statements(&mut connection).await?;
        self.before = Some((before.clone(), undo));
        in_one_transaction(&mut connection, &mistake).await?;
        let after = Protections::read(&mut connection, &self.application).await?;
        self.changes = Some(after.changes_since(&before));
        match self.fault {
            OperatorFault::GrantBypassrls => reconnect(&mut connection, &self.application).await?,
            OperatorFault::AddPartition => {
                self.reader.spawn(read_the_partition(self.executor.clone(), self.reads.clone()));
            }
            _ => {}
        }
        connection.close().await
    }

    /// The mistake, and what undoes it.
    async fn statements(&self, connection: &mut PgConnection) -> Result<(Vec<String>, Vec<String>), sqlx::Error> {
        let role = quoted(&self.application);
        Ok(match self.fault {
            OperatorFault::DisableRls(table) => {
                let table = table.name();
                let alter = |how: &str| vec![format!("ALTER TABLE {table} {how} ROW LEVEL SECURITY")];
                (alter("DISABLE"), alter("ENABLE"))
            }
            OperatorFault::Unforce(table) => {
                let table = table.name();
                let alter = |how: &str| vec![format!("ALTER TABLE {table} {how} ROW LEVEL SECURITY")];
                (alter("NO FORCE"), alter("FORCE"))
            }
            OperatorFault::DropPolicy(table) => {
                let policies = Policy::of(connection, table.name()).await?;
                (
                    policies.iter().map(|policy| policy.drop_statement(table.name())).collect(),
                    policies.iter().map(|policy| policy.create_statement(table.name())).collect(),
                )
            }
            OperatorFault::WidenPolicy(table) => {
                let policies = Policy::of(connection, table.name()).await?;
                let both =
                    |policy: &Policy| [policy.drop_statement(table.name()), policy.create_statement(table.name())];
                (
                    policies.iter().map(|policy| policy.widen_statement(table.name())).collect(),
                    // A check that was not there cannot be altered away.
                    policies.iter().flat_map(both).collect(),
                )
            }
            OperatorFault::OwnTable(table) => {
                let table = table.name();
                let owner: String =
                    sqlx::query_scalar("SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = $1::regclass")
                        .bind(table)
                        .fetch_one(connection)
                        .await?;
                let give = |to: &str| vec![format!("ALTER TABLE {table} OWNER TO {to}")];
                (give(&role), give(&quoted(&owner)))
            }
            OperatorFault::GrantBypassrls => {
                (vec![format!("ALTER ROLE {role} BYPASSRLS")], vec![format!("ALTER ROLE {role} NOBYPASSRLS")])
            }
            OperatorFault::AddPartition => (
                vec![
                    format!(
                        "CREATE TABLE {NEW_PARTITION} PARTITION OF audit_events \
                         FOR VALUES FROM ('2097-01-01') TO ('2098-01-01')"
                    ),
                    format!("ALTER TABLE {NEW_PARTITION} OWNER TO chaos_owner"),
                    format!("GRANT SELECT ON {NEW_PARTITION} TO chaos_app"),
                    format!(
                        "INSERT INTO {NEW_PARTITION} (tenant_id, id, at, actor, message) \
                         SELECT id, 1, '2097-03-01', 'job', 'canary:' || slug || ':audit_events:1;' FROM tenants"
                    ),
                ],
                vec![format!("DROP TABLE IF EXISTS {NEW_PARTITION}")],
            ),
        })
    }

    async fn undo(&mut self) -> Result<Option<String>, sqlx::Error> {
        let Some((before, undo)) = &self.before else { return Ok(None) };
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let now = Protections::read(&mut connection, &self.application).await?;
        // Mistakes may overlap. What others changed meanwhile is theirs to put back.
        let drift = |now: &Protections| match &self.changes {
            Some(changes) => now.drift_within(before, changes),
            // Of one whose change was not read.
            None => now.drift_since(before),
        };
        // An injection that failed has changed nothing: its statements were one transaction.
        if !drift(&now).is_empty() {
            in_one_transaction(&mut connection, undo).await?;
            if self.fault == OperatorFault::GrantBypassrls {
                reconnect(&mut connection, &self.application).await?;
            }
        }
        let left = drift(&Protections::read(&mut connection, &self.application).await?);
        connection.close().await?;
        let problem = (!left.is_empty()).then(|| format!("the catalogue still differs: {}", left.join("; ")));
        if problem.is_none() {
            self.before = None;
        }
        Ok(problem)
    }
}

impl Fault for OperatorMistake {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.make().await.map_err(|error| error.to_string()) })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            self.reader.shutdown().await;
            let problem = self.undo().await.unwrap_or_else(|error| Some(error.to_string()));
            match self.fault {
                OperatorFault::AddPartition => {
                    Healed { touched: self.reads.load(Ordering::Relaxed), unit: "reads of the partition", problem }
                }
                _ => {
                    let touched = self.changes.as_ref().map_or(0, |changes| changes.things() as u64);
                    Healed { touched, unit: "protections", problem }
                }
            }
        })
    }
}

/// A policy, as the catalogue has it.
struct Policy {
    name: String,
    permissive: bool,
    command: String,
    roles: String,
    using: Option<String>,
    check: Option<String>,
}

impl Policy {
    async fn of(connection: &mut PgConnection, table: &str) -> Result<Vec<Self>, sqlx::Error> {
        type Row = (String, bool, String, String, Option<String>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT polname::text, polpermissive, \
                    CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' \
                                WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, \
                    (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', ') \
                       FROM unnest(polroles) AS role), \
                    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) \
               FROM pg_policy WHERE polrelid = $1::regclass ORDER BY polname",
        )
        .bind(table)
        .fetch_all(connection)
        .await?;
        let policy =
            |(name, permissive, command, roles, using, check)| Self { name, permissive, command, roles, using, check };
        Ok(rows.into_iter().map(policy).collect())
    }

    fn drop_statement(&self, table: &str) -> String {
        format!("DROP POLICY {} ON {table}", quoted(&self.name))
    }

    fn create_statement(&self, table: &str) -> String {
        let kind = if self.permissive { "PERMISSIVE" } else { "RESTRICTIVE" };
        let clause = |word: &str, expression: &Option<String>| {
            expression.as_ref().map_or(String::new(), |expression| format!(" {word} ({expression})"))
        };
        format!(
            "CREATE POLICY {} ON {table} AS {kind} FOR {} TO {}{}{}",
            quoted(&self.name),
            self.command,
            self.roles,
            clause("USING", &self.using),
            clause("WITH CHECK", &self.check)
        )
    }

    fn widen_statement(&self, table: &str) -> String {
        let clause = |word: &str, expression: &Option<String>| match expression {
            Some(_) => format!(" {word} (true)"),
            None => String::new(),
        };
        let (using, check) = (clause("USING", &self.using), clause("WITH CHECK", &self.check));
        format!("ALTER POLICY {} ON {table}{using}{check}", quoted(&self.name))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All of it or nothing, and never in the way of the load for longer than a lock may take.
async fn in_one_transaction(connection: &mut PgConnection, statements: &[String]) -> Result<(), sqlx::Error> {
    let batch = format!("BEGIN; SET LOCAL lock_timeout = '{LOCK_LIMIT}'; {}; COMMIT", statements.join("; "));
    let mut last = None;
    for _ in 0..TRIES {
        match sqlx::raw_sql(AssertSqlSafe(batch.as_str())).execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
                let busy = matches!(&error, sqlx::Error::Database(word)
                    if matches!(word.code().as_deref(), Some("55P03" | "40P01")));
                if !busy {
                    return Err(error);
                }
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or(sqlx::Error::PoolTimedOut))
}

/// Ends the application's connections to this database: it opens new ones, as a deployment does. A statement that was
/// prepared before the role changed keeps the plan, and with it the policies, that it had.
async fn reconnect(connection: &mut PgConnection, application: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND datname = current_database()",
    )
    .bind(application)
    .execute(connection)
    .await
    .map(|_| ())
}

/// A job that reads the newest partition for each tenant in turn.
async fn read_the_partition(executor: Arc<Executor>, reads: Arc<AtomicU64>) {
    let tenants = executor.directory().len() as u32;
    for tenant in (0..tenants).cycle() {
        let at = executor.now();
        executor.recorder().intend(at, tenant);
        let failed = executor.execute(Request { at, tenant, step: Step::PartitionRead }).await;
        reads.fetch_add(u64::from(failed.is_none()), Ordering::Relaxed);
        tokio::time::sleep(READ_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy is put back as it was: kind, command, roles, and a clause that it did not have stays away.
    #[test]
    fn a_policy_is_put_back_as_it_was() {
        let policy = Policy {
            name: "own \"rows\"".into(),
            permissive: false,
            command: "SELECT".into(),
            roles: "PUBLIC".into(),
            using: Some("(a = b)".into()),
            check: None,
        };
        assert_eq!(
            policy.create_statement("t"),
            "CREATE POLICY \"own \"\"rows\"\"\" ON t AS RESTRICTIVE FOR SELECT TO PUBLIC USING ((a = b))"
        );
        assert_eq!(policy.widen_statement("t"), "ALTER POLICY \"own \"\"rows\"\"\" ON t USING (true)");
    }
}
