//! Exact statistics over counts: bounds on shares, quantiles of sparse histograms, fairness.
//!
//! Pure functions, no I/O, no randomness. Nothing here approximates silently: a share comes with an exact bound, a
//! quantile of nothing is `None`, and a comparison of two shares is made on their bounds.
//!
//! ```
//! use tenant_chaos::stats::{Observed, required_probes};
//!
//! // No leak in 10,000 probes does not mean a leak rate of zero.
//! let bound = Observed::of(0, 10_000).upper(0.05);
//! assert!((bound - 0.000_299_528_360).abs() < 1e-12);
//! assert_eq!(required_probes(0.000_1, 0.05), 29_956);
//! ```

mod binomial;
mod fairness;
mod pmf;
mod sparse;

pub use binomial::{Observed, required_probes};
pub use fairness::jain;
pub use sparse::SparseHistogram;
