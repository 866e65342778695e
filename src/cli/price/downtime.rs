//! `price downtime`: an outage in two lines.

use clap::Args;
use serde::Serialize;

use super::answer::{Common, EventRange, Tier, facts, percent, usd, whole};
use crate::business_metrics::{
    DowntimeModel, InputError, Key, Minutes, Outage, OutageCost, OutageLoss, Severity, SlaSchedule, TierCounts,
};
use crate::cli::exit::Exit;
use crate::cli::output::{CliError, bad_input};

#[derive(Debug, Args)]
pub(super) struct Downtime {
    /// Of which tier.
    #[arg(long, value_enum, default_value_t = Tier::Enterprise)]
    tier: Tier,
    /// How long; without it the assumed median, and a range over lengths as published.
    #[arg(long, allow_negative_numbers = true)]
    minutes: Option<f64>,
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
    /// Whether the minutes are given; if not, ranges are over published lengths.
    minutes_known: bool,
    mean_minutes: f64,
    severity: f64,
    rate_per_minute_usd: f64,
    customers_range: EventRange,
    vendor_range: EventRange,
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
        // First, so that an error names what was asked for.
        let rate_per_minute_usd = model.per_minute(tier, self.severity, customers).map_err(bad_input)?;
        let published = Minutes::published(&point).map_err(bad_input)?;
        let lengths = self.minutes.map_or(published, Minutes::Known);
        let minutes = self.minutes.unwrap_or(point.get(Key::OutageMedianMinutes));
        let outage =
            Outage { hurt: TierCounts::only(tier, customers), minutes, severity: self.severity, schedule: self.sla };
        let loss = outage.loss(&point).map_err(bad_input)?;
        let customers_range = OutageCost::of_customers(&outage, lengths, &assumptions);
        let vendor_range = OutageCost::of_vendor(&outage, lengths, &assumptions);
        let range = |cost: Result<Severity, InputError>| EventRange::of("outage", &cost?);
        let answer = Answer {
            customers,
            minutes,
            minutes_known: self.minutes.is_some(),
            mean_minutes: lengths.mean(),
            severity: self.severity,
            rate_per_minute_usd,
            customers_range: range(customers_range).map_err(bad_input)?,
            vendor_range: range(vendor_range).map_err(bad_input)?,
            loss,
            vendor_total_usd: loss.vendor.total(),
            sla: self.sla,
            uptime_percent: self.sla.uptime(minutes).map_err(bad_input)?,
        };
        self.common.answer(&answer, || answer.text(tier))
    }
}

impl Answer {
    fn text(&self, tier: crate::business_metrics::Tier) -> String {
        let vendor = &self.loss.vendor;
        let minutes = match self.minutes_known {
            true => format!("{} minutes", whole(self.minutes)),
            false => format!(
                "An outage (half last longer than {} minutes, {} on average)",
                whole(self.minutes),
                whole(self.mean_minutes)
            ),
        };
        let head = format!(
            "{minutes} in which {} of the requests of {} {tier} customers fail",
            percent(self.severity),
            whole(self.customers)
        );
        let facts = facts([
            ("customers lose", format!("{}   at {} a minute", usd(self.loss.customer), usd(self.rate_per_minute_usd))),
            ("over all ranges", self.customers_range.text()),
            ("vendor loses", format!("{}   never to be added to the customers' line", usd(self.vendor_total_usd))),
            ("over all ranges", self.vendor_range.text()),
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
