//! Simulations against exact results and other implementations.

use proptest::prelude::*;

use super::*;
use crate::business_metrics::{Assumptions, Tier, TierCounts};

fn simulation(years: usize) -> Simulation {
    Simulation::new(years, 7).unwrap()
}

/// riskquant's README: three risks by rate and percentiles.
fn readme() -> [Risk; 3] {
    let risk = |name, rate, low, high| Risk::new(name, rate, Severity::lognormal_between(low, high).unwrap()).unwrap();
    [risk("ALICE", 0.01, 1e6, 1e7), risk("BOB", 0.10, 1e7, 1e9), risk("CHARLIE", 0.05, 5e6, 5e7)]
}

/// Four standard errors of a share.
fn share_error(share: f64, years: usize) -> f64 {
    4.0 * (share * (1.0 - share) / years as f64).sqrt()
}

/// The portfolio of riskquant's README against its exact distribution (by FFT): shares of years above a loss, values at
/// risk inside the simulation's own intervals, the mean, the years without a loss.
#[test]
fn the_exact_portfolio_lies_inside_the_simulation() {
    let years = 400_000;
    let simulated = simulation(years).threads(2).portfolio(&readme()).unwrap();
    let curve = &simulated.curve;
    for (loss, exact) in
        [(0.0, 1.0 - (-0.16f64).exp()), (1e6, 0.147_38), (1e7, 0.124_44), (1e8, 0.049_73), (1e9, 0.005_13)]
    {
        assert!((curve.exceedance(loss) - exact).abs() < share_error(exact, years) + 5e-6, "{loss}");
    }
    for (p, exact) in
        [(0.90, 20.65e6), (0.95, 99.04e6), (0.975, 260.2e6), (0.99, 612.9e6), (0.995, 1_017.8e6), (0.999, 2_624e6)]
    {
        let (low, high) = curve.var_interval(p);
        assert!(low < exact && exact < high, "{p}: {low} {exact} {high}");
    }
    let expected: f64 = simulated.risks.iter().map(|risk| risk.expected).sum();
    assert!((expected - 27_690_204.31).abs() < 1.0, "{expected}");
    let (low, high) = curve.mean_interval();
    assert!(low < expected && expected < high, "{low} {expected} {high}");
    assert!((curve.tvar(0.95) / 498.3e6 - 1.0).abs() < 0.05, "{}", curve.tvar(0.95));
}

/// The leak alone against its exact distribution.
#[test]
fn the_exact_leak_lies_inside_the_simulation() {
    let years = 400_000;
    let risk = Risk::new("leak", 0.097_612_8, Severity::lognormal(1.2e6, 1.5537).unwrap()).unwrap();
    assert!((risk.expected_annual_loss() - 391_631.885).abs() < 10.0, "{}", risk.expected_annual_loss());
    let curve = LossCurve::of(simulation(years).years(&risk).unwrap());
    for (loss, exact) in [(0.0, 1.0 - 0.907_09), (1e6, 0.052_04), (5e6, 0.017_62)] {
        assert!((curve.exceedance(loss) - exact).abs() < share_error(exact, years) + 5e-6, "{loss}");
    }
    for (p, exact) in [(0.95, 1.10e6), (0.99, 8.72e6)] {
        let (low, high) = curve.var_interval(p);
        // One interval in twenty misses; how often they do is counted among the invariants.
        assert!(low * 0.98 < exact && exact < high * 1.02, "{p}: {low} {exact} {high}");
    }
}

/// The reference portfolio against the published simulation of a million years: parts exact, tails within 3%.
#[test]
fn the_reference_portfolio_comes_out() {
    let risks = reference_portfolio(Assumptions::built_in()).unwrap();
    let expected: Vec<f64> = risks.iter().map(Risk::expected_annual_loss).collect();
    for (ours, published) in expected.iter().zip([391_632.0, 1_650_000.0, 107_220.0]) {
        assert!((ours / published - 1.0).abs() < 1e-3, "{ours} {published}");
    }
    let curve = simulation(200_000).threads(2).portfolio(&risks).unwrap().curve;
    let (low, high) = curve.mean_interval();
    assert!(low - (high - low) < 2.148e6 && 2.148e6 < high + (high - low), "{low} {high}");
    for (p, published, tolerance) in [(0.95, 3.92e6, 0.03), (0.99, 10.4e6, 0.06)] {
        assert!((curve.var(p) / published - 1.0f64).abs() < tolerance, "{p}: {}", curve.var(p));
    }
    assert!((curve.tvar(0.95) / 9.49e6 - 1.0).abs() < 0.1, "{}", curve.tvar(0.95));
}

/// Single events have the published means and ranges: a 45-minute enterprise outage, and two hundred slowed tenants, two
/// thirds of which lie in the brief's range of $2K to $10K.
#[test]
fn single_events_have_their_published_range() {
    let assumptions = Assumptions::built_in();
    let outage = outage_risk(Tier::Enterprise, 45.0, 10.0, assumptions).unwrap();
    let noisy = noisy_neighbour_risk(&TierCounts::only(Tier::Starter, 200.0), assumptions).unwrap();
    for (risk, mean, p05, p95) in [(&outage, 412_500.0, 215_600.0, 615_800.0), (&noisy, 8_935.0, 4_925.0, 13_274.0)] {
        let events = risk.severity().sample(risk.name(), 100_000, 1).unwrap();
        assert!((risk.severity().mean() / mean - 1.0).abs() < 1e-3, "{}", risk.severity().mean());
        for (p, published) in [(0.05, p05), (0.95, p95)] {
            assert!((events.var(p) / published - 1.0).abs() < 0.015, "{} {p}: {}", risk.name(), events.var(p));
        }
    }
    let events = noisy.severity().sample("noisy", 100_000, 1).unwrap();
    let inside = events.exceedance(2_000.0) - events.exceedance(10_000.0);
    assert!((inside - 0.66).abs() < 0.015, "{inside}");
    assert_eq!(noisy.severity().sample("noisy", 0, 1).unwrap_err().key, "draws");
}

/// Adding a risk, or asking in another order, leaves the years of the others as they are, to the bit.
#[test]
fn risks_do_not_shift_each_other() {
    let [alice, bob, charlie] = readme();
    let years = |risk: &Risk| simulation(20_000).years(risk).unwrap();
    let alone = years(&bob);
    let together = simulation(20_000).portfolio(&[alice, bob.clone(), charlie]).unwrap();
    assert_eq!(together.risks[1].simulated, alone.iter().sum::<f64>() / 20_000.0);
    assert_eq!(alone, years(&bob));
    let renamed = Risk::new("bob", bob.per_year(), bob.severity().clone()).unwrap();
    assert_ne!(alone, years(&renamed), "a stream belongs to a name");
    let reseeded = Simulation::new(20_000, 8).unwrap().years(&bob).unwrap();
    assert_ne!(alone, reseeded);
}

/// Two risks with equal numbers are independent: their yearly losses do not go together.
#[test]
fn equal_risks_are_independent() {
    let risk = |name| Risk::new(name, 2.0, Severity::lognormal(1.0, 0.5).unwrap()).unwrap();
    let (a, b) = (simulation(50_000).years(&risk("a")).unwrap(), simulation(50_000).years(&risk("b")).unwrap());
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(&a), mean(&b));
    let covariance = a.iter().zip(&b).map(|(x, y)| (x - ma) * (y - mb)).sum::<f64>();
    let deviation = |v: &[f64], m: f64| v.iter().map(|x| (x - m).powi(2)).sum::<f64>().sqrt();
    assert!((covariance / deviation(&a, ma) / deviation(&b, mb)).abs() < 0.02);
}

/// More years begin with the same whole blocks, so a longer simulation is a longer look at the same future.
#[test]
fn more_years_begin_alike() {
    let [_, bob, _] = readme();
    let (short, long) = (simulation(16_384).years(&bob).unwrap(), simulation(40_000).years(&bob).unwrap());
    assert_eq!(short, long[..16_384]);
}

/// A mitigation that prevents nothing changes nothing, one that prevents everything leaves nothing, and a partial one
/// never makes a year worse and prevents its share.
#[test]
fn a_mitigation_thins_the_same_events() {
    let risk = Risk::new("leak", 2.0, Severity::lognormal(1e5, 1.0).unwrap()).unwrap();
    let with = |frequency, severity| simulation(20_000).paired(&risk, Mitigation { frequency, severity }).unwrap();
    assert_eq!(with(1.0, 1.0).after, simulation(20_000).years(&risk).unwrap());
    assert!(with(0.0, 1.0).after.iter().all(|loss| *loss == 0.0));
    let Paired { before, after } = with(0.25, 0.5);
    assert!(before.iter().zip(&after).all(|(before, after)| after <= before));
    let share = after.iter().sum::<f64>() / before.iter().sum::<f64>();
    assert!((share - 0.125).abs() < 0.01, "{share}");
}

/// No years, too many of them, too many events and shares over one are refused by name.
#[test]
fn impossible_simulations_are_refused() {
    let often = Risk::new("often", 1e7, Severity::lognormal(1.0, 0.1).unwrap()).unwrap();
    assert_eq!(Simulation::new(0, 1).unwrap_err().to_string(), "`years` must not be zero");
    assert_eq!(Simulation::new(usize::MAX, 1).unwrap_err().key, "years");
    assert_eq!(simulation(10_000).years(&often).unwrap_err().key, "frequency");
    let beyond = Mitigation { frequency: 1.5, severity: 1.0 };
    assert_eq!(simulation(10).paired(&readme()[0], beyond).unwrap_err().key, "frequency");
}

/// A year with no risk at all loses nothing, and says so without a NaN.
#[test]
fn no_risk_loses_nothing() {
    let none = Risk::new("none", 0.0, Severity::lognormal(1.0, 1.0).unwrap()).unwrap();
    let curve = simulation(100).portfolio(&[none]).unwrap().curve;
    assert_eq!((curve.mean(), curve.var(0.95), curve.tvar(0.95), curve.exceedance(0.0)), (0.0, 0.0, 0.0, 0.0));
    assert!(curve.points(20).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The number of threads changes no year, whatever the seed.
    #[test]
    fn threads_change_nothing(threads in 1usize..9, seed: u64, years in 1usize..50_000) {
        let [_, bob, _] = readme();
        let one = Simulation::new(years, seed).unwrap();
        prop_assert_eq!(one.years(&bob).unwrap(), one.threads(threads).years(&bob).unwrap());
    }
}
