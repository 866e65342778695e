//! Notifications: whoever may connect may listen. Tenant B works and commits, and A's connection hears what it should not.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::context::Context;
use super::state::request;
use crate::hunt::catalogue::Catalogue;
use crate::hunt::catalogue::roles::quote;
use crate::hunt::error::HuntError;
use crate::hunt::seeding::{Seeded, Tenant, insert_sql, literal, run, scalar};

/// What the writer notifies when a piece of work is done: notifications come in the order of their commits, so whatever
/// the work notified has come before.
const DONE: &str = "tenant_chaos_done";

/// The writer's own notification must come within this.
const DELIVERY_LIMIT: Duration = Duration::from_secs(10);

/// What came of listening.
#[derive(Debug, Default)]
pub(in crate::hunt) struct Heard {
    /// What was tenant B's, once per channel.
    pub(in crate::hunt) overheard: Vec<Overheard>,
    /// Channels on which anything came.
    pub(in crate::hunt) channels: BTreeSet<String>,
    /// Whether the budget was used up before B's work was done.
    pub(in crate::hunt) is_cut: bool,
}

/// Something of tenant B's that was heard.
#[derive(Debug)]
pub(in crate::hunt) struct Overheard {
    pub(in crate::hunt) channel: String,
    pub(in crate::hunt) payload: String,
    /// What makes room for B's statement, as superuser.
    pub(in crate::hunt) before: Vec<String>,
    /// B's statement.
    pub(in crate::hunt) statement: String,
}

/// Listens to every channel that the schema's functions notify while tenant B does everything that it may. Commits:
/// the database is to be one that nobody needs any more.
pub(in crate::hunt) async fn listen(
    options: PgConnectOptions,
    catalogue: &Catalogue,
    seeded: &Seeded,
    context: &Context,
    role: &str,
    deadline: Instant,
) -> Result<Heard, HuntError> {
    let trouble = || HuntError::database("listen to notifications");
    let mut heard = Heard::default();
    let channels = catalogue.objects.channels.iter().filter_map(|(channel, _)| channel.as_deref());
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(trouble())?;
    let mut listener = PgListener::connect_with(&pool).await.map_err(trouble())?;
    let become_role = format!("SET SESSION AUTHORIZATION {}", quote(role));
    listener.execute(AssertSqlSafe(become_role)).await.map_err(trouble())?;
    listener.listen_all(channels.chain([DONE])).await.map_err(trouble())?;
    let mut writer = PgConnection::connect_with(&options).await.map_err(trouble())?;
    for (before, statement) in work(catalogue, seeded) {
        if Instant::now() > deadline {
            heard.is_cut = true;
            break;
        }
        let statements =
            [before.clone(), request(role, &[context.b.clone(), vec![statement.clone()]].concat())].concat();
        for statement in statements {
            // What B may not do notifies nothing.
            if run(&mut writer, statement).await.is_err() {
                break;
            }
        }
        // Outside of a transaction the first does nothing but warn.
        run(&mut writer, format!("ROLLBACK; NOTIFY {DONE}")).await.map_err(trouble())?;
        loop {
            let notification = tokio::time::timeout(DELIVERY_LIMIT, listener.recv()).await;
            let Ok(notification) = notification else {
                heard.is_cut = true;
                break;
            };
            let notification = notification.map_err(trouble())?;
            let (channel, payload) = (notification.channel().to_owned(), notification.payload().to_owned());
            if channel == DONE {
                break;
            }
            if Tenant::B.is_in(&payload) && !heard.overheard.iter().any(|known| known.channel == channel) {
                let (before, statement) = (before.clone(), statement.clone());
                heard.overheard.push(Overheard { channel: channel.clone(), payload, before, statement });
            }
            heard.channels.insert(channel);
        }
    }
    writer.close().await.map_err(trouble())?;
    Ok(heard)
}

/// What B may do: insert its row, change it, delete it, call a function.
fn work(catalogue: &Catalogue, seeded: &Seeded) -> Vec<(Vec<String>, String)> {
    let mut all = Vec::new();
    for (id, table) in &catalogue.relations {
        let Some(row) = seeded.row(*id, Tenant::B) else { continue };
        let column = |name: &String| table.columns.iter().find(|column| column.name == *name);
        let name = &table.name;
        let make_room = [
            "BEGIN".to_owned(),
            "SET LOCAL session_replication_role = replica".to_owned(),
            format!("DELETE FROM {name} AS hunt_row WHERE hunt_row::text ~ '{}'", Tenant::B.marks()),
            "COMMIT".to_owned(),
        ];
        let insert: Vec<(String, String)> =
            row.iter().filter(|(name, _)| column(name).is_some_and(|column| column.insertable)).cloned().collect();
        if !insert.is_empty() {
            all.push((make_room.to_vec(), insert_sql(name, &insert)));
        }
        let may_update = |name: &String| column(name).is_some_and(|column| column.updatable && !column.in_key);
        if let Some((column, value)) = row.iter().find(|(name, _)| may_update(name)) {
            all.push((vec![], format!("UPDATE {name} SET {} = {}", quote(column), literal(value))));
        }
        if table.deletable {
            all.push((vec![], format!("DELETE FROM {name}")));
        }
    }
    for function in &catalogue.functions {
        let arguments: Vec<String> = function
            .arguments
            .iter()
            .map(|name| format!("{}::{name}", literal(&scalar(name, None, Tenant::B, 0))))
            .collect();
        all.push((vec![], format!("SELECT {}({})", function.name, arguments.join(", "))));
    }
    all
}
