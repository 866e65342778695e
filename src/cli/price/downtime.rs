//! `price downtime`: an outage in two lines.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, EventRange, Tier, facts, percent, usd, whole};
use crate::business_metrics::{DowntimeModel, Outage, OutageLoss, SlaSchedule, TierCounts, outage_risk};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};

#[derive(Debug, Args)]
pub(super) struct Downtime {
    /// Of which tier.
    #[arg(long, value_enum, default_value_t = Tier::Enterprise)]
    tier: Tier,
    /// How long.
    #[arg(long, default_value_t = 45.0, allow_negative_numbers = true)]
    minutes: f64,
    /// Affected customers; without it, those that the published rate is for.
    #[arg(long, allow_negative_numbers = true)]
    customers: Option<f64>,
    /// Share of requests that fail, 0 to 1.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    severity: f64,
    /// Service level agreement: rds-multi-az, rds-single, github-quarterly, atlassian-premium or none.
    #[arg(long, default_value_t = SlaSchedule::default())]
    sla: SlaSchedule,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Answer {
    customers: f64,
    minutes: f64,
    severity: f64,
    rate_per_minute_usd: f64,
    customers_range: EventRange,
    loss: OutageLoss,
    vendor_total_usd: f64,
    sla: SlaSchedule,
    uptime_percent: f64,
}

impl Downtime {
    pub(super) fn execute(&self) -> Result<Exit, CliError> {
        let assumptions = self.common.assumptions()?;
        let (point, tier) = (assumptions.point(), self.tier.into());
        let model = DowntimeModel::of(&point);
        let customers = self.customers.unwrap_or(model.reference_customers());
        let outage = Outage {
            hurt: TierCounts::only(tier, customers),
            minutes: self.minutes,
            severity: self.severity,
            schedule: self.sla,
        };
        let loss = outage.loss(&point).map_err(bad_input)?;
        let range = outage_risk(tier, self.minutes, customers * self.severity, &assumptions);
        let customers_range = range.and_then(|risk| EventRange::of(&risk)).map_err(bad_input)?;
        let answer = Answer {
            customers,
            minutes: self.minutes,
            severity: self.severity,
            rate_per_minute_usd: model.per_minute(tier, self.severity, customers).map_err(bad_input)?,
            customers_range,
            loss,
            vendor_total_usd: loss.vendor.total(),
            sla: self.sla,
            uptime_percent: self.sla.uptime(self.minutes).map_err(bad_input)?,
        };
        self.common.answer(&answer, || answer.text(tier))
    }
}

impl Answer {
    fn text(&self, tier: crate::business_metrics::Tier) -> String {
        let vendor = &self.loss.vendor;
        let head = format!(
            "{} minutes in which {} of the requests of {} {tier} customers fail",
            whole(self.minutes),
            percent(self.severity),
            whole(self.customers)
        );
        let facts = facts([
            ("customers lose", format!("{}   at {} a minute", usd(self.loss.customer), usd(self.rate_per_minute_usd))),
            ("over all ranges", self.customers_range.text()),
            ("vendor loses", format!("{}   never to be added to the customers' line", usd(self.vendor_total_usd))),
            ("  credits", format!("{}   {} at {:.3}% uptime", usd(vendor.credits), self.sla, self.uptime_percent)),
            ("  fees", usd(vendor.revenue)),
            ("  tickets", usd(vendor.handling.tickets)),
            ("  engineers", usd(vendor.handling.engineering)),
            ("  churn", usd(vendor.handling.churn)),
            ("agreement", self.sla.source().to_owned()),
        ]);
        format!("{head}\n{facts}")
    }
}
