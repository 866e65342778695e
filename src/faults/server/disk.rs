//! `server.fill-disk`: the volume that the database lies on is filled to the last byte.

use futures_util::future::BoxFuture;

use super::{ask, tell};
use crate::faults::{Fault, Healed};
use crate::stack::Control;

pub(super) struct FillDisk {
    control: Control,
    /// The file that takes the room; set before it is written.
    ballast: Option<String>,
    touched: u64,
}

impl FillDisk {
    pub(super) fn new(control: Control) -> Self {
        Self { control, ballast: None, touched: 0 }
    }

    async fn fill(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let volume = self.control.volume().await.ok_or("the database lies on no volume of its own")?;
        let ballast = volume.join("ballast").display().to_string();
        self.ballast = Some(ballast.clone());
        let admin = self.control.admin();
        // The last write fails, as it should.
        let fill = format!(
            "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; dd if=/dev/zero of={ballast} bs=8192 2>/dev/null || true'"
        );
        tell(&admin, &[&fill]).await?;
        let bytes = ask(&admin, &format!("SELECT size::text FROM pg_stat_file('{ballast}')")).await?;
        self.touched = bytes.parse::<u64>().unwrap_or(0) >> 20;
        Ok(())
    }

    async fn free(&mut self) -> Result<Option<String>, sqlx::Error> {
        let Some(ballast) = &self.ballast else { return Ok(None) };
        let admin = self.control.admin();
        tell(&admin, &[&format!("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rm -f {ballast}'")]).await?;
        let left =
            ask(&admin, &format!("SELECT ((SELECT size FROM pg_stat_file('{ballast}', true)) IS NOT NULL)::text"))
                .await?;
        Ok((left == "true").then(|| format!("{ballast} is still there")))
    }
}

impl Fault for FillDisk {
    fn inject(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.fill().await.map_err(|error| error.to_string()) })
    }

    fn heal(&mut self) -> BoxFuture<'_, Healed> {
        Box::pin(async move {
            let problem = self.free().await.unwrap_or_else(|error| Some(error.to_string()));
            Healed { touched: self.touched, unit: "MiB of ballast", problem }
        })
    }
}
