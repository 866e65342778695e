//! Probes: one object, one verb, one state of the context, one oracle. A probe is data; the same data is run here and
//! written down as a reproducer, so that both mean the same.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::notices::Notices;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::error::HuntError;
use crate::hunt::finding::Severity;
use crate::hunt::seeding::{Tenant, literal, run, words};

/// SQLSTATEs by which isolation refuses: insufficient privilege (row security too) and a view's check option.
pub(in crate::hunt) const REFUSALS: &[&str] = &["42501", "44000"];

/// SQLSTATEs by which a read says no. A code that ends in `000` stands for its class: data that is no key of a tenant's
/// (22), a subquery with more than one tenant (21), an identity that is not believed (28), and what functions of policies
/// raise (P0). A setting or role that nobody has made is 42704.
pub(in crate::hunt) const READ_REFUSALS: &[&str] = &["22000", "21000", "28000", "P0000", "42501", "42704", "44000"];

/// How the state of a probe begins that was found as a sequence.
pub(in crate::hunt) const SEQUENCE: &str = "a sequence of ";

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
    /// Then, as the application's role; the first one that fails ends the probe. An error before these is none of
    /// isolation's: the attack was not made.
    pub(in crate::hunt) attack: Vec<Attack>,
    /// SQLSTATEs, or classes of them (`22000`), with which it is refused where the tenants are isolated. Any other error
    /// proves nothing.
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
#[derive(Debug, Default)]
pub(in crate::hunt) struct Seen {
    /// Each text, and whether it is foreign.
    pub(in crate::hunt) rows: Vec<(String, bool)>,
    /// A message (error, detail, hint or notice) with a stranger's mark that no statement of the probe had in it.
    pub(in crate::hunt) said: Option<String>,
    pub(in crate::hunt) error: Option<sqlx::Error>,
    /// Whether the attack was made: what comes before it worked.
    pub(in crate::hunt) reached: bool,
}

impl Seen {
    /// One foreign text, seen elsewhere than by a probe's own run.
    pub(in crate::hunt) fn of(text: String) -> Self {
        Self { rows: vec![(text, true)], reached: true, ..Self::default() }
    }

    /// The first foreign text.
    pub(in crate::hunt) fn evidence(&self) -> Option<&str> {
        self.rows.iter().find(|(_, foreign)| *foreign).map(|(row, _)| row.as_str())
    }
}

/// Whether a SQLSTATE is this one, or of this class.
fn is_of(code: &str, refusal: &str) -> bool {
    code == refusal || (refusal.ends_with("000") && code.get(..2) == refusal.get(..2))
}

/// An error's SQLSTATE.
pub(in crate::hunt) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

impl Probe {
    /// Whether an error is isolation's own.
    pub(in crate::hunt) fn is_refusal(&self, error: &sqlx::Error) -> bool {
        code(error).is_some_and(|code| self.refusals.iter().any(|refusal| is_of(&code, refusal)))
    }

    /// Whether what was seen says that the attack was refused, or came to nothing. An error that says neither, and any
    /// error before the attack, proves nothing.
    pub(in crate::hunt) fn is_answered(&self, seen: &Seen) -> bool {
        seen.error.as_ref().is_none_or(|error| seen.reached && self.is_refusal(error))
    }

    /// The state, without what differs from one search to the next.
    pub(in crate::hunt) fn lasting_state(&self) -> &str {
        if self.state.starts_with(SEQUENCE) { SEQUENCE } else { &self.state }
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
            Some(error) => Seen { error: Some(error), ..Seen::default() },
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
        let (mut seen, mut messages) = notices.listen(self.steps(connection, role, first)).await;
        if let Some(error) = seen.error.as_ref().and_then(|error| error.as_database_error()) {
            let postgres = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
            let more = postgres.map(|error| [error.detail(), error.hint()]).into_iter().flatten().flatten();
            messages.extend(std::iter::once(error.message()).chain(more).map(str::to_owned));
        }
        seen.said = self.foreign_message(&messages);
        seen
    }

    async fn steps(&self, connection: &mut PgConnection, role: &str, first: &[&str]) -> Seen {
        let become_role = format!("SET LOCAL SESSION AUTHORIZATION {}", quote(role));
        let then = self.before.iter().chain([&become_role]).chain(&self.enter).map(String::as_str);
        let begin: Vec<&str> = first.iter().copied().chain(then).collect();
        if let Err(error) = run(connection, begin.join(";\n")).await {
            return Seen { error: Some(error), ..Seen::default() };
        }
        let mut seen = Seen { reached: true, ..Seen::default() };
        seen.error = match self.attacked(connection, &mut seen.rows).await {
            Ok(failed) => failed,
            Err(error) => Some(error),
        };
        seen
    }

    /// The attack, and what it shows. An error that is given as a value left other looks whole.
    async fn attacked(
        &self,
        connection: &mut PgConnection,
        rows: &mut Vec<(String, bool)>,
    ) -> Result<Option<sqlx::Error>, sqlx::Error> {
        let refused = match &self.oracle {
            Oracle::Refused { code } => Some(*code),
            _ => None,
        };
        for (at, attack) in self.attack.iter().enumerate() {
            match attack.run(connection).await {
                Err(error)
                    if at + 1 == self.attack.len() && code(&error).as_deref() == refused && refused.is_some() =>
                {
                    rows.push((error.to_string(), true));
                    return Ok(None);
                }
                other => other?,
            }
        }
        match &self.oracle {
            Oracle::Refused { .. } => Ok(None),
            Oracle::Stored { look } => {
                run(connection, "RESET SESSION AUTHORIZATION".to_owned()).await?;
                rows.extend(matching(connection, look, ".").await?);
                Ok(None)
            }
            Oracle::Shown { looks, foreign } => self.look(connection, looks, foreign, rows).await,
        }
    }

    /// Of several looks one that fails hides no other, and is told if it was no refusal.
    async fn look(
        &self,
        connection: &mut PgConnection,
        looks: &[Look],
        foreign: &str,
        rows: &mut Vec<(String, bool)>,
    ) -> Result<Option<sqlx::Error>, sqlx::Error> {
        let (mut failed, mut refused) = (None, None);
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
                    let kept = if self.is_refusal(&error) { &mut refused } else { &mut failed };
                    *kept = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(failed.or(refused.filter(|_| rows.is_empty())))
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
        let tells = |message: &&String| {
            words(message)
                .map(|word| word.trim_end_matches(['.', '-']))
                .any(|word| self.strangers.iter().any(|stranger| stranger.is_in(word)) && !own.contains(word))
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

/// A query that reads what a `COPY … TO STDOUT` copies, and gives no row.
fn query_of(copy: &str) -> String {
    let what = copy.strip_prefix("COPY ").unwrap_or(copy);
    let what = what.strip_suffix(" TO STDOUT").unwrap_or(what);
    match (what.starts_with('('), what.split_once(" (")) {
        (false, Some((table, columns))) => format!("SELECT {} FROM {table} LIMIT 0", columns.trim_end_matches(')')),
        _ => format!("SELECT FROM {what} AS copied LIMIT 0"),
    }
}

async fn copied(
    connection: &mut PgConnection,
    statement: &str,
    strangers: &[Tenant],
) -> Result<Vec<(String, bool)>, sqlx::Error> {
    // The driver leaves the answer to a COPY that cannot begin half read, and is out of step from then on (sqlx 0.9.0).
    // A query that needs the same rights and policies fails first.
    run(connection, query_of(statement)).await?;
    let chunks: Vec<_> = connection.copy_out_raw(statement).await?.try_collect().await?;
    let text = String::from_utf8_lossy(&chunks.concat()).into_owned();
    Ok(text.lines().map(|line| (line.to_owned(), strangers.iter().any(|stranger| stranger.is_in(line)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A class stands for its codes; what says nothing about tenants is in none: a time that ran out, a lock, a full disk,
    /// a defect of the server's.
    #[test]
    fn refusals_are_codes_and_classes() {
        let refuses = |code: &str| READ_REFUSALS.iter().any(|refusal| is_of(code, refusal));
        for code in ["22P02", "22000", "21000", "P0001", "42501", "42704", "28000"] {
            assert!(refuses(code), "{code}");
        }
        for code in ["57014", "55P03", "53100", "XX000", "40P01", "42P01", "42883", "25P02"] {
            assert!(!refuses(code), "{code}");
        }
    }

    /// A table with columns, and a query, each as a query for the same.
    #[test]
    fn a_copy_is_a_query() {
        assert_eq!(query_of("COPY a.b (\"c\", \"d\") TO STDOUT"), "SELECT \"c\", \"d\" FROM a.b LIMIT 0");
        assert_eq!(query_of("COPY (SELECT c FROM b) TO STDOUT"), "SELECT FROM (SELECT c FROM b) AS copied LIMIT 0");
    }
}
