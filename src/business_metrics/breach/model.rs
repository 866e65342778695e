//! The breach model that prices use: the published ones by their weights, up to a cap.
//!
//! Out of the box all of the weight is on [`AnchoredBreach`] and nothing caps it. A firm that believes the claims more, or
//! that is insured up to a limit, says so in its assumptions (`breach.weight.*`, `breach.cap`), and every price follows.
//! Each part is lognormal around its model's typical cost; the per-record mean has no spread and stays one value.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ContinuousCDF, Normal};

use super::{AnchoredBreach, Dbir2015, Jacobs2014, PerRecord, checked};
use crate::business_metrics::annual::Severity;
use crate::business_metrics::assumptions::Point;
use crate::business_metrics::input::{InputError, InputProblem, dollars};
use crate::business_metrics::key::{Domain, Key};
use crate::business_metrics::money::MicroDollars;

/// The models and the assumptions that weigh them.
const WEIGHTS: [(Key, &str); 4] = [
    (Key::BreachWeightAnchored, "anchored"),
    (Key::BreachWeightDbir, "DBIR 2015"),
    (Key::BreachWeightJacobs, "Jacobs 2014"),
    (Key::BreachWeightPerRecord, "IBM per record"),
];

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreachModel {
    point: Point,
}

/// What one breach of some size costs: lognormal parts by weight, and at most a cap.
#[derive(Debug, Clone, PartialEq)]
pub struct BreachCost {
    /// Weights sum to one.
    parts: Vec<Part>,
    /// US dollars; infinite without one.
    cap: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    weight: f64,
    mu: f64,
    sigma: f64,
}

impl BreachModel {
    /// With these assumptions.
    pub fn of(point: &Point) -> Self {
        Self { point: *point }
    }

    /// Typical cost, US dollars.
    ///
    /// # Errors
    /// If `records` is not above zero, all weights are zero, or the cost exceeds what can be counted.
    pub fn median(&self, records: f64) -> Result<f64, InputError> {
        match self.is_anchored() {
            true => Ok(AnchoredBreach::of(&self.point).median(records)?.min(self.cap())),
            false => dollars("records", records, self.cost(records)?.quantile(0.5)),
        }
    }

    /// Expected cost, US dollars: what many such breaches cost on average.
    ///
    /// # Errors
    /// As [`Self::median`].
    pub fn mean(&self, records: f64) -> Result<f64, InputError> {
        dollars("records", records, self.cost(records)?.mean())
    }

    /// The cost that a share `p` of such breaches stays below, US dollars.
    ///
    /// # Errors
    /// As [`Self::median`].
    pub fn quantile(&self, records: f64, p: f64) -> Result<f64, InputError> {
        dollars("records", records, self.cost(records)?.quantile(p))
    }

    /// The distribution of one breach's cost.
    ///
    /// # Errors
    /// As [`Self::median`].
    pub fn severity(&self, records: f64) -> Result<Severity, InputError> {
        self.mean(records)?;
        match self.is_anchored() && self.cap().is_infinite() {
            true => Severity::lognormal(self.median(records)?, self.point.get(Key::BreachSigma)),
            false => Ok(Severity::Breach(self.cost(records)?)),
        }
    }

    /// What it is called beside its prices.
    pub fn name(&self) -> &'static str {
        if self.is_anchored() { "breach (anchored)" } else { "breach (mixture)" }
    }

    /// The formula with its numbers.
    pub fn formula(&self, records: &str) -> String {
        let mut text = match self.is_anchored() {
            true => AnchoredBreach::of(&self.point).formula(records),
            false => {
                let total: f64 = WEIGHTS.iter().map(|(key, _)| self.point.get(*key)).sum();
                let used = WEIGHTS.iter().filter(|(key, _)| self.point.get(*key) > 0.0);
                let parts = used.map(|(key, name)| format!("{:.0}% {name}", self.point.get(*key) / total * 100.0));
                format!("median of a mixture: {}", parts.collect::<Vec<_>>().join(", "))
            }
        };
        if self.cap().is_finite() {
            text.push_str(&format!(", at most {}", MicroDollars::from_usd(self.cap())));
        }
        text
    }

    /// Whether only one model has any weight, and which it is: the one that needs no mixture.
    fn is_anchored(&self) -> bool {
        let [anchored, others @ ..] = WEIGHTS.map(|(key, _)| self.point.get(key));
        anchored > 0.0 && others.iter().all(|weight| *weight <= 0.0)
    }

    fn cap(&self) -> f64 {
        match self.point.get(Key::BreachCap) {
            cap if cap >= Domain::MAX => f64::INFINITY,
            cap => cap,
        }
    }

    fn cost(&self, records: f64) -> Result<BreachCost, InputError> {
        let weights = WEIGHTS.map(|(key, _)| self.point.get(key));
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Err(InputProblem::Zero.of("breach.weight"));
        }
        let records = checked(records)?;
        let point = &self.point;
        let models = [
            (AnchoredBreach::of(point).median(records)?, point.get(Key::BreachSigma)),
            (Dbir2015::of(point).median(records)?, Dbir2015::deviation(records)?),
            (Jacobs2014.median(records)?, Jacobs2014.deviation(records)?),
            (PerRecord::of(point).mean(records)?, 0.0),
        ];
        let parts = weights.into_iter().zip(models).filter(|(weight, _)| *weight > 0.0);
        let part =
            |(weight, (median, sigma)): (f64, (f64, f64))| Part { weight: weight / total, mu: median.ln(), sigma };
        Ok(BreachCost { parts: parts.map(part).collect(), cap: self.cap() })
    }
}

impl BreachCost {
    /// Exact: `E[min(L, cap)]`, part by part.
    pub(in crate::business_metrics) fn mean(&self) -> f64 {
        self.parts.iter().map(|part| part.weight * part.mean(self.cap)).sum()
    }

    /// The cost that a share `p` stays below, US dollars.
    fn quantile(&self, p: f64) -> f64 {
        let p = p.clamp(0.0, 1.0);
        let ends = self.parts.iter().map(|part| (part.mu - 9.0 * part.sigma, part.mu + 9.0 * part.sigma));
        let (mut low, mut high) = ends.fold((f64::MAX, f64::MIN), |(a, b), (from, to)| (a.min(from), b.max(to)));
        for _ in 0..80 {
            let middle = (low + high) / 2.0;
            let below: f64 = self.parts.iter().map(|part| part.weight * part.below(middle)).sum();
            if below < p { low = middle } else { high = middle }
        }
        high.exp().min(self.cap)
    }

    pub(in crate::business_metrics) fn draw(&self, rng: &mut impl Rng) -> f64 {
        let mut at = f64::from(rng.next_u32()) / 4_294_967_296.0;
        let last = self.parts.len().saturating_sub(1);
        for (place, part) in self.parts.iter().enumerate() {
            if at < part.weight || place == last {
                let z: f64 = StandardNormal.sample(rng);
                return (part.mu + part.sigma * z).exp().min(self.cap);
            }
            at -= part.weight;
        }
        0.0
    }
}

impl Part {
    fn mean(&self, cap: f64) -> f64 {
        let whole = (self.mu + self.sigma * self.sigma / 2.0).exp();
        if cap.is_infinite() {
            return whole;
        }
        if self.sigma <= 0.0 {
            return whole.min(cap);
        }
        let (normal, z) = (Normal::standard(), (cap.ln() - self.mu) / self.sigma);
        whole * normal.cdf(z - self.sigma) + cap * (1.0 - normal.cdf(z))
    }

    /// Chance that the logarithm of the cost is at most so much.
    fn below(&self, ln: f64) -> f64 {
        match self.sigma > 0.0 {
            true => Normal::standard().cdf((ln - self.mu) / self.sigma),
            false => f64::from(u8::from(ln >= self.mu)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::Assumptions;

    fn point() -> Point {
        Assumptions::built_in().point()
    }

    fn weighed(weights: [f64; 4]) -> Point {
        WEIGHTS.iter().zip(weights).fold(point(), |point, ((key, _), weight)| point.with(*key, weight))
    }

    /// Out of the box it is the anchored model, to the bit.
    #[test]
    fn without_weights_it_is_the_anchored_model() {
        let (model, anchored) = (BreachModel::of(&point()), AnchoredBreach::of(&point()));
        for records in [1.0, 5_000.0, 250_000.0, 5e7] {
            assert_eq!(model.median(records), anchored.median(records));
            assert!((model.mean(records).unwrap() / anchored.mean(records).unwrap() - 1.0).abs() < 1e-12);
        }
        assert_eq!(model.formula("5,000"), anchored.formula("5,000"));
        assert!(matches!(model.severity(5_000.0), Ok(Severity::Lognormal { .. })));
    }

    /// All weight on one model is that model; the median of two lies between theirs, and the mean is the weighted one.
    #[test]
    fn weights_mix_the_models() {
        let records = 5_000.0;
        let of = |weights| BreachModel::of(&weighed(weights));
        let medians = [
            AnchoredBreach::of(&point()).median(records).unwrap(),
            Dbir2015::of(&point()).median(records).unwrap(),
            Jacobs2014.median(records).unwrap(),
            PerRecord::of(&point()).mean(records).unwrap(),
        ];
        for (place, median) in medians.into_iter().enumerate() {
            let mut weights = [0.0; 4];
            weights[place] = 0.5;
            assert!((of(weights).median(records).unwrap() / median - 1.0).abs() < 1e-9, "{place}");
        }
        let half = of([0.5, 0.0, 0.5, 0.0]);
        assert!(medians[0] < half.median(records).unwrap() && half.median(records).unwrap() < medians[2]);
        let mean = |weights| of(weights).mean(records).unwrap();
        let expected = (mean([1.0, 0.0, 0.0, 0.0]) + mean([0.0, 0.0, 1.0, 0.0])) / 2.0;
        assert!((half.mean(records).unwrap() / expected - 1.0).abs() < 1e-12);
        assert_eq!(half.formula("x"), "median of a mixture: 50% anchored, 50% Jacobs 2014");
        assert_eq!(of([0.0; 4]).median(records).unwrap_err().key, "breach.weight");
        assert_eq!(half.median(0.0).unwrap_err().key, "records");
    }

    /// A cap is what an insured loss stays at: it lowers the mean far more than the median, and below the median it is both.
    #[test]
    fn a_cap_caps() {
        let capped = |cap| BreachModel::of(&point().with(Key::BreachCap, cap));
        let free = BreachModel::of(&point());
        assert_eq!(capped(1e6).median(5_000.0), free.median(5_000.0));
        assert!(capped(1e6).mean(5_000.0).unwrap() < 0.7 * free.mean(5_000.0).unwrap());
        let low = capped(1_000.0);
        assert_eq!(low.median(5_000.0), Ok(1_000.0));
        assert!((low.mean(5_000.0).unwrap() / 1_000.0 - 1.0).abs() < 0.01);
        assert!(low.formula("5,000").ends_with("at most $1,000"));
    }

    /// Draws of a mixture under a cap have its exact mean, and its quantiles.
    #[test]
    fn draws_follow_the_mixture() {
        let model = BreachModel::of(&weighed([0.5, 0.2, 0.2, 0.1]).with(Key::BreachCap, 5e6));
        let severity = model.severity(5_000.0).unwrap();
        let drawn = severity.sample("leak", 200_000, 1).unwrap();
        let (low, high) = drawn.mean_interval();
        assert!((drawn.mean() - severity.mean()).abs() < high - low, "{} {}", drawn.mean(), severity.mean());
        for p in [0.05, 0.5, 0.9] {
            let exact = model.quantile(5_000.0, p).unwrap();
            assert!((drawn.var(p) / exact - 1.0).abs() < 0.03, "{p}: {} {exact}", drawn.var(p));
        }
        assert!(drawn.var(1.0) <= 5e6);
    }

    proptest! {
        /// The elasticity of the anchored cost is its exponent, and more records never cost less by any mixture.
        #[test]
        fn the_elasticity_is_the_exponent(records in 1.0f64..1e8, factor in 1.01f64..100.0, weights in prop::array::uniform4(0.01f64..1.0)) {
            let model = BreachModel::of(&point());
            let ratio = model.median(records * factor).unwrap() / model.median(records).unwrap();
            prop_assert!((ratio.ln() / factor.ln() - 8f64.ln() / 50f64.ln()).abs() < 1e-8);
            let mixed = BreachModel::of(&weighed(weights));
            prop_assert!(mixed.median(records).unwrap() <= mixed.median(records * factor).unwrap() * (1.0 + 1e-9));
            prop_assert!(mixed.mean(records).unwrap() <= mixed.mean(records * factor).unwrap());
        }
    }
}
