//! What an error costs while it lasts or at once, for its message: `cost impact: $9,000/min, 10 enterprise customers
//! affected`.

use std::fmt;

use super::assumptions::Point;
use super::breach::BreachModel;
use super::downtime::DowntimeModel;
use super::input::{InputError, positive, share};
use super::key::Key;
use super::money::MicroDollars;
use super::noisy_neighbour::NoisyNeighbourModel;
use super::sla::SlaSchedule;
use super::tier::{Tier, TierCounts};

/// What went wrong, with what its price depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ErrorCause {
    /// Data of tenants reached others.
    TenantIsolation {
        /// Whose data, at least one.
        tenants: u64,
    },
    /// The database or its connections are gone.
    Connection {
        /// Of whom.
        tier: Tier,
        /// How many; `None` for the number that the rate per minute is for.
        customers: Option<u64>,
        /// Share of their requests that fail.
        severity: f64,
    },
    /// A request without a tenant was refused. Whose it was is not known, and nothing of anybody's was read.
    Refused,
    /// Requests that lost their tenant fail.
    MissingContext {
        /// Of whom.
        tier: Tier,
        /// Share of one customer's requests that fail.
        failed_share: f64,
    },
    /// A tenant used up its plan: a chance to sell the next one.
    ResourceLimit {
        /// The next plan.
        next: Tier,
    },
    /// An agreed uptime was missed.
    SlaBreach {
        /// Of whom.
        tier: Tier,
        /// How many.
        customers: u64,
        /// Downtime in the period.
        minutes: f64,
        /// The agreement.
        schedule: SlaSchedule,
    },
    /// One tenant slowed others down.
    NoisyNeighbour {
        /// Of whom.
        tier: Tier,
        /// How many.
        tenants: u64,
    },
}

/// The kind of an error, as a word for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImpactKind {
    /// Data reached another tenant.
    TenantIsolation,
    /// Database or connections gone.
    Connection,
    /// Refused for want of a tenant.
    MissingContext,
    /// Plan used up.
    ResourceLimit,
    /// Uptime missed.
    SlaBreach,
    /// Slowed down by another tenant.
    NoisyNeighbour,
}

impl ImpactKind {
    /// As logs spell it.
    pub fn word(self) -> &'static str {
        match self {
            ImpactKind::TenantIsolation => "tenant-isolation",
            ImpactKind::Connection => "connection",
            ImpactKind::MissingContext => "missing-context",
            ImpactKind::ResourceLimit => "resource-limit",
            ImpactKind::SlaBreach => "sla-breach",
            ImpactKind::NoisyNeighbour => "noisy-neighbour",
        }
    }
}

/// What an error costs. Small and without an allocation; text is made when it is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorImpact {
    /// The kind.
    pub kind: ImpactKind,
    /// How much; negative is a chance.
    pub amount: ImpactAmount,
    /// Tenants affected, as far as they are known.
    pub tenants: u64,
    /// Their tier, if it matters for the price.
    pub tier: Option<Tier>,
}

/// An amount at once or as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImpactAmount {
    /// At once.
    Once(MicroDollars),
    /// Per minute.
    PerMinute(MicroDollars),
}

impl ImpactAmount {
    /// The amount at once, if it is one.
    pub fn once(self) -> Option<MicroDollars> {
        match self {
            ImpactAmount::Once(amount) => Some(amount),
            ImpactAmount::PerMinute(_) => None,
        }
    }

    /// The amount per minute, if it is one.
    pub fn per_minute(self) -> Option<MicroDollars> {
        match self {
            ImpactAmount::PerMinute(amount) => Some(amount),
            ImpactAmount::Once(_) => None,
        }
    }
}

/// What an error costs.
///
/// ```
/// use tenant_chaos::business_metrics::{Assumptions, ErrorCause, Tier, error_impact};
///
/// let point = Assumptions::built_in().point();
/// let cause = ErrorCause::Connection { tier: Tier::Enterprise, customers: None, severity: 1.0 };
/// let impact = error_impact(cause, &point).unwrap();
/// assert_eq!(impact.to_string(), "cost impact: $9,000/min, 10 enterprise customers affected");
/// ```
///
/// # Errors
/// If a share is none, a number of minutes is negative, or an isolation error exposes nobody.
pub fn error_impact(cause: ErrorCause, point: &Point) -> Result<ErrorImpact, InputError> {
    let usd = MicroDollars::from_usd;
    let reference = || DowntimeModel::of(point).reference_customers();
    let per_minute = |tier, severity, customers| DowntimeModel::of(point).per_minute(tier, severity, customers);
    Ok(match cause {
        ErrorCause::TenantIsolation { tenants } => {
            let records = positive("tenants", tenants as f64)? * point.get(Key::BreachRecordsPerTenant);
            // The mean and not the median: an error has many sisters.
            let amount = ImpactAmount::Once(usd(BreachModel::of(point).mean(records)?));
            ErrorImpact { kind: ImpactKind::TenantIsolation, amount, tenants, tier: None }
        }
        ErrorCause::Connection { tier, customers, severity } => {
            let customers = customers.map_or_else(reference, |customers| customers as f64);
            let amount = ImpactAmount::PerMinute(usd(per_minute(tier, severity, customers)?));
            ErrorImpact { kind: ImpactKind::Connection, amount, tenants: customers.round() as u64, tier: Some(tier) }
        }
        ErrorCause::Refused => {
            let amount = ImpactAmount::Once(MicroDollars::ZERO);
            ErrorImpact { kind: ImpactKind::MissingContext, amount, tenants: 0, tier: None }
        }
        ErrorCause::MissingContext { tier, failed_share } => {
            let amount = ImpactAmount::PerMinute(usd(per_minute(tier, share("failed_share", failed_share)?, 1.0)?));
            ErrorImpact { kind: ImpactKind::MissingContext, amount, tenants: 1, tier: Some(tier) }
        }
        ErrorCause::ResourceLimit { next } => {
            let amount = ImpactAmount::Once(usd(-point.get(Key::UpsellConversion) * point.price(next)));
            ErrorImpact { kind: ImpactKind::ResourceLimit, amount, tenants: 1, tier: None }
        }
        ErrorCause::SlaBreach { tier, customers, minutes, schedule } => {
            let amount = ImpactAmount::Once(usd(schedule.credit(minutes, point.price(tier), customers as f64)?));
            ErrorImpact { kind: ImpactKind::SlaBreach, amount, tenants: customers, tier: Some(tier) }
        }
        ErrorCause::NoisyNeighbour { tier, tenants } => {
            let cost = NoisyNeighbourModel::of(point).cost(&TierCounts::only(tier, tenants as f64))?;
            let amount = ImpactAmount::Once(usd(cost.total()));
            ErrorImpact { kind: ImpactKind::NoisyNeighbour, amount, tenants, tier: Some(tier) }
        }
    })
}

impl fmt::Display for ErrorImpact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount {
            ImpactAmount::Once(amount) => write!(f, "cost impact: {amount}")?,
            ImpactAmount::PerMinute(amount) => write!(f, "cost impact: {amount}/min")?,
        }
        let s = if self.tenants == 1 { "" } else { "s" };
        match self.tier {
            _ if self.tenants == 0 => Ok(()),
            Some(tier) => write!(f, ", {} {tier} customer{s} affected", self.tenants),
            None => write!(f, ", {} tenant{s} affected", self.tenants),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::Assumptions;

    fn impact(cause: ErrorCause) -> Result<ErrorImpact, InputError> {
        error_impact(cause, &Assumptions::built_in().point())
    }

    /// The brief's three errors: $500K (the mean of a breach, $501,512) for an isolation error, $9K a minute for a lost
    /// database, and -$200 (a chance of $199.60) for a used-up plan.
    #[test]
    fn the_briefs_errors_come_out() {
        let said = |cause| impact(cause).unwrap().to_string();
        assert_eq!(said(ErrorCause::TenantIsolation { tenants: 1 }), "cost impact: $501,512, 1 tenant affected");
        let lost = ErrorCause::Connection { tier: Tier::Enterprise, customers: None, severity: 1.0 };
        assert_eq!(said(lost), "cost impact: $9,000/min, 10 enterprise customers affected");
        let limit = ErrorCause::ResourceLimit { next: Tier::Growth };
        assert_eq!(said(limit), "cost impact: -$199.60, 1 tenant affected");
    }

    /// The other kinds agree with the models behind them.
    #[test]
    fn other_errors_agree_with_their_models() {
        let said = |cause| impact(cause).unwrap().to_string();
        let noisy = ErrorCause::NoisyNeighbour { tier: Tier::Starter, tenants: 200 };
        assert_eq!(said(noisy), "cost impact: $8,002, 200 starter customers affected");
        let schedule = SlaSchedule::RdsMultiAz;
        let sla = ErrorCause::SlaBreach { tier: Tier::Enterprise, customers: 10, minutes: 45.0, schedule };
        assert_eq!(said(sla), "cost impact: $4,999, 10 enterprise customers affected");
        let missing = ErrorCause::MissingContext { tier: Tier::Enterprise, failed_share: 0.1 };
        assert_eq!(said(missing), "cost impact: $90/min, 1 enterprise customer affected");
    }

    /// An isolation error that exposes nobody, a share over one and negative downtime are refused by name.
    #[test]
    fn impossible_errors_are_refused() {
        let key = |cause| impact(cause).unwrap_err().key;
        assert_eq!(key(ErrorCause::TenantIsolation { tenants: 0 }), "tenants");
        assert_eq!(key(ErrorCause::MissingContext { tier: Tier::Growth, failed_share: 2.0 }), "failed_share");
        let lost = ErrorCause::Connection { tier: Tier::Growth, customers: Some(3), severity: -0.1 };
        assert_eq!(key(lost), "severity");
    }
}
