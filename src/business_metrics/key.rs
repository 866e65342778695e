//! The names of all assumptions.

use std::fmt;

use super::tier::Tier;

/// Which values an assumption may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Zero or more.
    Amount,
    /// More than zero: something is divided by it or raised to a power.
    Positive,
    /// Between zero and one.
    Share,
}

impl Domain {
    /// Values above this are mistakes, and would overflow what they are multiplied with.
    pub const MAX: f64 = 1e12;

    /// Whether a value lies in it.
    pub fn holds(self, value: f64) -> bool {
        let (positive, max) = match self {
            Domain::Amount => (false, Self::MAX),
            Domain::Positive => (true, Self::MAX),
            Domain::Share => (false, 1.0),
        };
        // A NaN fails every comparison.
        (if positive { value > 0.0 } else { value >= 0.0 }) && value <= max
    }
}

impl fmt::Display for Domain {
    /// What to write.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Domain::Amount => "a number from 0 to 1e12",
            Domain::Positive => "a number above 0 and up to 1e12",
            Domain::Share => "a share from 0 to 1",
        })
    }
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $variant:ident, $name:literal, $domain:ident;)*) => {
        /// The name of an assumption.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key { $($(#[doc = $doc])+ $variant,)* }

        impl Key {
            /// All of them, in the order of `assumptions.toml`.
            pub const ALL: &'static [Key] = &[$(Key::$variant),*];
            /// How many.
            pub const COUNT: usize = Key::ALL.len();

            /// The name, such as `breach.sigma`.
            pub fn name(self) -> &'static str {
                match self { $(Key::$variant => $name,)* }
            }

            /// Which values it may take.
            pub fn domain(self) -> Domain {
                match self { $(Key::$variant => Domain::$domain,)* }
            }

            /// What it is, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Key::$variant => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

keys! {
    /// Typical cost of a breach of `breach.anchor_records` records.
    BreachAnchorCost, "breach.anchor_cost", Positive;
    /// Records of the breach that `breach.anchor_cost` is the cost of.
    BreachAnchorRecords, "breach.anchor_records", Positive;
    /// A breach of twice the records costs 2 to the power of this as much.
    BreachElasticity, "breach.elasticity", Positive;
    /// Spread of breach costs of one size: standard deviation of their natural logarithm.
    BreachSigma, "breach.sigma", Amount;
    /// Records per tenant where nothing else is said.
    BreachRecordsPerTenant, "breach.records_per_tenant", Positive;
    /// Price level of today over that of the 2015 claims data.
    BreachInflation, "breach.inflation", Positive;
    /// Cost per record in the per-record model.
    BreachPerRecord, "breach.per_record", Amount;
    /// Share of a breach's cost for detection and escalation.
    BreachDetection, "breach.share.detection", Share;
    /// Share of a breach's cost for lost business.
    BreachLostBusiness, "breach.share.lost_business", Share;
    /// Share of a breach's cost for the response afterwards.
    BreachResponse, "breach.share.response", Share;
    /// Share of a breach's cost for notification.
    BreachNotification, "breach.share.notification", Share;

    /// No breach costs more than this.
    BreachCap, "breach.cap", Positive;
    /// Weight of the anchored model.
    BreachWeightAnchored, "breach.weight.anchored", Share;
    /// Weight of the regression over insurance claims.
    BreachWeightDbir, "breach.weight.dbir2015", Share;
    /// Weight of Jacobs' regression over surveys.
    BreachWeightJacobs, "breach.weight.jacobs2014", Share;
    /// Weight of the mean per record.
    BreachWeightPerRecord, "breach.weight.per_record", Share;

    /// Share of breached firms that pay a fine.
    FineProbability, "fine.probability", Share;
    /// Typical fine of those that pay one.
    FineMedian, "fine.median", Positive;
    /// Deviation of its logarithm.
    FineSigma, "fine.sigma", Amount;
    /// No fine exceeds this amount, unless the share of the turnover is larger.
    FineCapAmount, "fine.cap_amount", Positive;
    /// No fine exceeds this share of the turnover, unless the amount is larger.
    FineCapShare, "fine.cap_share", Share;

    /// What an outage costs the customers of tier starter per minute.
    DowntimeStarter, "downtime.starter", Amount;
    /// What an outage costs the customers of tier growth per minute.
    DowntimeGrowth, "downtime.growth", Amount;
    /// What an outage costs the customers of tier enterprise per minute.
    DowntimeEnterprise, "downtime.enterprise", Amount;
    /// Affected customers that the rates per minute are for.
    DowntimeCustomers, "downtime.customers", Positive;
    /// Half of the outages last longer.
    OutageMedianMinutes, "outage.median_minutes", Positive;
    /// Mean length of an outage.
    OutageMeanMinutes, "outage.mean_minutes", Positive;

    /// Share of hurt tenants that open a ticket.
    IncidentTicketShare, "incident.ticket_share", Share;
    /// Cost of one ticket.
    IncidentTicketCost, "incident.ticket_cost", Amount;
    /// Engineer hours that an incident takes.
    IncidentHours, "incident.engineer_hours", Amount;
    /// Loaded cost of an engineer hour.
    IncidentHourlyRate, "incident.engineer_rate", Amount;
    /// Share of hurt tenants that leave.
    IncidentChurn, "incident.churn_share", Share;

    /// A minute in which more than this share of requests fails is a minute of downtime.
    SlaErrorShare, "sla.error_share", Share;

    /// Monthly price of tier starter.
    PriceStarter, "tier.starter.price", Amount;
    /// Monthly price of tier growth.
    PriceGrowth, "tier.growth.price", Amount;
    /// Monthly price of tier enterprise.
    PriceEnterprise, "tier.enterprise.price", Amount;
    /// Monthly cost of serving a customer of tier starter.
    CostStarter, "tier.starter.cost", Amount;
    /// Monthly cost of serving a customer of tier growth.
    CostGrowth, "tier.growth.cost", Amount;
    /// Monthly cost of serving a customer of tier enterprise.
    CostEnterprise, "tier.enterprise.cost", Amount;
    /// API calls a month that tier starter includes.
    CallsStarter, "tier.starter.calls", Positive;
    /// API calls a month that tier growth includes.
    CallsGrowth, "tier.growth.calls", Positive;
    /// API calls a month that tier enterprise includes.
    CallsEnterprise, "tier.enterprise.calls", Positive;
    /// A call over the included ones costs this many times an included one.
    OverageMarkup, "overage.markup", Amount;
    /// Margin that every tier should have.
    TargetMargin, "margin.target", Share;
    /// Share of those shown an upgrade who take it.
    UpsellConversion, "upsell.conversion", Share;

    /// Breaches of tenant data per year.
    FrequencyLeak, "frequency.leak", Amount;
    /// Outages per year.
    FrequencyOutage, "frequency.outage", Amount;
    /// Incidents with a noisy neighbour per year.
    FrequencyNoisyNeighbour, "frequency.noisy_neighbour", Amount;

    /// Monthly infrastructure of a tenant in a shared database.
    ArchitectureShared, "architecture.shared", Amount;
    /// Monthly infrastructure of a tenant behind Row-Level Security and a pool.
    ArchitectureRls, "architecture.rls", Amount;
    /// Monthly infrastructure of a tenant in a cell.
    ArchitectureCells, "architecture.cells", Amount;
    /// Monthly infrastructure of a tenant with a database of its own.
    ArchitectureDatabase, "architecture.database", Amount;
    /// Monthly price of a tenant in the comparison of architectures.
    ArchitecturePrice, "architecture.price", Positive;
    /// Monthly cost of a tenant that is the same in all architectures.
    ArchitectureOther, "architecture.other", Amount;
    /// Tenants that one leak exposes, where as many are together.
    ArchitectureExposed, "architecture.exposed", Positive;
    /// Leaks a year in a shared database without Row-Level Security.
    ArchitectureSharedLeaks, "architecture.shared_leaks", Amount;

    /// What a fix costs, if nobody says what it does.
    RoiInvestment, "roi.investment", Positive;
    /// Yearly discount rate.
    DiscountRate, "roi.discount_rate", Share;
    /// Net ROI over one year from which on to build.
    RoiThreshold, "roi.threshold", Amount;

    /// What one year in twenty may lose at most.
    RiskTolerance, "risk.tolerance", Amount;
}

impl Key {
    /// What a minute of downtime costs customers of a tier.
    pub(super) fn downtime(tier: Tier) -> Self {
        match tier {
            Tier::Starter => Key::DowntimeStarter,
            Tier::Growth => Key::DowntimeGrowth,
            Tier::Enterprise => Key::DowntimeEnterprise,
        }
    }

    /// Whether it is a number of events per year, which can be counted.
    pub(super) fn is_frequency(self) -> bool {
        self.name().starts_with("frequency.")
    }

    /// The key of a name.
    pub fn of(name: &str) -> Option<Self> {
        Key::ALL.iter().copied().find(|key| key.name() == name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
