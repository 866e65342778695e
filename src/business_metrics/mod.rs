//! Models in dollars of what a tenancy failure costs. Pure; knows no finding and no scenario.
//!
//! [`Assumptions`] hold what is believed, each with its range and its source; a [`Point`] has one value for each of them,
//! and the models are built from a point. So a price at the most plausible values, at the edge of one assumption's range
//! and in one draw of a simulation are the same code.
//!
//! What the customers lose and what the vendor loses are two lines that are never added ([`OutageLoss`]). Models compute
//! in `f64` and refuse an input that means nothing by its name ([`InputError`]); they never return a NaN. Money is
//! rounded once, into [`MicroDollars`], where it is added up.
//!
//! ```
//! use tenant_chaos::business_metrics::{Assumptions, BreachModel, MicroDollars};
//!
//! let point = Assumptions::default().point();
//! let cost = BreachModel::of(&point).median(50.0 * 5_000.0).unwrap();
//! assert_eq!(MicroDollars::from_usd(cost).to_string(), "$1,200,000");
//! ```

mod annual;
mod architecture;
mod assumptions;
mod bound;
mod breach;
mod downtime;
mod error_impact;
mod input;
mod key;
mod money;
mod noisy_neighbour;
mod outage;
mod overrides;
mod plans;
mod profile;
mod roi;
mod sensitivity;
mod sla;
mod tier;

pub use annual::{
    Frequency, LossCurve, MAX_EVENTS, Minutes, Mitigation, OutageCost, Paired, Pert, PortfolioYears, Risk, RiskYears,
    Severity, Simulation, believed_portfolio, breach_risk, common_cause, noisy_neighbour_risk, outage_risk,
    reference_portfolio,
};
pub use architecture::{Architecture, ArchitectureCost, ArchitectureModel, BreakEven};
pub use assumptions::{Assumption, Assumptions, BUILT_IN, Confidence, Counted, Point};
pub use bound::{LeakRate, LeakYear};
pub use breach::{
    AnchoredBreach, BreachCost, BreachEstimate, BreachModel, BreachSplit, Dbir2015, Jacobs2014, PerRecord, Range,
    RegulatoryFine, compare_breach_models, exposed_records,
};
pub use downtime::DowntimeModel;
pub use error_impact::{ErrorCause, ErrorImpact, ImpactAmount, ImpactKind, error_impact};
pub use input::{InputError, InputProblem};
pub use key::{Domain, Key};
pub use money::MicroDollars;
pub use noisy_neighbour::{HandlingCost, NoisyNeighbourModel};
pub use outage::{Outage, OutageLoss, VendorLoss};
pub use plans::{Bill, Plan, Plans, Upgrade};
pub use profile::Profile;
pub use roi::{CashFlows, RoiDistribution};
pub use sensitivity::{RankCorrelation, Swing, rank_correlations, tornado};
pub use sla::{MONTH_MINUTES, SlaSchedule};
pub use tier::{Tier, TierCounts};
