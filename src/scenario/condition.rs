//! Expectations as scenarios write them: `p99(victims) < 4 * p99(baseline)`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{Phase, TenantSlug, Tier};

/// One comparison, parsed and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The text as written.
    pub text: String,
    /// Left side.
    pub left: Measure,
    /// How the sides compare.
    pub op: Comparison,
    /// Right side.
    pub right: Bound,
}

/// A metric, for whom and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// What.
    pub metric: Metric,
    /// For whom.
    pub who: Who,
    /// When; `None` is the phase of the list that the condition stands in (the whole run for `always`).
    pub phase: Option<Phase>,
    /// Only errors of this kind (for `error_rate` and `errors`).
    pub kind: Option<ErrorKind>,
}

/// The right side of a condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A constant of the metric's own unit.
    Constant(Quantity),
    /// A factor times another measure of the same unit.
    Relative {
        /// The factor.
        factor: f64,
        /// The other measure.
        of: Measure,
    },
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A count.
    Count(f64),
    /// A share, 1.0 is 100%.
    Share(f64),
    /// A length of time.
    Time(Duration),
    /// Per second.
    PerSecond(f64),
    /// US dollars.
    Usd(f64),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Whether `left OP right` holds.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Greater => left > right,
            Comparison::AtLeast => left >= right,
        }
    }

    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
        }
    }
}

/// Whose requests are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Everyone's.
    All,
    /// One tier's.
    Tier(Tier),
    /// Everyone's but the aggressor's.
    Victims,
    /// The tenants that a flood fault names.
    Aggressor,
    /// One tenant's.
    Tenant(TenantSlug),
}

macro_rules! metrics {
    ($($variant:ident, $name:literal, $unit:ident, $doc:literal;)*) => {
        /// Everything that an expectation can be about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Metric { $(#[doc = $doc] $variant,)* }

        impl Metric {
            /// All metrics.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant),*];

            /// The name in expectations.
            pub fn name(self) -> &'static str {
                match self { $(Metric::$variant => $name,)* }
            }

            /// The unit of its values.
            pub fn unit(self) -> Unit {
                match self { $(Metric::$variant => Unit::$unit,)* }
            }

            /// What it measures, in a sentence.
            pub fn describe(self) -> &'static str {
                match self { $(Metric::$variant => $doc,)* }
            }
        }
    };
}

metrics! {
    LeakedRows, "leaked_rows", Count, "Rows that reached a tenant other than their owner.";
    LeakedTenants, "leaked_tenants", Count, "Distinct tenants whose rows reached another tenant.";
    ForeignWrites, "foreign_writes", Count, "Acknowledged writes that landed under another tenant.";
    SilentEmptyReads, "silent_empty_reads", Count, "Reads of existing rows that returned none, without an error.";
    RejectedRequests, "rejected_requests", Count, "Requests that the application guard refused for want of a tenant.";
    BypassShare, "bypass_share", Share, "Share of transactions that ran without a confirmed tenant context.";
    Alerts, "alerts", Count, "Alerts that the monitor raised.";
    Errors, "errors", Count, "Failed requests; `errors(pool-timeout)` counts one kind.";
    ErrorRate, "error_rate", Share, "Failed requests over finished requests; `error_rate(timeout)` counts one kind.";
    Rate, "rate", PerSecond, "Successful requests per second.";
    DroppedArrivals, "dropped_arrivals", Count, "Arrivals that found `max_in_flight` requests under way and were not sent.";
    LateArrivals, "late_arrivals", Count, "Arrivals that were sent more than 10 ms after their intended start.";
    P50, "p50", Time, "Median latency, from the intended start of a request.";
    P95, "p95", Time, "95th percentile of latency, from the intended start.";
    P99, "p99", Time, "99th percentile of latency, from the intended start.";
    Max, "max", Time, "Largest latency, from the intended start.";
    QueueWait, "queue_wait", Time, "99th percentile of the wait for a pool connection.";
    Fairness, "fairness", Share, "Jain's index over tenants of served / intended requests, failed ones not served; 1 is perfectly fair.";
    LostWrites, "lost_writes", Count, "Acknowledged writes that the database does not have.";
    DuplicateWrites, "duplicate_writes", Count, "Acknowledged writes that the database has more than once.";
    CostUsd, "cost_usd", Usd, "The price of the scenario's findings at the scale of its `[business]`.";
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// A share of one.
    Share,
    /// A length of time.
    Time,
    /// Per second.
    PerSecond,
    /// US dollars.
    Usd,
}

/// How a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The application guard refused a request without a tenant.
    MissingTenant,
    /// No pool connection within the acquire timeout.
    PoolTimeout,
    /// The tier's bulkhead was full for the acquire timeout.
    BulkheadFull,
    /// The request's own deadline passed.
    Timeout,
    /// The server cancelled the statement (`57014`) or a lock wait timed out (`55P03`).
    StatementTimeout,
    /// The server refused the row or the value (classes 22, 23, 42).
    Rejected,
    /// The connection failed or was refused (class 08, 53, 57P, or I/O).
    Connection,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [ErrorKind; 8] = [
        ErrorKind::MissingTenant,
        ErrorKind::PoolTimeout,
        ErrorKind::BulkheadFull,
        ErrorKind::Timeout,
        ErrorKind::StatementTimeout,
        ErrorKind::Rejected,
        ErrorKind::Connection,
        ErrorKind::Other,
    ];

    /// The name in expectations and reports.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::MissingTenant => "missing-tenant",
            ErrorKind::PoolTimeout => "pool-timeout",
            ErrorKind::BulkheadFull => "bulkhead-full",
            ErrorKind::Timeout => "timeout",
            ErrorKind::StatementTimeout => "statement-timeout",
            ErrorKind::Rejected => "rejected",
            ErrorKind::Connection => "connection",
            ErrorKind::Other => "other",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
