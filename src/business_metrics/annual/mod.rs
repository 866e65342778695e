//! A year of losses: how often times how much, as a distribution.
//!
//! Each [`Risk`] is a compound Poisson process: events come at a rate per year, each with a cost of its own. A
//! [`Simulation`] plays many years of several risks; the [`LossCurve`] of the sums gives the expected annual loss, the
//! loss that is exceeded once in so many years, and how far the simulation itself can be trusted.
//!
//! How often is itself a belief ([`Frequency`]): a range, or a count over a few years, makes rates that are drawn anew.
//! Failures that come together are one risk of several costs ([`common_cause`]), never risks that share a seed.
//!
//! Every risk draws from streams of its own, by (seed, risk, actor, block of years). So adding a risk changes no draw of
//! the others, a mitigation changes only what it mitigates, and the number of threads changes nothing.
//!
//! ```
//! use tenant_chaos::business_metrics::{Risk, Severity, Simulation};
//!
//! let leak = Risk::new("leak", 0.1, Severity::lognormal(150_000.0, 1.5537).unwrap()).unwrap();
//! let year = Simulation::new(100_000, 1).unwrap().portfolio(&[leak.clone()]).unwrap();
//! let (low, high) = year.curve.mean_interval();
//! assert!(low < leak.expected_annual_loss() && leak.expected_annual_loss() < high);
//! ```

mod common_cause;
mod curve;
mod frequency;
mod outage_cost;
mod pert;
mod portfolio;
mod risk;
mod simulation;
mod stream;

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod tests;

pub use common_cause::common_cause;
pub use curve::LossCurve;
pub use frequency::Frequency;
pub use outage_cost::{Minutes, OutageCost};
pub use pert::Pert;
pub use portfolio::{believed_portfolio, breach_risk, noisy_neighbour_risk, outage_risk, reference_portfolio};
pub use risk::{Risk, Severity};
pub use simulation::{MAX_EVENTS, Mitigation, Paired, PortfolioYears, RiskYears, Simulation};
