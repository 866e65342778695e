//! The server is killed, held, cut off, restarted smaller or replaced by its replica.

use futures_util::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use std::sync::Arc;
use std::time::Duration;

use super::{application_connections, ask, tell};
use crate::faults::{Fault, Healed, Target};
use crate::stack::Control;
use crate::tenancy::Tenancy;

/// What is done to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Kill,
    Pause,
    CutNetwork,
    Shrink { to: u32 },
    Failover,
}

pub(super) struct ProcessFault {
    kind: Kind,
    control: Control,
    application: String,
    connect: PgConnectOptions,
    tenancy: Arc<Tenancy>,
    /// Set before anything is done.
    injected: bool,
    touched: u64,
    connections_before: String,
}

impl ProcessFault {
    pub(super) fn new(kind: Kind, control: Control, target: &Target) -> Self {
        Self {
            kind,
            control,
            application: target.connect.get_username().to_owned(),
            connect: target.connect.clone(),
            tenancy: target.executor.tenancy().clone(),
            injected: false,
            touched: 0,
            connections_before: String::new(),
        }
    }

    async fn strike(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let admin = self.control.admin();
        self.touched = application_connections(&admin, &self.application).await?;
        self.connections_before = ask(&admin, "SHOW max_connections").await?;
        self.injected = true;
        match self.kind {
            Kind::Kill => self.control.kill().await?,
            Kind::Pause => self.control.pause().await?,
            Kind::CutNetwork => self.control.leave_network().await?,
            Kind::Shrink { to } => {
                let fewer = format!("ALTER SYSTEM SET max_connections = {to}");
                tell(&admin, &[&fewer]).await?;
                self.control.restart().await?;
                self.touched = self.connections_before.parse::<u64>().unwrap_or(0).saturating_sub(u64::from(to));
            }
            Kind::Failover => {
                self.control.replace_primary().await?;
                let promoted = ask(&self.control.admin(), "SELECT pg_promote(true, 30)::text").await?;
                if promoted != "true" {
                    return Err("the replica was not promoted within 30 s".into());
                }
                // The same role and database, on the port of the new primary.
                let leads_to = self.connect.clone().port(self.control.admin().get_port());
                self.tenancy.redirect(leads_to);
            }
        }
        Ok(())
    }

    async fn mend(&mut self) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        match self.kind {
            Kind::Kill => self.control.start_again().await?,
            Kind::Pause => self.control.resume().await?,
            Kind::CutNetwork => self.control.join_network().await?,
            Kind::Shrink { .. } => {
                self.control.start_again().await?;
                tell(&self.control.admin(), &["ALTER SYSTEM RESET max_connections"]).await?;
                self.control.restart().await?;
            }
            Kind::Failover => {}
        }
        let admin = self.control.admin();
        Ok(match self.kind {
            Kind::Shrink { .. } => {
                let now = ask(&admin, "SHOW max_connections").await?;
                (now != self.connections_before)
                    .then(|| format!("max_connections is {now}, and it was {}", self.connections_before))
            }
            _ => {
                let writable = ask(&admin, "SELECT (NOT pg_is_in_recovery())::text").await?;
                (writable != "true").then(|| "the server answers and is still in recovery".to_owned())
            }
        })
    }
}

impl Fault for ProcessFault {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.strike().await.map_err(|error| error.to_string()) })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            let problem = match self.injected {
                true => self.mend().await.unwrap_or_else(|error| Some(error.to_string())),
                false => None,
            };
            let unit = match self.kind {
                Kind::Shrink { .. } => "connections less",
                _ => "connections",
            };
            Healed { touched: self.touched, unit, problem }
        })
    }

    /// A server may be started twice.
    fn limit(&self) -> Duration {
        Duration::from_secs(150)
    }
}
