//! Failures that come together: one fault that sets off several risks in the same event.
//!
//! A shared event takes a share of the rarest risk's events and adds a risk that costs all of them at once. Each risk then
//! happens as often as before and costs as much on average, so the expected annual loss is the same; what changes is that
//! bad years are worse. That is a mechanism which one can point at, where a copula would be a number that nobody has.

use super::risk::{Risk, Severity};
use crate::business_metrics::input::{InputError, share};

/// Name of the shared event.
const NAME: &str = "common cause";

/// The same risks, and the event that sets all of them off at once: `share` of the events of the rarest.
///
/// Fewer than two risks have nothing in common and come back as they are.
///
/// # Errors
/// If `share` is none.
pub fn common_cause(risks: &[Risk], share_of_rarest: f64) -> Result<Vec<Risk>, InputError> {
    let share = share("common_cause", share_of_rarest)?;
    let Some(rarest) = risks.iter().min_by(|a, b| a.per_year().total_cmp(&b.per_year())) else { return Ok(Vec::new()) };
    if risks.len() < 2 || share <= 0.0 || rarest.per_year() <= 0.0 {
        return Ok(risks.to_vec());
    }
    let shared = rarest.frequency().scaled(share);
    let apart = |risk: &Risk| risk.thinned(1.0 - shared.mean() / risk.per_year());
    let all = Severity::All(risks.iter().map(|risk| risk.severity().clone()).collect());
    let mut risks: Vec<Risk> = risks.iter().map(apart).collect();
    risks.push(Risk::of(NAME, shared, all)?);
    Ok(risks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::business_metrics::{Frequency, Simulation};

    fn risks() -> [Risk; 2] {
        let risk = |name, rate, median| Risk::new(name, rate, Severity::lognormal(median, 0.8).unwrap()).unwrap();
        [risk("a", 0.2, 1e6), risk("b", 1.0, 5e5)]
    }

    fn expected(risks: &[Risk]) -> f64 {
        risks.iter().map(Risk::expected_annual_loss).sum()
    }

    /// If every one of the rarest risk's events is shared, it never comes alone, and what both cost comes at once.
    #[test]
    fn the_rarest_comes_with_the_others() {
        let shared = common_cause(&risks(), 1.0).unwrap();
        let rates: Vec<f64> = shared.iter().map(Risk::per_year).collect();
        assert_eq!(shared.iter().map(Risk::name).collect::<Vec<_>>(), ["a", "b", "common cause"]);
        assert!(
            rates[0].abs() < 1e-12 && (rates[1] - 0.8).abs() < 1e-12 && (rates[2] - 0.2).abs() < 1e-12,
            "{rates:?}"
        );
    }

    /// The tail of the years is worse and the mean is not.
    #[test]
    fn bad_years_are_worse() {
        let curve = |risks: &[Risk]| Simulation::new(200_000, 3).unwrap().portfolio(risks).unwrap().curve;
        let (apart, shared) = (curve(&risks()), curve(&common_cause(&risks(), 1.0).unwrap()));
        assert!(shared.tvar(0.95) > 1.05 * apart.tvar(0.95), "{} {}", shared.tvar(0.95), apart.tvar(0.95));
        let (low, high) = shared.mean_interval();
        assert!(low - (high - low) < expected(&risks()) && expected(&risks()) < high + (high - low));
    }

    /// One risk, no risk, no share and a risk that never happens have nothing in common.
    #[test]
    fn nothing_in_common_changes_nothing() {
        let never = Risk::new("never", 0.0, Severity::lognormal(1.0, 0.1).unwrap()).unwrap();
        assert_eq!(common_cause(&risks(), 0.0).unwrap(), risks());
        assert_eq!(common_cause(&risks()[..1], 1.0).unwrap(), risks()[..1]);
        assert_eq!(common_cause(&[], 1.0).unwrap(), []);
        let with_never = [risks()[0].clone(), never];
        assert_eq!(common_cause(&with_never, 1.0).unwrap(), with_never);
        assert_eq!(common_cause(&risks(), 1.5).unwrap_err().key, "common_cause");
    }

    proptest! {
        /// Whatever is shared, each risk happens as often and the expected annual loss is the same, believed rates included.
        #[test]
        fn the_expected_loss_stays(share in 0.0f64..=1.0, shape in 0.5f64..50.0, rate in 0.01f64..5.0) {
            let [a, b] = risks();
            let believed = Risk::of("c", Frequency::Believed { mean: rate, shape }, a.severity().clone()).unwrap();
            let apart = [a, b, believed];
            let shared = common_cause(&apart, share).unwrap();
            prop_assert!((expected(&shared) / expected(&apart) - 1.0).abs() < 1e-9);
            if shared.len() > apart.len() {
                for (before, after) in apart.iter().zip(&shared) {
                    prop_assert!((after.per_year() + shared[3].per_year() - before.per_year()).abs() < 1e-9);
                }
            }
        }
    }
}
