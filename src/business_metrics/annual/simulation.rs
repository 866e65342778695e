//! Plays many years of several risks.

use rand::Rng;
use rand_distr::{Distribution, Exp1, Gamma};

use super::curve::LossCurve;
use super::risk::Risk;
use super::stream::{Actor, stream};
use crate::business_metrics::input::{InputError, InputProblem, share};

/// Years that share their streams; the unit of work of a thread.
const BLOCK: usize = 8_192;
/// Years and events that one simulation may take at most, so that a slip of the finger costs an error and not an hour.
pub const MAX_EVENTS: f64 = 1e10;
const MAX_YEARS: usize = 100_000_000;

/// How many years, from which seed, on how many threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    years: usize,
    seed: u64,
    threads: usize,
    span: usize,
}

/// What a mitigation leaves of a risk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mitigation {
    /// Share of the events that still happen.
    pub frequency: f64,
    /// Share of the cost of those that is left.
    pub severity: f64,
}

/// Years of several risks.
#[derive(Debug, Clone, PartialEq)]
pub struct PortfolioYears {
    /// Risk by risk.
    pub risks: Vec<RiskYears>,
    /// The sums of the years.
    pub curve: LossCurve,
}

/// One risk's part.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskYears {
    /// Its name.
    pub name: String,
    /// Events per year.
    pub per_year: f64,
    /// Events per year times the expected cost of one, US dollars: exact.
    pub expected: f64,
    /// Mean over the simulated years, US dollars.
    pub simulated: f64,
}

/// The same years without and with a mitigation: the events that it leaves are those that happen without it.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// Losses by year, US dollars.
    pub before: Vec<f64>,
    /// Losses by year, US dollars.
    pub after: Vec<f64>,
}

impl Simulation {
    /// On one thread.
    ///
    /// # Errors
    /// If there are no years, or more than a hundred million.
    pub fn new(years: usize, seed: u64) -> Result<Self, InputError> {
        match years {
            0 => Err(InputProblem::Zero.of("years")),
            years if years > MAX_YEARS => Err(InputProblem::TooMany(years as f64).of("years")),
            years => Ok(Self { years, seed, threads: 1, span: 1 }),
        }
    }

    /// On this many threads, at least one. The result is the same.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// Years in a row that have one believed rate: those of one future. A belief is wrong in the same way for all of them,
    /// so a future of five years is luckier or unluckier than five years apart. Known rates are not touched.
    ///
    /// # Errors
    /// If there are none, or more than are simulated.
    pub fn futures_of(self, years: usize) -> Result<Self, InputError> {
        match years {
            0 => Err(InputProblem::Zero.of("horizon")),
            span if span > self.years => Err(InputProblem::TooMany(span as f64).of("horizon")),
            span => Ok(Self { span, ..self }),
        }
    }

    /// Losses by year, US dollars.
    ///
    /// # Errors
    /// If that would be more than [`MAX_EVENTS`] events.
    pub fn years(&self, risk: &Risk) -> Result<Vec<f64>, InputError> {
        let mut losses = vec![0.0; self.years];
        self.fill(risk, &mut losses, |losses, block| self.play(risk, losses, block))?;
        Ok(losses)
    }

    /// Several risks and the sums of their years. Memory: two numbers for each year.
    ///
    /// # Errors
    /// As [`Self::years`].
    pub fn portfolio(&self, risks: &[Risk]) -> Result<PortfolioYears, InputError> {
        let mut sums = vec![0.0; self.years];
        let mut parts = Vec::with_capacity(risks.len());
        for risk in risks {
            let losses = self.years(risk)?;
            sums.iter_mut().zip(&losses).for_each(|(sum, loss)| *sum += loss);
            parts.push(RiskYears {
                name: risk.name().to_owned(),
                per_year: risk.per_year(),
                expected: risk.expected_annual_loss(),
                simulated: losses.iter().sum::<f64>() / self.years as f64,
            });
        }
        Ok(PortfolioYears { risks: parts, curve: LossCurve::of(sums) })
    }

    /// One risk without and with a mitigation, over common events.
    ///
    /// # Errors
    /// As [`Self::years`]; and if a share of the mitigation is none.
    pub fn paired(&self, risk: &Risk, mitigation: Mitigation) -> Result<Paired, InputError> {
        let kept = share("frequency", mitigation.frequency)?;
        let left = share("severity", mitigation.severity)?;
        let mut both = vec![(0.0, 0.0); self.years];
        self.fill(risk, &mut both, |years, block| {
            let mut prevented = stream(self.seed, risk.name(), Actor::Mitigation, block);
            self.events(risk, years.len(), block, |year, cost| {
                let (before, after) = &mut years[year];
                *before += cost;
                if f64::from(prevented.next_u32()) < kept * 4_294_967_296.0 {
                    *after += cost * left;
                }
            });
        })?;
        let (before, after) = both.into_iter().unzip();
        Ok(Paired { before, after })
    }

    /// Shares the blocks of years among the threads.
    fn fill<T: Send>(
        &self,
        risk: &Risk,
        years: &mut [T],
        play: impl Fn(&mut [T], u64) + Sync,
    ) -> Result<(), InputError> {
        if risk.per_year() * self.years as f64 > MAX_EVENTS {
            return Err(InputProblem::TooMany(risk.per_year()).of("frequency"));
        }
        // No future is cut in two.
        let whole = (BLOCK / self.span).max(1) * self.span;
        if self.threads == 1 {
            years.chunks_mut(whole).enumerate().for_each(|(block, years)| play(years, block as u64));
            return Ok(());
        }
        let blocks_each = years.len().div_ceil(whole).div_ceil(self.threads).max(1);
        let play = &play;
        std::thread::scope(|scope| {
            for (share, years) in years.chunks_mut(blocks_each * whole).enumerate() {
                scope.spawn(move || {
                    for (block, years) in years.chunks_mut(whole).enumerate() {
                        play(years, (share * blocks_each + block) as u64);
                    }
                });
            }
        });
        Ok(())
    }

    fn play(&self, risk: &Risk, losses: &mut [f64], block: u64) {
        self.events(risk, losses.len(), block, |year, cost| losses[year] += cost);
    }

    /// The events of a block of years, in order: exponential gaps, so a rare risk costs no more than its events.
    fn events(&self, risk: &Risk, years: usize, block: u64, mut happens: impl FnMut(usize, f64)) {
        if risk.per_year() <= 0.0 {
            return;
        }
        if let Some(beliefs) = risk.frequency().beliefs() {
            return self.believed_events(risk, beliefs, years, block, happens);
        }
        let mut when = stream(self.seed, risk.name(), Actor::Frequency, block);
        let mut what = stream(self.seed, risk.name(), Actor::Severity, block);
        let gap = 1.0 / risk.per_year();
        let mut at = 0.0;
        loop {
            let wait: f64 = Exp1.sample(&mut when);
            at += gap * wait;
            if at >= years as f64 {
                return;
            }
            happens(at as usize, risk.severity().draw(&mut what));
        }
    }

    /// The same where each future draws its own rate: the gaps are measured in expected events.
    fn believed_events(
        &self,
        risk: &Risk,
        beliefs: Gamma<f64>,
        years: usize,
        block: u64,
        mut happens: impl FnMut(usize, f64),
    ) {
        let mut when = stream(self.seed, risk.name(), Actor::Frequency, block);
        let mut what = stream(self.seed, risk.name(), Actor::Severity, block);
        let mut which = stream(self.seed, risk.name(), Actor::Belief, block);
        let mut wait = || -> f64 { Exp1.sample(&mut when) };
        let (mut at, mut until, mut rate) = (wait(), 0.0, 0.0);
        for year in 0..years {
            if year.is_multiple_of(self.span) {
                rate = beliefs.sample(&mut which);
            }
            until += rate;
            while at < until {
                happens(year, risk.severity().draw(&mut what));
                at += wait();
            }
        }
    }
}
