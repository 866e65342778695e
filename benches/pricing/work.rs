//! The pieces of work, each with the check of its result.

use std::hint::black_box;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};
use tenant_chaos::business_metrics::{
    Assumptions, InputError, Risk, Severity, Simulation, believed_portfolio, reference_portfolio,
};

use super::common::{Failure, check};

/// What is simulated.
pub(crate) struct Work {
    years: usize,
    portfolios: [Vec<Risk>; 3],
    /// A hundred events a year of a standard lognormal.
    lognormal: Risk,
}

impl Work {
    pub(crate) fn new(years: usize) -> Result<Self, Failure> {
        let built_in = Assumptions::built_in();
        Ok(Self {
            years,
            portfolios: [
                riskquant_portfolio()?,
                reference_portfolio(built_in)?.into(),
                believed_portfolio(built_in)?.into(),
            ],
            lognormal: Risk::new("r", 100.0, Severity::lognormal(1.0, 1.0)?)?,
        })
    }

    pub(crate) fn years(&self) -> usize {
        self.years
    }

    /// Three portfolios, the plain loop, and the same draws as events.
    pub(crate) fn perform(&self, place: usize) -> Result<(), Failure> {
        match self.portfolios.get(place) {
            Some(risks) => play(black_box(risks), self.years).map(|_| ()),
            None if place == 3 => self.plain(),
            None => self.events(),
        }
    }

    fn plain(&self) -> Result<(), Failure> {
        let distribution = LogNormal::new(0.0, 1.0)?;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let sum: f64 = (0..self.years).map(|_| distribution.sample(&mut rng)).sum();
        self.near_the_mean(sum)
    }

    fn events(&self) -> Result<(), Failure> {
        let losses = Simulation::new(self.years / 100, 1)?.years(&self.lognormal)?;
        self.near_the_mean(losses.iter().sum())
    }

    /// The mean of a standard lognormal is `exp(1/2)`.
    fn near_the_mean(&self, sum: f64) -> Result<(), Failure> {
        let (mean, exact) = (sum / self.years as f64, 0.5f64.exp());
        // Five standard errors, and the chance of how many events there are.
        let slack = 5.0 * (4.67f64 / self.years as f64).sqrt() + 5.0 * exact / (self.years as f64).sqrt();
        check((mean - exact).abs() < slack, || format!("the mean of the lognormals is {mean}, not {exact}"))
    }
}

/// riskquant's README.
pub(crate) fn riskquant_portfolio() -> Result<Vec<Risk>, InputError> {
    let risk = |name, rate, low, high| Risk::new(name, rate, Severity::lognormal_between(low, high)?);
    Ok(vec![risk("ALICE", 0.01, 1e6, 1e7)?, risk("BOB", 0.10, 1e7, 1e9)?, risk("CHARLIE", 0.05, 5e6, 5e7)?])
}

/// Value at risk of a portfolio, after its mean was found where it should be.
pub(crate) fn play(risks: &[Risk], years: usize) -> Result<f64, Failure> {
    let curve = Simulation::new(years, 1)?.portfolio(risks)?.curve;
    let expected: f64 = risks.iter().map(Risk::expected_annual_loss).sum();
    let (low, high) = curve.mean_interval();
    check((curve.mean() - expected).abs() < 2.0 * (high - low), || format!("{low} {expected} {high}"))?;
    Ok(curve.var(0.95))
}
