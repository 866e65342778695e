//! Which assumption a result hangs on: each at the ends of its range with the others at their modes (tornado), and the
//! rank correlation over draws of all of them.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::annual::Pert;
use super::assumptions::{Assumptions, Point};
use super::input::{InputError, InputProblem};
use super::key::Key;

/// What a result is with one assumption at the ends of its range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Swing {
    /// The assumption.
    #[serde(serialize_with = "name")]
    pub key: Key,
    /// Its lowest value.
    pub low: f64,
    /// Its highest value.
    pub high: f64,
    /// The result at its lowest value, US dollars.
    pub at_low: f64,
    /// The result at its highest value, US dollars.
    pub at_high: f64,
}

impl Swing {
    /// How far the result moves, US dollars.
    pub fn width(&self) -> f64 {
        (self.at_high - self.at_low).abs()
    }
}

fn name<S: serde::Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.name())
}

/// The assumptions that move a result, widest swing first; those that do not move it are left out.
///
/// # Errors
/// What the result says.
pub fn tornado(
    assumptions: &Assumptions,
    result: impl Fn(&Point) -> Result<f64, InputError>,
) -> Result<Vec<Swing>, InputError> {
    let point = assumptions.point();
    let mut swings = Vec::new();
    for (key, assumption) in assumptions.iter() {
        let at = |value| result(&point.with(key, value));
        let (at_low, at_high) = (at(assumption.low)?, at(assumption.high)?);
        let swing = Swing { key, low: assumption.low, high: assumption.high, at_low, at_high };
        if swing.width() > 0.0 {
            swings.push(swing);
        }
    }
    swings.sort_by(|a, b| b.width().total_cmp(&a.width()));
    Ok(swings)
}

/// How a result goes with an assumption over draws of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankCorrelation {
    /// The assumption.
    #[serde(serialize_with = "name")]
    pub key: Key,
    /// Spearman's coefficient, -1 to 1.
    pub spearman: f64,
}

/// Spearman's rank correlation of a result with every assumption that has a range, strongest first. Each assumption draws
/// from a stream of its own.
///
/// # Errors
/// If fewer than two draws are asked for, and what the result says.
pub fn rank_correlations(
    assumptions: &Assumptions,
    draws: usize,
    seed: u64,
    result: impl Fn(&Point) -> Result<f64, InputError>,
) -> Result<Vec<RankCorrelation>, InputError> {
    if draws < 2 {
        return Err(InputProblem::TooFew(2.0).of("draws"));
    }
    let mut points = vec![assumptions.point(); draws];
    let ranged: Vec<Key> = assumptions.iter().filter(|(_, value)| value.low < value.high).map(|(key, _)| key).collect();
    for key in ranged.iter().copied() {
        let pert = Pert::of(key.name(), assumptions.get(key))?;
        let mut rng = stream(seed, key);
        points.iter_mut().for_each(|point| *point = point.with(key, pert.draw(&mut rng)));
    }
    let results = points.iter().map(result).collect::<Result<Vec<_>, _>>()?;
    let results = ranks(&results);
    let mut correlations: Vec<RankCorrelation> = ranged
        .into_iter()
        .map(|key| {
            let values: Vec<f64> = points.iter().map(|point| point.get(key)).collect();
            RankCorrelation { key, spearman: correlation(&ranks(&values), &results) }
        })
        .collect();
    correlations.sort_by(|a, b| b.spearman.abs().total_cmp(&a.spearman.abs()));
    Ok(correlations)
}

fn stream(seed: u64, key: Key) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("tenant-chaos sensitivity 1");
    hasher.update(&seed.to_le_bytes()).update(key.name().as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let equal = order[from..].iter().take_while(|at| values[**at] == values[order[from]]).count().max(1);
        let rank = from as f64 + (equal as f64 + 1.0) / 2.0;
        order[from..from + equal].iter().for_each(|at| ranks[*at] = rank);
        from += equal;
    }
    ranks
}

/// Pearson's coefficient; 0 where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let product: f64 = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    let squares = |values: &[f64], mean: f64| values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let scale = (squares(a, ma) * squares(b, mb)).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business_metrics::{AnchoredBreach, NoisyNeighbourModel, Tier, TierCounts};

    fn noisy(point: &Point) -> Result<f64, InputError> {
        Ok(NoisyNeighbourModel::of(point).cost(&TierCounts::only(Tier::Starter, 200.0))?.total())
    }

    /// The noisy neighbour hangs on who leaves first, then on the engineers' hours; what it does not depend on is not shown.
    #[test]
    fn the_widest_swing_comes_first() {
        let swings = tornado(Assumptions::built_in(), noisy).unwrap();
        let keys: Vec<Key> = swings.iter().map(|swing| swing.key).collect();
        assert_eq!(keys[..2], [Key::IncidentChurn, Key::IncidentHours]);
        assert!(!keys.contains(&Key::DowntimeEnterprise));
        assert!(swings.windows(2).all(|pair| pair[0].width() >= pair[1].width()));
        let churn = swings[0];
        assert!((churn.at_high - churn.at_low - 200.0 * 1_188.0 * (0.05 - 0.001)).abs() < 1e-6);
    }

    /// A result that is one assumption goes with it fully, and with no other; its negative goes against it.
    #[test]
    fn a_result_goes_with_what_it_is() {
        let of = |sign: f64| {
            let result = move |point: &Point| Ok(sign * point.get(Key::BreachElasticity));
            rank_correlations(Assumptions::built_in(), 2_000, 1, result).unwrap()
        };
        for sign in [1.0, -1.0] {
            let all = of(sign);
            assert_eq!(all[0].key, Key::BreachElasticity);
            assert!((all[0].spearman - sign).abs() < 1e-12);
            assert!(all[1..].iter().all(|other| other.spearman.abs() < 0.1), "{all:?}");
        }
    }

    /// The same seed gives the same coefficients, and a breach of many records hangs on the elasticity.
    #[test]
    fn a_large_breach_hangs_on_its_elasticity() {
        let large = |point: &Point| AnchoredBreach::of(point).median(5e7);
        let all = |seed| rank_correlations(Assumptions::built_in(), 1_000, seed, large).unwrap();
        assert_eq!(all(3), all(3));
        assert_eq!(all(3)[0].key, Key::BreachElasticity);
        assert_eq!(rank_correlations(Assumptions::built_in(), 1, 1, large).unwrap_err().key, "draws");
    }

    /// Ranks of equal values are shared.
    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
    }
}
