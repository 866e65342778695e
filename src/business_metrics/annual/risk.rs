//! Something that happens now and then and costs something each time.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::curve::LossCurve;
use super::frequency::Frequency;
use super::outage_cost::OutageCost;
use super::pert::Pert;
use super::stream::{Actor, stream};
use crate::business_metrics::breach::BreachCost;
use crate::business_metrics::input::{InputError, InputProblem, amount, dollars, positive};

/// The 95th percentile of the standard normal distribution.
const Z_95: f64 = 1.644_853_626_951_472_2;

/// A compound Poisson process.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    name: String,
    frequency: Frequency,
    severity: Severity,
}

/// What one event costs, US dollars.
#[derive(Debug, Clone, PartialEq)]
pub enum Severity {
    /// `exp(mu + sigma Z)`.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Deviation of the logarithm.
        sigma: f64,
    },
    /// A factor times a value between a low and a high one.
    Scaled {
        /// The factor.
        factor: f64,
        /// The value.
        value: Pert,
    },
    /// A sum of products of such values: each term is drawn for itself.
    Sum(Vec<Term>),
    /// A breach by several models, or up to a cap.
    Breach(BreachCost),
    /// An outage of a length that is drawn too.
    Outage(Box<OutageCost>),
    /// One event that costs all of these at once.
    All(Vec<Severity>),
}

/// One term of a sum: a factor times the product of independent values.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The factor.
    pub(super) factor: f64,
    /// The values.
    pub(super) values: Vec<Pert>,
}

impl Term {
    pub(super) fn mean(&self) -> f64 {
        self.factor * self.values.iter().map(Pert::mean).product::<f64>()
    }

    pub(super) fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.values.iter().fold(self.factor, |product, value| product * value.draw(rng))
    }
}

impl Severity {
    /// A lognormal by its median and the deviation of its logarithm.
    ///
    /// # Errors
    /// If the median is not above zero, `sigma` is negative, or the mean is beyond what can be counted.
    pub fn lognormal(median: f64, sigma: f64) -> Result<Self, InputError> {
        let severity = Severity::Lognormal { mu: positive("median", median)?.ln(), sigma: amount("sigma", sigma)? };
        dollars("sigma", sigma, severity.mean())?;
        Ok(severity)
    }

    /// A lognormal by its 5th and 95th percentiles.
    ///
    /// # Errors
    /// If a percentile is not above zero, they are out of order, or the mean is beyond what can be counted.
    pub fn lognormal_between(p05: f64, p95: f64) -> Result<Self, InputError> {
        let (low, high) = (positive("p05", p05)?.ln(), positive("p95", p95)?.ln());
        let sigma = amount("p95", (high - low) / (2.0 * Z_95))?;
        Self::lognormal(((low + high) / 2.0).exp(), sigma)
    }

    /// Expected cost of one event, US dollars.
    pub fn mean(&self) -> f64 {
        match self {
            Severity::Lognormal { mu, sigma } => (mu + sigma * sigma / 2.0).exp(),
            Severity::Scaled { factor, value } => factor * value.mean(),
            Severity::Sum(terms) => terms.iter().map(Term::mean).sum(),
            Severity::Breach(cost) => cost.mean(),
            Severity::Outage(cost) => cost.mean(),
            Severity::All(all) => all.iter().map(Severity::mean).sum(),
        }
    }

    /// Costs of many single events, for their range. The stream belongs to `name`.
    ///
    /// # Errors
    /// If no draw is asked for.
    pub fn sample(&self, name: &str, draws: usize, seed: u64) -> Result<LossCurve, InputError> {
        if draws == 0 {
            return Err(InputProblem::Zero.of("draws"));
        }
        let mut rng = stream(seed, name, Actor::Severity, 0);
        Ok(LossCurve::of((0..draws).map(|_| self.draw(&mut rng)).collect()))
    }

    /// The cost of one event.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> f64 {
        match self {
            Severity::Lognormal { mu, sigma } => {
                let z: f64 = StandardNormal.sample(rng);
                (mu + sigma * z).exp()
            }
            Severity::Scaled { factor, value } => factor * value.draw(rng),
            Severity::Sum(terms) => terms.iter().map(|term| term.draw(rng)).sum(),
            Severity::Breach(cost) => cost.draw(rng),
            Severity::Outage(cost) => cost.draw(rng),
            Severity::All(all) => all.iter().map(|severity| severity.draw(rng)).sum(),
        }
    }
}

impl Risk {
    /// Events at a rate per year. The name also names its random streams: two risks of one portfolio need two names.
    ///
    /// # Errors
    /// If the rate is negative or not finite, or the expected annual loss is beyond what can be counted.
    pub fn new(name: impl Into<String>, per_year: f64, severity: Severity) -> Result<Self, InputError> {
        Self::of(name, Frequency::known(per_year)?, severity)
    }

    /// The same with a frequency that may be a belief.
    ///
    /// # Errors
    /// If the expected annual loss is beyond what can be counted.
    pub fn of(name: impl Into<String>, frequency: Frequency, severity: Severity) -> Result<Self, InputError> {
        let risk = Self { name: name.into(), frequency, severity };
        dollars("frequency", frequency.mean(), risk.expected_annual_loss())?;
        Ok(risk)
    }

    /// A share of its events, by chance; the streams stay.
    pub(super) fn thinned(&self, share: f64) -> Self {
        Self { frequency: self.frequency.scaled(share.max(0.0)), ..self.clone() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often, and how sure that is.
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// Mean events per year.
    pub fn per_year(&self) -> f64 {
        self.frequency.mean()
    }

    /// What one event costs.
    pub fn severity(&self) -> &Severity {
        &self.severity
    }

    /// Events per year times the expected cost of one, US dollars: exact, no simulation.
    pub fn expected_annual_loss(&self) -> f64 {
        self.per_year() * self.severity.mean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lognormals by percentiles, against riskquant's own test values and the reference table.
    #[test]
    fn reference_lognormals_come_out() {
        let mean = |low, high| Severity::lognormal_between(low, high).unwrap().mean();
        for (low, high, golden) in [
            (1.0, 10.0, 4.040_012_826_9),
            (635_000.0, 19_000_000.0, 5_922_706.833_511_3),
            (1e7, 1e9, 266_398_009.773_554_8),
            (150_000.0, 5_000_000.0, 1_528_442.838_646_0),
            (2_000.0, 10_000.0, 5_040.681_441_5),
        ] {
            assert!((mean(low, high) / golden - 1.0f64).abs() < 1e-9, "{low} {high}: {}", mean(low, high));
        }
        let ale = |per_year, low, high| {
            let severity = Severity::lognormal_between(low, high).unwrap();
            Risk::new("r", per_year, severity).unwrap().expected_annual_loss()
        };
        for (ours, riskquant) in [
            (ale(0.1, 1.0, 10.0), 0.404_001_282_694_571_8),
            (ale(3.0, 1.0, 10.0), 12.120_038_480_837_177),
            (ale(0.1, 1e5, 1e6), 40_400.128_269_457_266),
            (ale(0.1, 1e7, 1e9), 26_639_800.977),
            (ale(0.05, 5e6, 5e7), 1_010_003.206_7),
            (ale(0.01, 1e6, 1e7), 40_400.128_3),
        ] {
            assert!((ours / riskquant - 1.0).abs() < 1e-9, "{ours} {riskquant}");
        }
    }

    /// Quantiles of the reference table follow from `mu` and `sigma`.
    #[test]
    fn reference_quantiles_come_out() {
        use statrs::distribution::{ContinuousCDF, Normal};
        for (low, high, quantiles) in [
            (635_000.0, 19_000_000.0, [3_473_470.886_592, 13_054_261.536, 38_416_422.191, 84_575_759.595]),
            (1.0, 10.0, [3.162_278, 7.754_682, 16.112_374, 27.501_977]),
            (1e7, 1e9, [1e8, 601_350_989.22, 2_596_086_049.48, 7_563_587_627.04]),
            (150_000.0, 5_000_000.0, [866_025.403_784, 3_394_606.12, 10_338_293.73, 23_338_233.55]),
            (2_000.0, 10_000.0, [4_472.135_955, 8_371.601_729, 13_957.200_128, 20_281.599_479]),
        ] {
            let Severity::Lognormal { mu, sigma } = Severity::lognormal_between(low, high).unwrap() else {
                panic!("a lognormal is one")
            };
            for (p, golden) in [0.5, 0.9, 0.99, 0.999].into_iter().zip(quantiles) {
                let ours = (mu + sigma * Normal::standard().inverse_cdf(p)).exp();
                assert!((ours / golden - 1.0).abs() < 1e-6, "{p}: {ours} {golden}");
            }
        }
    }

    /// Rates and costs that mean nothing are refused by name.
    #[test]
    fn impossible_risks_are_refused() {
        let one = || Severity::lognormal(1.0, 1.0).unwrap();
        assert_eq!(Risk::new("r", -0.1, one()).unwrap_err().key, "frequency");
        assert_eq!(Risk::new("r", f64::NAN, one()).unwrap_err().key, "frequency");
        assert_eq!(Risk::new("r", 1e300, one()).unwrap_err().key, "frequency");
        assert_eq!(Severity::lognormal(0.0, 1.0).unwrap_err().key, "median");
        assert_eq!(Severity::lognormal(1.0, -1.0).unwrap_err().key, "sigma");
        assert_eq!(Severity::lognormal(1.0, 40.0).unwrap_err().key, "sigma");
        assert_eq!(Severity::lognormal_between(10.0, 1.0).unwrap_err().key, "p95");
    }
}
