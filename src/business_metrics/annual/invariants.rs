//! What holds for every portfolio, whatever its risks.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// The same cases every time: statements about chance fail now and then if they are drawn anew.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(11), ..ProptestConfig::default() }
}

fn frequencies() -> impl Strategy<Value = Frequency> {
    prop_oneof![
        (0.02f64..8.0).prop_map(Frequency::Known),
        (0.02f64..8.0, 0.3f64..40.0).prop_map(|(mean, shape)| Frequency::Believed { mean, shape }),
    ]
}

fn risks() -> impl Strategy<Value = Risk> {
    let severity = (1.0f64..1e6, 0.0f64..1.0).prop_map(|(median, sigma)| Severity::lognormal(median, sigma).unwrap());
    (frequencies(), severity).prop_map(|(frequency, severity)| Risk::of("r", frequency, severity).unwrap())
}

/// Exact variance of a year's loss: `E[N] E[X²] + (Var[N] - E[N]) E[X]²`.
fn variance(risk: &Risk) -> f64 {
    let Severity::Lognormal { mu, sigma } = *risk.severity() else { panic!("these risks are lognormal") };
    let second = (2.0 * mu + 2.0 * sigma * sigma).exp();
    let overdispersed = match risk.frequency() {
        Frequency::Known(_) => 0.0,
        Frequency::Believed { mean, shape } => mean * mean / shape,
    };
    risk.per_year() * second + overdispersed * risk.severity().mean().powi(2)
}

proptest! {
    #![proptest_config(cases(48))]

    /// The simulated mean lies within four standard errors of the exact one, and the share of years with a loss within four
    /// of one minus the chance of none: `1 - exp(-lambda)` for a known rate.
    #[test]
    fn simulations_are_right(risk in risks(), seed: u64) {
        let years = 4_000.0f64;
        let curve = LossCurve::of(Simulation::new(years as usize, seed).unwrap().years(&risk).unwrap());
        let error = (variance(&risk) / years).sqrt();
        prop_assert!((curve.mean() - risk.expected_annual_loss()).abs() < 4.0 * error, "{} {}", curve.mean(), risk.expected_annual_loss());
        let losing = 1.0 - risk.frequency().none();
        if let Frequency::Known(rate) = risk.frequency() {
            prop_assert!((losing - (1.0 - (-rate).exp())).abs() < 1e-12);
        }
        let error = (losing * (1.0 - losing) / years).sqrt();
        prop_assert!((curve.exceedance(0.0) - losing).abs() < 4.0 * error + 1e-12, "{} {losing}", curve.exceedance(0.0));
    }

    /// Adding risks, before and behind, leaves the years of the others as they are, to the bit.
    #[test]
    fn added_risks_shift_no_draw(risk in risks(), others in prop::collection::vec(risks(), 1..4), seed: u64, place: prop::sample::Index) {
        let simulation = Simulation::new(3_000, seed).unwrap();
        let named = |(n, other): (usize, &Risk)| Risk::of(format!("other {n}"), other.frequency(), other.severity().clone()).unwrap();
        let mut portfolio: Vec<Risk> = others.iter().enumerate().map(named).collect();
        let place = place.index(portfolio.len() + 1);
        portfolio.insert(place, risk.clone());
        let alone = simulation.years(&risk).unwrap();
        let together = simulation.portfolio(&portfolio).unwrap();
        prop_assert_eq!(together.risks[place].simulated, alone.iter().sum::<f64>() / 3_000.0);
        let without: Vec<Risk> = portfolio.iter().filter(|each| each.name() != "r").cloned().collect();
        let fewer = simulation.portfolio(&without).unwrap();
        let rest: Vec<f64> = together.risks.iter().filter(|each| each.name != "r").map(|each| each.simulated).collect();
        prop_assert_eq!(fewer.risks.iter().map(|each| each.simulated).collect::<Vec<_>>(), rest);
    }

    /// Known or believed, in futures of any length: the number of threads changes no year.
    #[test]
    fn threads_change_no_belief(risk in risks(), threads in 2usize..9, seed: u64, years in 10usize..40_000, span in 1usize..10) {
        let one = Simulation::new(years, seed).unwrap().futures_of(span).unwrap();
        prop_assert_eq!(one.years(&risk).unwrap(), one.threads(threads).years(&risk).unwrap());
    }

    /// A value at risk is no larger than the mean of what exceeds it, and the curve never rises.
    #[test]
    fn tails_are_tails(risk in risks(), seed: u64, p in 0.0f64..1.0) {
        let curve = LossCurve::of(Simulation::new(2_000, seed).unwrap().years(&risk).unwrap());
        prop_assert!(curve.var(p) <= curve.tvar(p) * (1.0 + 1e-12));
        prop_assert!(curve.points(40).windows(2).all(|pair| pair[0].1 >= pair[1].1));
    }
}

/// The interval of a value at risk holds the exact value (by FFT) of riskquant's portfolio, and of a leak alone, as often as
/// it says: in at least nine of ten of sixty simulations, where nineteen of twenty are promised. That of the mean is a normal
/// one, which heavy tails make a little too narrow.
#[test]
fn intervals_hold_the_exact_value() {
    let risk = |name, rate, low, high| Risk::new(name, rate, Severity::lognormal_between(low, high).unwrap()).unwrap();
    let riskquant = [risk("ALICE", 0.01, 1e6, 1e7), risk("BOB", 0.10, 1e7, 1e9), risk("CHARLIE", 0.05, 5e6, 5e7)];
    let leak = [Risk::new("leak", 0.097_612_8, Severity::lognormal(1.2e6, 1.5537).unwrap()).unwrap()];
    let quantiles = [(0.90, 20.65e6), (0.95, 99.04e6), (0.975, 260.2e6), (0.99, 612.9e6), (0.995, 1_017.8e6)];
    for (portfolio, quantiles) in [(&riskquant[..], &quantiles[..]), (&leak[..], &[(0.99, 8.72e6)][..])] {
        let curves: Vec<LossCurve> =
            (0..60).map(|seed| Simulation::new(20_000, seed).unwrap().portfolio(portfolio).unwrap().curve).collect();
        let held = |interval: &dyn Fn(&LossCurve) -> (f64, f64), exact: f64| {
            curves.iter().filter(|curve| (interval(curve).0..=interval(curve).1).contains(&exact)).count()
        };
        for (p, exact) in quantiles {
            let held = held(&|curve| curve.var_interval(*p), *exact);
            assert!(held >= 54, "{p}: {held} of 60");
        }
        let held = held(&LossCurve::mean_interval, portfolio.iter().map(Risk::expected_annual_loss).sum());
        assert!(held >= 51, "{held} of 60");
    }
}

/// The years of one future share a belief: with rates that hardly anybody can tell, they are all quiet or all bad.
#[test]
fn years_of_a_future_share_their_luck() {
    let risk =
        Risk::of("r", Frequency::Believed { mean: 5.0, shape: 0.5 }, Severity::lognormal(1.0, 0.0).unwrap()).unwrap();
    let together = |span| {
        let years = Simulation::new(10_000, 1).unwrap().futures_of(span).unwrap().years(&risk).unwrap();
        let product = |pair: &[f64]| (pair[0] - 5.0) * (pair[1] - 5.0);
        let (pairs, variance) =
            (years.chunks_exact(2).map(product).sum::<f64>(), years.iter().map(|n| (n - 5.0).powi(2)).sum::<f64>());
        2.0 * pairs / variance
    };
    assert!(together(2) > 0.8 && together(1).abs() < 0.1, "{} {}", together(2), together(1));
    assert_eq!(Simulation::new(10, 1).unwrap().futures_of(0).unwrap_err().key, "horizon");
    assert_eq!(Simulation::new(10, 1).unwrap().futures_of(11).unwrap_err().key, "horizon");
}
