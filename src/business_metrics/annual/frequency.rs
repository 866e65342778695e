//! How often something happens, and how sure that is.
//!
//! A frequency that is known makes a Poisson number of events a year. One that is only believed, because it is a range or
//! was counted over a few years, is itself drawn: from a Gamma distribution, which with Poisson counts gives years that
//! differ more than chance alone explains.

use rand_distr::Gamma;

use super::pert::Pert;
use crate::business_metrics::assumptions::Assumption;
use crate::business_metrics::input::{InputError, InputProblem, amount, positive};

/// Events per year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Frequency {
    /// This many on average.
    Known(f64),
    /// Believed: Gamma distributed.
    Believed {
        /// Mean events per year.
        mean: f64,
        /// Shape: one over the squared coefficient of variation; the larger, the surer.
        shape: f64,
    },
}

impl Frequency {
    /// So many on average, for certain.
    ///
    /// # Errors
    /// If the rate is negative or not finite.
    pub fn known(per_year: f64) -> Result<Self, InputError> {
        Ok(Frequency::Known(amount("frequency", per_year)?))
    }

    /// Somewhere in a range: the Gamma distribution with the mean and the variance of the range's PERT distribution.
    ///
    /// # Errors
    /// If a value is negative or not finite, or they are out of order; the error names `key`.
    pub fn between(key: &'static str, low: f64, mode: f64, high: f64) -> Result<Self, InputError> {
        let pert = Pert::new(key, low, mode, high)?;
        let (mean, variance) = (pert.mean(), pert.variance());
        match mean > 0.0 && variance > 0.0 {
            true => Ok(Frequency::Believed { mean, shape: mean * mean / variance }),
            false => Ok(Frequency::Known(mean)),
        }
    }

    /// After so many events in so many years: the posterior of Jeffreys' prior, `Gamma(events + 1/2, years)`. Above zero
    /// even if nothing has happened yet.
    ///
    /// # Errors
    /// If the number of events is negative, the years are not above zero, or either is not finite.
    pub fn counted(events: f64, years: f64) -> Result<Self, InputError> {
        let shape = amount("events", events)? + 0.5;
        let years = positive("years", years)?;
        match shape / years {
            mean if mean.is_finite() && mean > 0.0 => Ok(Frequency::Believed { mean, shape }),
            _ => Err(InputProblem::TooMany(events).of("events")),
        }
    }

    /// Of an assumption: its count if it has one, else its range.
    ///
    /// # Errors
    /// Never for one of [`crate::business_metrics::Assumptions`], which are in order.
    pub fn of(key: &'static str, assumption: &Assumption) -> Result<Self, InputError> {
        match assumption.counted {
            Some(counted) => Self::counted(counted.events, counted.years),
            None => Self::between(key, assumption.low, assumption.mode, assumption.high),
        }
    }

    /// Mean events per year.
    pub fn mean(&self) -> f64 {
        match *self {
            Frequency::Known(mean) | Frequency::Believed { mean, .. } => mean,
        }
    }

    /// A share of the events, by chance.
    pub(super) fn scaled(self, share: f64) -> Self {
        match self {
            Frequency::Known(mean) => Frequency::Known(mean * share),
            Frequency::Believed { mean, .. } if mean * share <= 0.0 => Frequency::Known(0.0),
            Frequency::Believed { mean, shape } => Frequency::Believed { mean: mean * share, shape },
        }
    }

    /// Chance of a year without an event.
    pub fn none(&self) -> f64 {
        match *self {
            Frequency::Known(mean) => (-mean).exp(),
            // The negative binomial's: (shape / (shape + mean))^shape.
            Frequency::Believed { mean, shape } => (-shape * (mean / shape).ln_1p()).exp(),
        }
    }

    /// The distribution that rates are drawn from; `None` if the rate is known.
    pub(super) fn beliefs(&self) -> Option<Gamma<f64>> {
        match *self {
            Frequency::Known(_) => None,
            Frequency::Believed { mean, shape } => Gamma::new(shape, mean / shape).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::Distribution;

    use super::*;
    use crate::business_metrics::{Assumptions, Key};

    /// A range becomes a Gamma distribution with the mean and the variance of its PERT distribution, and a single value is
    /// known.
    #[test]
    fn a_range_keeps_its_mean_and_variance() {
        let Frequency::Believed { mean, shape } = Frequency::between("f", 1.0, 4.0, 12.0).unwrap() else {
            panic!("a range is a belief")
        };
        // (1 + 4 * 4 + 12) / 6, and the variance of Beta(1 + 12/11, 1 + 32/11) over a width of 11.
        let (a, b) = (1.0 + 12.0 / 11.0, 1.0 + 32.0 / 11.0);
        let variance = 121.0 * a * b / ((a + b) * (a + b) * (a + b + 1.0));
        assert!((mean - 29.0 / 6.0).abs() < 1e-12 && (mean * mean / shape / variance - 1.0).abs() < 1e-12);
        assert_eq!(Frequency::between("f", 2.0, 2.0, 2.0), Ok(Frequency::Known(2.0)));
        assert_eq!(Frequency::between("f", 0.0, 0.0, 0.0), Ok(Frequency::Known(0.0)));
    }

    /// Three events in two years are 1.75 a year with a shape of 3.5; none in two years is a quarter, and not nothing.
    #[test]
    fn a_count_becomes_a_posterior() {
        assert_eq!(Frequency::counted(3.0, 2.0), Ok(Frequency::Believed { mean: 1.75, shape: 3.5 }));
        assert_eq!(Frequency::counted(0.0, 2.0), Ok(Frequency::Believed { mean: 0.25, shape: 0.5 }));
        assert_eq!(Frequency::counted(-1.0, 2.0).unwrap_err().key, "events");
        assert_eq!(Frequency::counted(1.0, 0.0).unwrap_err().key, "years");
        assert_eq!(Frequency::counted(f64::NAN, 1.0).unwrap_err().key, "events");
        assert_eq!(Frequency::counted(1e300, 1e-300).unwrap_err().key, "events");
        assert_eq!(Frequency::known(-1.0).unwrap_err().key, "frequency");
        assert_eq!(Frequency::between("f", 3.0, 2.0, 4.0).unwrap_err().key, "f");
    }

    /// Draws have the mean and the variance that they were made from; a known rate is not drawn.
    #[test]
    fn draws_follow_the_belief() {
        let belief = Frequency::of("f", Assumptions::built_in().get(Key::FrequencyOutage)).unwrap();
        let Frequency::Believed { mean, shape } = belief else { panic!("a range is a belief") };
        let beliefs = belief.beliefs().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<f64> = (0..100_000).map(|_| beliefs.sample(&mut rng)).collect();
        let drawn = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|rate| (rate - drawn).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!((drawn / mean - 1.0).abs() < 0.01, "{drawn} {mean}");
        assert!((variance * shape / mean / mean - 1.0).abs() < 0.03, "{variance}");
        assert!(Frequency::Known(1.0).beliefs().is_none());
    }

    /// Without events: the exponential for a known rate, more for a belief with the same mean.
    #[test]
    fn beliefs_leave_more_quiet_years() {
        assert_eq!(Frequency::Known(0.16).none(), (-0.16f64).exp());
        let belief = Frequency::Believed { mean: 0.16, shape: 0.5 };
        assert!(
            (belief.none() - (0.5f64 / 0.66).sqrt()).abs() < 1e-12 && belief.none() > Frequency::Known(0.16).none()
        );
    }
}
