//! Plays a sequence on two connections and holds every step against the model: what a superuser sees of both tenants.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::operation::{Operation, Reset, Whose};
use super::search::Ground;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::catalogue::{Function, Relation};
use crate::hunt::error::HuntError;
use crate::hunt::probe::context::read_sql;
use crate::hunt::probe::{digest, flag_statements};
use crate::hunt::seeding::{Tenant, insert_sql, literal, run, scalar};

/// What a step did that the model forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hunt) struct Violation {
    pub(in crate::hunt) object: String,
    /// SELECT, EXECUTE, INSERT, UPDATE, DELETE or CALL.
    pub(in crate::hunt) verb: &'static str,
    pub(in crate::hunt) evidence: String,
    /// The statements of every step, as they were sent; those of the transaction that violated it begin here.
    pub(in crate::hunt) statements: Vec<String>,
    pub(in crate::hunt) transaction: usize,
    /// Whether an earlier transaction of the sequence has written.
    pub(in crate::hunt) wrote_before: bool,
    /// Steps that did something.
    pub(in crate::hunt) steps: usize,
}

/// One connection, and what the model knows of it.
struct Line {
    connection: PgConnection,
    tenant: Option<Tenant>,
    in_transaction: bool,
    /// The tenant at each savepoint.
    savepoints: Vec<Option<Tenant>>,
    prepared: BTreeSet<usize>,
    statements: Vec<String>,
    transaction: usize,
    wrote: bool,
}

/// Two connections of the application's role to the clone.
pub(super) struct Player<'a> {
    ground: Ground<'a>,
    lines: [Line; 2],
    at: usize,
    steps: usize,
    /// Whether a write was committed: the rows are then seeded anew.
    is_dirty: bool,
    /// Objects and verbs that are known to leak.
    pub(super) known: BTreeSet<(String, &'static str)>,
}

type Played = Result<Option<Violation>, HuntError>;

impl<'a> Player<'a> {
    pub(super) fn new(ground: Ground<'a>, connections: [PgConnection; 2]) -> Self {
        let lines = connections.map(|connection| Line {
            connection,
            tenant: None,
            in_transaction: false,
            savepoints: vec![],
            prepared: BTreeSet::new(),
            statements: vec![],
            transaction: 0,
            wrote: false,
        });
        Self { ground, lines, at: 0, steps: 0, is_dirty: false, known: BTreeSet::new() }
    }

    /// Plays one sequence from the seeded state and gives its first violation.
    pub(super) async fn play(&mut self, sequence: &[Operation]) -> Played {
        self.begin().await?;
        for operation in sequence {
            if let Some(violation) = self.step(operation).await? {
                return Ok(Some(violation));
            }
        }
        Ok(None)
    }

    async fn begin(&mut self) -> Result<(), HuntError> {
        for line in &mut self.lines {
            line.raw("ROLLBACK").await?;
            line.raw("DISCARD ALL").await?;
            (line.tenant, line.in_transaction, line.wrote, line.transaction) = (None, false, false, 0);
            line.savepoints.clear();
            line.prepared.clear();
            line.statements.clear();
        }
        (self.at, self.steps) = (0, 0);
        if std::mem::take(&mut self.is_dirty) {
            let mut all = vec!["BEGIN".to_owned(), "SET LOCAL session_replication_role = replica".to_owned()];
            let tables: BTreeSet<i64> = self.ground.seeded.rows.iter().map(|(id, ..)| *id).collect();
            all.extend(tables.iter().map(|id| format!("DELETE FROM {}", self.ground.catalogue.relations[id].name)));
            for (id, _, row) in &self.ground.seeded.rows {
                all.push(insert_sql(&self.ground.catalogue.relations[id].name, row));
            }
            all.extend(self.ground.setup.iter().cloned());
            all.push("COMMIT".to_owned());
            self.lines[0].raw(&all.join(";\n")).await?;
        }
        Ok(())
    }

    fn line(&mut self) -> &mut Line {
        &mut self.lines[self.at]
    }

    /// Statements that make the transaction one of a tenant.
    fn enter(&self, tenant: Tenant) -> &'a [String] {
        if tenant == Tenant::A { &self.ground.context.a } else { &self.ground.context.b }
    }

    async fn step(&mut self, operation: &Operation) -> Played {
        let tables = self.ground.tables.len();
        self.steps += 1;
        match operation {
            Operation::Begin(tenant) if !self.line().in_transaction => {
                self.open().await?;
                if let Some(tenant) = tenant {
                    self.switch(*tenant).await?;
                }
            }
            Operation::Switch(tenant) if self.line().in_transaction => self.switch(*tenant).await?,
            Operation::Commit if self.line().in_transaction => {
                self.is_dirty |= self.line().wrote;
                self.close("COMMIT").await?;
            }
            Operation::Rollback if self.line().in_transaction => self.close("ROLLBACK").await?,
            Operation::Savepoint if self.line().in_transaction => {
                let line = self.line();
                line.say("SAVEPOINT hunt").await?;
                line.savepoints.push(line.tenant);
            }
            Operation::RollbackToSavepoint if !self.line().savepoints.is_empty() => {
                let line = self.line();
                line.say("ROLLBACK TO SAVEPOINT hunt").await?;
                line.tenant = line.savepoints.last().copied().flatten();
            }
            Operation::Recycle(reset) => self.recycle(*reset).await?,
            Operation::Other => self.at = 1 - self.at,
            Operation::Read(at) if tables > 0 => return self.read(usize::from(*at) % tables).await,
            Operation::Execute(at) if tables > 0 => return self.execute(usize::from(*at) % tables).await,
            Operation::Insert(at, whose) if tables > 0 => return self.insert(usize::from(*at) % tables, *whose).await,
            Operation::Update(at) | Operation::Move(at) if tables > 0 => {
                let moves = matches!(operation, Operation::Move(_));
                return self.update(usize::from(*at) % tables, if moves { Whose::Other } else { Whose::Own }).await;
            }
            Operation::Delete(at) if tables > 0 => return self.delete(usize::from(*at) % tables).await,
            Operation::Call(at, whose) if !self.ground.catalogue.functions.is_empty() => {
                let functions = &self.ground.catalogue.functions;
                return self.call(&functions[usize::from(*at) % functions.len()], *whose).await;
            }
            Operation::Flag(at) if self.line().in_transaction => {
                let flags = flag_statements(self.ground.context, self.ground.catalogue);
                if let Some(flag) = flags.get(usize::from(*at) % flags.len().max(1)) {
                    self.line().say(flag).await?;
                }
            }
            _ => self.steps -= 1,
        }
        Ok(None)
    }

    async fn open(&mut self) -> Result<(), HuntError> {
        let role = quote(self.ground.role);
        let line = self.line();
        line.transaction = line.statements.len();
        line.say("BEGIN").await?;
        line.say(&format!("SET LOCAL SESSION AUTHORIZATION {role}")).await?;
        line.in_transaction = true;
        Ok(())
    }

    async fn switch(&mut self, tenant: Tenant) -> Result<(), HuntError> {
        for statement in self.enter(tenant) {
            if !self.line().say(statement).await? {
                return self.close("ROLLBACK").await;
            }
        }
        self.line().tenant = Some(tenant);
        Ok(())
    }

    async fn close(&mut self, how: &str) -> Result<(), HuntError> {
        let line = self.line();
        line.say(how).await?;
        (line.tenant, line.in_transaction, line.wrote) = (None, false, line.wrote && how == "COMMIT");
        line.savepoints.clear();
        Ok(())
    }

    async fn recycle(&mut self, reset: Reset) -> Result<(), HuntError> {
        if self.line().in_transaction {
            self.close("ROLLBACK").await?;
        }
        let line = self.line();
        match reset {
            Reset::Whole => {
                line.say("DISCARD ALL").await?;
                line.prepared.clear();
            }
            Reset::Settings => drop(line.say("RESET ALL").await?),
            Reset::Nothing => {}
        }
        Ok(())
    }

    /// A statement outside of a transaction has one of its own, without a tenant.
    async fn ensure_transaction(&mut self) -> Result<(), HuntError> {
        if !self.line().in_transaction {
            self.open().await?;
        }
        Ok(())
    }

    async fn read(&mut self, at: usize) -> Played {
        let table: &'a Relation = self.ground.tables[at].1;
        let Some(read) = read_sql(table) else { return Ok(None) };
        self.ensure_transaction().await?;
        self.shown(&table.name, "SELECT", &read).await
    }

    async fn execute(&mut self, at: usize) -> Played {
        let table: &'a Relation = self.ground.tables[at].1;
        let Some(read) = read_sql(table) else { return Ok(None) };
        self.ensure_transaction().await?;
        if !self.line().prepared.contains(&at) {
            let prepare = format!("PREPARE hunt_{at} AS SELECT string_agg(q.r, ' ') FROM ({read}) AS q (r)");
            if !self.line().say(&prepare).await? {
                return self.close("ROLLBACK").await.map(|()| None);
            }
            self.line().prepared.insert(at);
        }
        self.shown(&table.name, "EXECUTE", &format!("EXECUTE hunt_{at}")).await
    }

    async fn call(&mut self, function: &'a Function, whose: Whose) -> Played {
        self.ensure_transaction().await?;
        let own = self.line().tenant.unwrap_or(Tenant::A);
        let of = if whose == Whose::Own { own } else { other(own) };
        let arguments: Vec<String> =
            function.arguments.iter().map(|name| format!("{}::{name}", literal(&scalar(name, None, of, 0)))).collect();
        // What is given comes back as an echo.
        if arguments.iter().any(|argument| other(own).is_in(argument) || self.line().tenant.is_none()) {
            return Ok(None);
        }
        let sql = format!("SELECT f::text FROM {}({}) AS f", function.name, arguments.join(", "));
        let before = self.digests().await?;
        if let Some(violation) = self.shown(&function.signature, "CALL", &sql).await? {
            return Ok(Some(violation));
        }
        // What it wrote need not be in the digests.
        if self.line().in_transaction && !self.line().wrote {
            let line = self.line();
            let query = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL";
            let wrote = sqlx::raw_sql(query).fetch_one(&mut line.connection).await;
            line.wrote = wrote.map_err(HuntError::database("ask whether a call wrote"))?.get(0);
        }
        self.changed(&function.signature, "CALL", before).await
    }

    async fn insert(&mut self, at: usize, whose: Whose) -> Played {
        self.ensure_transaction().await?;
        let (id, table) = self.ground.tables[at];
        let own = self.line().tenant.unwrap_or(Tenant::A);
        let of = if whose == Whose::Own { own } else { other(own) };
        let Some(row) = self.ground.seeded.row(id, of) else { return Ok(None) };
        let may = |name: &String| table.columns.iter().any(|column| column.name == *name && column.insertable);
        let row: Vec<(String, String)> = row.iter().filter(|(name, _)| may(name)).cloned().collect();
        if row.is_empty() {
            return Ok(None);
        }
        self.write(&table.name, "INSERT", &insert_sql(&table.name, &row)).await
    }

    async fn update(&mut self, at: usize, whose: Whose) -> Played {
        self.ensure_transaction().await?;
        let (id, table) = self.ground.tables[at];
        let own = self.line().tenant.unwrap_or(Tenant::A);
        let of = if whose == Whose::Own { own } else { other(own) };
        let Some(row) = self.ground.seeded.row(id, of) else { return Ok(None) };
        let may = |name: &String| {
            let column = table.columns.iter().find(|column| column.name == *name);
            column.is_some_and(|column| {
                column.updatable && !column.generated && (whose == Whose::Other || !column.in_key)
            })
        };
        let sets: Vec<String> = row
            .iter()
            .filter(|(name, _)| may(name))
            .map(|(name, value)| format!("{} = {}", quote(name), literal(value)))
            .collect();
        if sets.is_empty() {
            return Ok(None);
        }
        self.write(&table.name, "UPDATE", &format!("UPDATE {} SET {}", table.name, sets.join(", "))).await
    }

    async fn delete(&mut self, at: usize) -> Played {
        self.ensure_transaction().await?;
        let table = self.ground.tables[at].1;
        if !table.deletable {
            return Ok(None);
        }
        self.write(&table.name, "DELETE", &format!("DELETE FROM {}", table.name)).await
    }

    async fn write(&mut self, object: &str, verb: &'static str, sql: &str) -> Played {
        let before = self.digests().await?;
        self.line().wrote = true;
        if !self.line().say(sql).await? {
            // As an application does: an error ends the transaction.
            return self.close("ROLLBACK").await.map(|()| None);
        }
        self.changed(object, verb, before).await
    }

    /// Runs a read and looks for marks that its tenant must not see.
    async fn shown(&mut self, object: &str, verb: &'static str, sql: &str) -> Played {
        let line = self.line();
        line.statements.push(sql.to_owned());
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut line.connection).await;
        let Ok(rows) = rows else {
            line.statements.pop();
            return self.close("ROLLBACK").await.map(|()| None);
        };
        let strangers: &[Tenant] = match line.tenant {
            Some(Tenant::A) => &[Tenant::B],
            Some(_) => &[Tenant::A],
            None => &[Tenant::A, Tenant::B],
        };
        let texts = rows.iter().filter_map(|row| row.try_get::<Option<String>, _>(0).ok().flatten());
        let foreign = texts.into_iter().find(|text| strangers.iter().any(|stranger| stranger.is_in(text)));
        Ok(foreign.and_then(|text| self.violation(object, verb, text)))
    }

    /// What the superuser sees of each tenant's rows, inside of the transaction.
    async fn digests(&mut self) -> Result<[String; 2], HuntError> {
        let (catalogue, seeded) = (self.ground.catalogue, self.ground.seeded);
        let query =
            format!("SELECT ({}), ({})", digest(catalogue, seeded, Tenant::A), digest(catalogue, seeded, Tenant::B));
        let line = self.line();
        line.raw("SAVEPOINT hunt_model; RESET SESSION AUTHORIZATION").await?;
        let row = sqlx::raw_sql(AssertSqlSafe(query)).fetch_one(&mut line.connection).await;
        line.raw("ROLLBACK TO SAVEPOINT hunt_model; RELEASE SAVEPOINT hunt_model").await?;
        let row = row.map_err(HuntError::database("look at the model's rows"))?;
        Ok([row.get(0), row.get(1)])
    }

    /// Whether rows of somebody else have changed.
    async fn changed(&mut self, object: &str, verb: &'static str, before: [String; 2]) -> Played {
        if !self.line().in_transaction {
            return Ok(None);
        }
        let after = self.digests().await?;
        let tenant = self.line().tenant;
        let changed = |of: Tenant, at: usize| tenant != Some(of) && before[at] != after[at];
        let whose = match (changed(Tenant::A, 0), changed(Tenant::B, 1)) {
            (true, _) => "A",
            (_, true) => "B",
            _ => return Ok(None),
        };
        Ok(self.violation(object, verb, format!("rows of tenant {whose} have changed")))
    }

    fn violation(&mut self, object: &str, verb: &'static str, evidence: String) -> Option<Violation> {
        if self.known.contains(&(object.to_owned(), verb)) {
            return None;
        }
        let steps = self.steps;
        let is_dirty = self.is_dirty;
        let line = self.line();
        Some(Violation {
            object: object.to_owned(),
            verb,
            evidence,
            statements: line.statements.clone(),
            transaction: line.transaction,
            wrote_before: is_dirty,
            steps,
        })
    }
}

impl Line {
    /// A statement of the harness: it must work, and is no part of the sequence.
    async fn raw(&mut self, sql: &str) -> Result<(), HuntError> {
        run(&mut self.connection, sql.to_owned()).await.map_err(HuntError::database("play a sequence"))
    }

    /// A statement of the sequence, and whether it worked.
    async fn say(&mut self, sql: &str) -> Result<bool, HuntError> {
        let worked = run(&mut self.connection, sql.to_owned()).await.is_ok();
        self.statements.push(sql.to_owned());
        Ok(worked)
    }
}

fn other(tenant: Tenant) -> Tenant {
    if tenant == Tenant::A { Tenant::B } else { Tenant::A }
}
