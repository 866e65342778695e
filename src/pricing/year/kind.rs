//! Kinds of failure that a year counts apart, and whose loss is looked at.

use serde::Serialize;

use crate::business_metrics::{Key, MicroDollars};
use crate::oracle::Code;
use crate::pricing::priced::Losses;

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pricing) enum Kind {
    Leak,
    Outage,
    NoisyNeighbour,
    LostWrites,
    DoubledWrites,
}

impl Kind {
    pub(in crate::pricing) const ALL: [Kind; 5] =
        [Kind::Leak, Kind::Outage, Kind::NoisyNeighbour, Kind::LostWrites, Kind::DoubledWrites];

    pub(super) fn of(code: Code) -> Option<Self> {
        Some(match code {
            Code::ForeignRow | Code::ForeignWrite | Code::ContextFailOpen => Kind::Leak,
            Code::PoolExhausted | Code::PoolLeak | Code::Unavailable | Code::SlowRecovery => Kind::Outage,
            Code::NoisyNeighbour => Kind::NoisyNeighbour,
            Code::LostWrite => Kind::LostWrites,
            Code::DuplicateWrite => Kind::DoubledWrites,
            Code::ContextFailLoud | Code::ContextFailSilent | Code::MonitorBlind | Code::MonitorAlert => return None,
            Code::CatalogueAlert | Code::CatalogueBlind => return None,
        })
    }

    pub(in crate::pricing) fn name(self) -> &'static str {
        match self {
            Kind::Leak => "leak",
            Kind::Outage => "outage",
            Kind::NoisyNeighbour => "noisy neighbour",
            Kind::LostWrites => "lost writes",
            Kind::DoubledWrites => "doubled writes",
        }
    }

    /// The assumption that says how often it happens.
    pub(super) fn frequency(self) -> Key {
        match self {
            Kind::Leak => Key::FrequencyLeak,
            // A lost write is an outage of one promise; nobody counts them apart.
            Kind::Outage | Kind::LostWrites | Kind::DoubledWrites => Key::FrequencyOutage,
            Kind::NoisyNeighbour => Key::FrequencyNoisyNeighbour,
        }
    }
}

/// Whose loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossLine {
    /// The customers'.
    Customer,
    /// The vendor's.
    Vendor,
}

impl LossLine {
    /// The amount of the line.
    pub fn of(self, losses: Losses) -> MicroDollars {
        match self {
            LossLine::Customer => losses.customer,
            LossLine::Vendor => losses.vendor,
        }
    }

    /// The assumption by whose range amounts spread around the typical one.
    pub(super) fn spread(self) -> Key {
        match self {
            LossLine::Customer => Key::DowntimeEnterprise,
            LossLine::Vendor => Key::IncidentChurn,
        }
    }
}
