//! Probes: one object, one verb, one state of the context, one oracle. A probe is data; the same data is run here and
//! written down as a reproducer, so that both mean the same.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::notices::Notices;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::error::HuntError;
use crate::hunt::finding::Severity;
use crate::hunt::seeding::{Tenant, literal, run};

/// SQLSTATEs by which isolation refuses: insufficient privilege (row security too) and a view's check option.
pub(in crate::hunt) const REFUSALS: &[&str] = &["42501", "44000"];

/// Whatever error a plain read of one's own has, no row has come.
pub(in crate::hunt) const ANY_ERROR: &[&str] = &["*"];

/// One attempt to reach what is another's.
#[derive(Debug, Clone)]
pub(in crate::hunt) struct Probe {
    pub(in crate::hunt) object: String,
    pub(in crate::hunt) verb: &'static str,
    pub(in crate::hunt) state: String,
    /// Failure mode that success means.
    pub(in crate::hunt) mode: &'static str,
    pub(in crate::hunt) severity: Severity,
    /// What success means, in a sentence.
    pub(in crate::hunt) title: &'static str,
    /// On a connection that never knew a tenant.
    pub(in crate::hunt) fresh: bool,
    /// Outside of the transaction, each on its own. What they leave on the connection is discarded afterwards.
    pub(in crate::hunt) prepare: Vec<String>,
    /// In it, as superuser.
    pub(in crate::hunt) before: Vec<String>,
    /// In it, as the application's role.
    pub(in crate::hunt) enter: Vec<String>,
    /// Then, as the application's role; the first one that fails ends the probe.
    pub(in crate::hunt) attack: Vec<Attack>,
    /// SQLSTATEs with which it is refused where the tenants are isolated. Any other error proves nothing.
    pub(in crate::hunt) refusals: &'static [&'static str],
    pub(in crate::hunt) oracle: Oracle,
    /// Whose data may not be in anything that the server says.
    pub(in crate::hunt) strangers: &'static [Tenant],
}

/// One step of an attack.
#[derive(Debug, Clone)]
pub(in crate::hunt) enum Attack {
    Sql(String),
    /// `COPY … FROM STDIN` and its lines.
    CopyIn {
        statement: String,
        data: String,
    },
}

/// Where to look for what an attack has shown.
#[derive(Debug, Clone)]
pub(in crate::hunt) enum Look {
    /// A query with one column of text.
    Query(String),
    /// `COPY … TO STDOUT`.
    CopyOut(String),
}

/// What tells success.
#[derive(Debug, Clone)]
pub(in crate::hunt) enum Oracle {
    /// The role itself sees a text that matches the regular expression.
    Shown { looks: Vec<Look>, foreign: String },
    /// A superuser's query gives a text afterwards.
    Stored { look: String },
    /// The last step of the attack fails with this SQLSTATE.
    Refused { code: &'static str },
}

/// What a probe saw.
#[derive(Debug)]
pub(in crate::hunt) struct Seen {
    /// Each text, and whether it is foreign.
    pub(in crate::hunt) rows: Vec<(String, bool)>,
    /// A message (error, detail, hint or notice) with a stranger's mark that no statement of the probe had in it.
    pub(in crate::hunt) said: Option<String>,
    pub(in crate::hunt) error: Option<sqlx::Error>,
}

impl Seen {
    /// The first foreign text.
    pub(in crate::hunt) fn evidence(&self) -> Option<&str> {
        self.rows.iter().find(|(_, foreign)| *foreign).map(|(row, _)| row.as_str())
    }
}

/// An error's SQLSTATE.
pub(in crate::hunt) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

impl Probe {
    /// Whether an error is isolation's own.
    pub(in crate::hunt) fn is_refusal(&self, error: &sqlx::Error) -> bool {
        self.refusals == ANY_ERROR || code(error).is_some_and(|code| self.refusals.contains(&code.as_str()))
    }

    /// The query of a probe that is one read.
    pub(in crate::hunt) fn query(&self) -> Option<&str> {
        match &self.oracle {
            Oracle::Shown { looks, .. } => match looks.as_slice() {
                [Look::Query(query)] => Some(query),
                _ => None,
            },
            _ => None,
        }
    }

    /// Runs it and rolls it back.
    pub(in crate::hunt) async fn run(
        &self,
        connection: &mut PgConnection,
        role: &str,
        notices: &Notices,
    ) -> Result<Seen, HuntError> {
        let trouble = || HuntError::database("probe");
        let mut failed = None;
        for statement in &self.prepare {
            failed = run(connection, statement.clone()).await.err();
            if failed.is_some() {
                break;
            }
        }
        let seen = match failed {
            Some(error) => Seen { rows: vec![], said: None, error: Some(error) },
            None => self.watched(connection, role, notices, &["BEGIN"]).await,
        };
        // Outside of a transaction this does nothing but warn.
        run(connection, "ROLLBACK".to_owned()).await.map_err(trouble())?;
        if !self.prepare.is_empty() {
            run(connection, "DISCARD ALL".to_owned()).await.map_err(trouble())?;
        }
        Ok(seen)
    }

    /// Runs what is in the transaction, in one that is open. Leaves it as it is then, which may be failed.
    pub(in crate::hunt) async fn inside(&self, connection: &mut PgConnection, role: &str, notices: &Notices) -> Seen {
        self.watched(connection, role, notices, &[]).await
    }

    /// Runs what is in the transaction after `first`, which travels with it: a probe is mostly round trips.
    async fn watched(&self, connection: &mut PgConnection, role: &str, notices: &Notices, first: &[&str]) -> Seen {
        let (result, mut messages) = notices.listen(self.steps(connection, role, first)).await;
        let (rows, error) = match result {
            Ok(rows) => (rows, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        if let Some(error) = error.as_ref().and_then(|error| error.as_database_error()) {
            let postgres = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
            let more = postgres.map(|error| [error.detail(), error.hint()]).into_iter().flatten().flatten();
            messages.extend(std::iter::once(error.message()).chain(more).map(str::to_owned));
        }
        let said = self.foreign_message(&messages);
        Seen { rows, said, error }
    }

    async fn steps(
        &self,
        connection: &mut PgConnection,
        role: &str,
        first: &[&str],
    ) -> Result<Vec<(String, bool)>, sqlx::Error> {
        let become_role = format!("SET LOCAL SESSION AUTHORIZATION {}", quote(role));
        let then = self.before.iter().chain([&become_role]).chain(&self.enter).map(String::as_str);
        let begin: Vec<&str> = first.iter().copied().chain(then).collect();
        run(connection, begin.join(";\n")).await?;
        let refused = match &self.oracle {
            Oracle::Refused { code } => Some(*code),
            _ => None,
        };
        for (at, attack) in self.attack.iter().enumerate() {
            match attack.run(connection).await {
                Err(error)
                    if at + 1 == self.attack.len() && code(&error).as_deref() == refused && refused.is_some() =>
                {
                    return Ok(vec![(error.to_string(), true)]);
                }
                other => other?,
            }
        }
        match &self.oracle {
            Oracle::Refused { .. } => Ok(Vec::new()),
            Oracle::Stored { look } => {
                run(connection, "RESET SESSION AUTHORIZATION".to_owned()).await?;
                matching(connection, look, ".").await
            }
            Oracle::Shown { looks, foreign } => self.look(connection, looks, foreign).await,
        }
    }

    /// Of several looks one that fails hides no other.
    async fn look(
        &self,
        connection: &mut PgConnection,
        looks: &[Look],
        foreign: &str,
    ) -> Result<Vec<(String, bool)>, sqlx::Error> {
        let (mut rows, mut failed) = (Vec::new(), None);
        for look in looks {
            if looks.len() > 1 {
                run(connection, "SAVEPOINT hunt_look".to_owned()).await?;
            }
            let seen = match look {
                Look::Query(query) => matching(connection, query, foreign).await,
                Look::CopyOut(statement) => copied(connection, statement, self.strangers).await,
            };
            match seen {
                Ok(seen) => rows.extend(seen),
                Err(error) if looks.len() > 1 => {
                    run(connection, "ROLLBACK TO SAVEPOINT hunt_look".to_owned()).await?;
                    failed = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match failed {
            Some(error) if rows.is_empty() => Err(error),
            _ => Ok(rows),
        }
    }

    /// The first message that tells something of a stranger that the probe itself did not say.
    fn foreign_message(&self, messages: &[String]) -> Option<String> {
        let mut own = self.enter.join(" ");
        for attack in &self.attack {
            own.push_str(match attack {
                Attack::Sql(sql) => sql,
                Attack::CopyIn { data, .. } => data,
            });
        }
        if let Oracle::Shown { looks, .. } = &self.oracle {
            for look in looks {
                own.push_str(match look {
                    Look::Query(query) => query,
                    Look::CopyOut(statement) => statement,
                });
            }
        }
        let is_word = |c: char| c.is_alphanumeric() || "-_@.".contains(c);
        let tells = |message: &&String| {
            let mut words = message.split(|c| !is_word(c)).map(|word| word.trim_end_matches(['.', '-']));
            words.any(|word| self.strangers.iter().any(|stranger| stranger.is_in(word)) && !own.contains(word))
        };
        messages.iter().find(tells).cloned()
    }
}

impl Attack {
    async fn run(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        match self {
            Attack::Sql(sql) => run(connection, sql.clone()).await,
            Attack::CopyIn { statement, data } => {
                let mut copy = connection.copy_in_raw(statement).await?;
                copy.send(data.as_bytes()).await?;
                copy.finish().await.map(|_| ())
            }
        }
    }
}

impl From<String> for Attack {
    fn from(sql: String) -> Self {
        Attack::Sql(sql)
    }
}

async fn matching(
    connection: &mut PgConnection,
    query: &str,
    foreign: &str,
) -> Result<Vec<(String, bool)>, sqlx::Error> {
    let look = format!("SELECT r, r ~ {} FROM ({query}) AS q (r) WHERE r IS NOT NULL", literal(foreign));
    let rows = sqlx::raw_sql(AssertSqlSafe(look)).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn copied(
    connection: &mut PgConnection,
    statement: &str,
    strangers: &[Tenant],
) -> Result<Vec<(String, bool)>, sqlx::Error> {
    let chunks: Vec<_> = connection.copy_out_raw(statement).await?.try_collect().await?;
    let text = String::from_utf8_lossy(&chunks.concat()).into_owned();
    Ok(text.lines().map(|line| (line.to_owned(), strangers.iter().any(|stranger| stranger.is_in(line)))).collect())
}
