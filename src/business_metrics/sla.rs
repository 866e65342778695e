//! What a vendor pays back for downtime, by published service level agreements.
//!
//! `uptime = 100 × (1 - minutes / minutes of the period)`, and the credit is a share of the period's fee that the
//! schedule gives for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::input::{InputError, amount, dollars};

/// Minutes of a month of 30 days.
pub const MONTH_MINUTES: f64 = 43_200.0;
/// Uptimes closer than this to an edge lie on it: binary fractions are not exact.
const ON_EDGE: f64 = 1e-9;

/// A published schedule of credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlaSchedule {
    /// Amazon RDS, Multi-AZ.
    #[default]
    RdsMultiAz,
    /// Amazon RDS, single instance.
    RdsSingle,
    /// GitHub Enterprise Cloud; by quarter.
    GithubQuarterly,
    /// Atlassian Cloud Premium.
    AtlassianPremium,
    /// No credits.
    None,
}

/// Up to an uptime, a share of the fee.
struct Step {
    /// Percent.
    uptime: f64,
    edge: Edge,
    credit: f64,
}

/// Whether the uptime of a step is itself part of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Below,
    AtMost,
}

const fn below(uptime: f64, credit: f64) -> Step {
    Step { uptime, edge: Edge::Below, credit }
}

/// The lowest uptime comes last.
const RDS_MULTI_AZ: &[Step] = &[below(99.95, 0.10), below(99.0, 0.25), below(95.0, 1.0)];
const RDS_SINGLE: &[Step] = &[below(99.5, 0.10), below(99.0, 0.25), below(95.0, 1.0)];
const GITHUB: &[Step] = &[Step { uptime: 99.9, edge: Edge::AtMost, credit: 0.10 }, below(99.0, 0.25)];
const ATLASSIAN: &[Step] = &[below(99.9, 0.10), below(99.0, 0.25), below(95.0, 0.50)];

impl SlaSchedule {
    /// All of them.
    pub const ALL: [SlaSchedule; 5] = [
        SlaSchedule::RdsMultiAz,
        SlaSchedule::RdsSingle,
        SlaSchedule::GithubQuarterly,
        SlaSchedule::AtlassianPremium,
        SlaSchedule::None,
    ];

    /// As written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            SlaSchedule::RdsMultiAz => "rds-multi-az",
            SlaSchedule::RdsSingle => "rds-single",
            SlaSchedule::GithubQuarterly => "github-quarterly",
            SlaSchedule::AtlassianPremium => "atlassian-premium",
            SlaSchedule::None => "none",
        }
    }

    /// Where it is published, and what of it was not checked.
    pub fn source(self) -> &'static str {
        match self {
            SlaSchedule::RdsMultiAz | SlaSchedule::RdsSingle => "aws.amazon.com/rds/sla, January 2024",
            SlaSchedule::GithubQuarterly => "GitHub Enterprise Cloud service level agreement, in github/docs",
            SlaSchedule::AtlassianPremium => {
                "Atlassian Cloud service level agreement: 10% verified, 25% and 50% remembered"
            }
            SlaSchedule::None => "no agreement",
        }
    }

    fn steps(self) -> &'static [Step] {
        match self {
            SlaSchedule::RdsMultiAz => RDS_MULTI_AZ,
            SlaSchedule::RdsSingle => RDS_SINGLE,
            SlaSchedule::GithubQuarterly => GITHUB,
            SlaSchedule::AtlassianPremium => ATLASSIAN,
            SlaSchedule::None => &[],
        }
    }

    /// Minutes and monthly fees of the period that uptime is measured over.
    fn period(self) -> (f64, f64) {
        match self {
            SlaSchedule::GithubQuarterly => (91.0 * 1_440.0, 3.0),
            _ => (MONTH_MINUTES, 1.0),
        }
    }

    /// Monthly fees that a credit is a share of.
    pub(super) fn months(self) -> f64 {
        self.period().1
    }

    /// Minutes of downtime after which a credit is due, with the share that it adds to the one before.
    pub(super) fn edges(self) -> impl Iterator<Item = (f64, f64)> {
        let minutes = self.period().0;
        self.steps().iter().scan(0.0, move |before, step| {
            let added = step.credit - *before;
            *before = step.credit;
            Some((minutes * (1.0 - step.uptime / 100.0), added))
        })
    }

    /// Minutes of downtime in a period that pass without a credit; `None` without an agreement.
    pub fn free_minutes(self) -> Option<f64> {
        self.edges().next().map(|(minutes, _)| minutes)
    }

    /// Uptime in percent over the schedule's period. Downtime beyond the period is all of it.
    ///
    /// # Errors
    /// If `minutes` is negative or not finite.
    pub fn uptime(self, minutes: f64) -> Result<f64, InputError> {
        Ok(100.0 * (1.0 - (amount("minutes", minutes)? / self.period().0).min(1.0)))
    }

    /// Share of the period's fee that is paid back.
    ///
    /// # Errors
    /// As [`Self::uptime`].
    pub fn credit_share(self, minutes: f64) -> Result<f64, InputError> {
        let uptime = self.uptime(minutes)?;
        let applies = |step: &&Step| match step.edge {
            Edge::Below => uptime < step.uptime - ON_EDGE,
            Edge::AtMost => uptime <= step.uptime + ON_EDGE,
        };
        Ok(self.steps().iter().rev().find(applies).map_or(0.0, |step| step.credit))
    }

    /// US dollars paid back to customers of one monthly fee each.
    ///
    /// # Errors
    /// As [`Self::uptime`]; and if the fee or the number of customers is negative or not finite.
    pub fn credit(self, minutes: f64, monthly_fee: f64, customers: f64) -> Result<f64, InputError> {
        let share = self.credit_share(minutes)?;
        let (fee, customers) = (amount("monthly_fee", monthly_fee)?, amount("customers", customers)?);
        dollars("customers", customers, share * fee * self.period().1 * customers)
    }
}

impl fmt::Display for SlaSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for SlaSchedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|schedule| schedule.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(SlaSchedule::name);
            crate::diagnostics::did_you_mean(text, names).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 45 minutes are 99.89583% of a month and 99.96566% of a quarter: ten enterprise customers get $4,999 back under
    /// the RDS schedule, where their own loss is $405,000, and nothing under GitHub's.
    #[test]
    fn forty_five_minutes_are_paid_back_by_schedule() {
        let rds = SlaSchedule::RdsMultiAz;
        assert!((rds.uptime(45.0).unwrap() - 99.895_83).abs() < 1e-5);
        assert!((SlaSchedule::GithubQuarterly.uptime(45.0).unwrap() - 99.965_66).abs() < 1e-5);
        assert!((rds.credit(45.0, 4_999.0, 10.0).unwrap() - 4_999.0).abs() < 1e-9);
        for none in [SlaSchedule::GithubQuarterly, SlaSchedule::None] {
            assert_eq!(none.credit(45.0, 4_999.0, 10.0), Ok(0.0), "{none}");
        }
    }

    /// On the minute of each edge nothing more is due yet, just after it is; GitHub's first edge is part of its step.
    #[test]
    fn edges_are_where_the_agreements_put_them() {
        let edges = [
            (SlaSchedule::RdsMultiAz, 21.6, 0.0, 0.10),
            (SlaSchedule::AtlassianPremium, 43.2, 0.0, 0.10),
            (SlaSchedule::RdsSingle, 216.0, 0.0, 0.10),
            (SlaSchedule::RdsMultiAz, 432.0, 0.10, 0.25),
            (SlaSchedule::RdsMultiAz, 2_160.0, 0.25, 1.0),
        ];
        for (schedule, minutes, on, after) in edges {
            let credit = |minutes| schedule.credit_share(minutes).unwrap();
            assert_eq!((credit(minutes), credit(minutes + 0.01)), (on, after), "{schedule} {minutes}");
        }
        let quarter = 91.0 * 1_440.0 * 0.001;
        assert_eq!(SlaSchedule::GithubQuarterly.credit_share(quarter), Ok(0.10));
        assert_eq!(SlaSchedule::GithubQuarterly.credit_share(quarter - 0.01), Ok(0.0));
        assert!((SlaSchedule::AtlassianPremium.uptime(60.0).unwrap() - 99.86).abs() < 0.002);
    }

    /// Negative downtime, fees and customers are refused by name; downtime beyond the period is all of it.
    #[test]
    fn impossible_credits_are_refused() {
        let rds = SlaSchedule::RdsMultiAz;
        let key = |minutes, fee, customers| rds.credit(minutes, fee, customers).unwrap_err().key;
        assert_eq!(key(-1.0, 1.0, 1.0), "minutes");
        assert_eq!(key(f64::NAN, 1.0, 1.0), "minutes");
        assert_eq!(key(1.0, -1.0, 1.0), "monthly_fee");
        assert_eq!(key(1.0, 1.0, -1.0), "customers");
        assert_eq!(rds.credit(1e9, 100.0, 2.0), Ok(200.0));
    }

    proptest! {
        /// More downtime never pays less back, and never more than the fee of the period.
        #[test]
        fn more_downtime_pays_more_back(minutes in 0.0f64..60_000.0, more in 0.0f64..60_000.0, place in 0usize..5) {
            let schedule = SlaSchedule::ALL[place];
            let credit = |minutes| schedule.credit(minutes, 100.0, 1.0).unwrap();
            prop_assert!(credit(minutes) <= credit(minutes + more) && credit(minutes + more) <= 300.0);
        }
    }
}
