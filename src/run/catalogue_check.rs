//! The catalogue check of the monitoring layer: the database's protections are read again and again and compared with
//! what they were when the run began.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::MissedTickBehavior;

use super::live::micros;
use crate::load::Executor;
use crate::observe::{CATALOGUE_CHECK_MS, Event};
use crate::tenancy::Protections;

/// A reading may take this long; a server that is paused or gone answers nothing, and the next tick asks again.
const READING_LIMIT: Duration = Duration::from_secs(2);
/// Differences that one alert lists.
const LISTED: usize = 10;

/// A check that has taken its first reading.
pub(super) struct CatalogueCheck {
    admin: PgConnectOptions,
    application: String,
    first: Protections,
    connection: Option<PgConnection>,
}

impl CatalogueCheck {
    /// Takes the reading that all later ones are compared with.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn start(admin: PgConnectOptions, application: &str) -> Result<Self, sqlx::Error> {
        let mut connection = PgConnection::connect_with(&admin).await?;
        let first = Protections::read(&mut connection, application).await?;
        Ok(Self { admin, application: application.to_owned(), first, connection: Some(connection) })
    }

    /// Looks in intervals and sends an alert for each new difference; never returns. Drop it to end it.
    pub(super) async fn watch(mut self, executor: Arc<Executor>, alerts: UnboundedSender<Event>) {
        let mut ticks = tokio::time::interval(Duration::from_millis(CATALOGUE_CHECK_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = Vec::new();
        loop {
            ticks.tick().await;
            let Some(now) = self.look().await else { continue };
            let drift = now.drift_since(&self.first);
            if !drift.is_empty() && drift != known {
                let what = drift.iter().take(LISTED).cloned().collect();
                // Nobody listens any more only when the run is being torn down.
                let _ = alerts.send(Event::CatalogueAlert { at_us: micros(executor.now()), what });
            }
            known = drift;
        }
    }

    /// A reading, if the server gives one.
    async fn look(&mut self) -> Option<Protections> {
        let work = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => PgConnection::connect_with(&self.admin).await?,
            };
            let reading = Protections::read(&mut connection, &self.application).await?;
            Ok::<_, sqlx::Error>((connection, reading))
        };
        match tokio::time::timeout(READING_LIMIT, work).await {
            Ok(Ok((connection, reading))) => {
                self.connection = Some(connection);
                Some(reading)
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the catalogue check has no reading");
                None
            }
            Err(_) => None,
        }
    }
}
