//! What a year of losses costs to simulate.
//!
//! `years` plays three risks over a million years on one thread, with the curve of the sums: riskquant's portfolio (the
//! README of riskquant 1.0.4, which takes 4.9 s and 239 MB for it) and the product's own reference portfolio, whose
//! noisy neighbour has twelve events a year of five drawn factors each. Both must stay below a second.
//!
//! `lognormal` draws a million costs through `Risk` beside a plain `rand_distr` loop over the same generator: what the
//! risk's events, streams and years add.
//!
//! Every measured result is checked against its exact value.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};
use tenant_chaos::business_metrics::{Assumptions, Risk, Severity, Simulation, reference_portfolio};

const YEARS: usize = 1_000_000;

fn riskquant_portfolio() -> [Risk; 3] {
    let risk = |name, rate, low, high| {
        let severity = Severity::lognormal_between(low, high).expect("the percentiles are in order");
        Risk::new(name, rate, severity).expect("the rate is finite")
    };
    [risk("ALICE", 0.01, 1e6, 1e7), risk("BOB", 0.10, 1e7, 1e9), risk("CHARLIE", 0.05, 5e6, 5e7)]
}

fn play(risks: &[Risk]) -> f64 {
    let simulation = Simulation::new(YEARS, 1).expect("there are years");
    let curve = simulation.portfolio(risks).expect("the events are within the limit").curve;
    let expected: f64 = risks.iter().map(Risk::expected_annual_loss).sum();
    let (low, high) = curve.mean_interval();
    assert!((curve.mean() - expected).abs() < 2.0 * (high - low), "{low} {expected} {high}");
    curve.var(0.95)
}

fn years(c: &mut Criterion) {
    let mut group = c.benchmark_group("years");
    group.sample_size(10);
    let riskquant = riskquant_portfolio();
    group.bench_function("riskquant_3x1e6", |b| b.iter(|| play(black_box(&riskquant))));
    let reference = reference_portfolio(Assumptions::built_in()).expect("the built-in assumptions are sound");
    group.bench_function("reference_3x1e6", |b| b.iter(|| play(black_box(&reference))));
    group.finish();
}

fn lognormal(c: &mut Criterion) {
    const DRAWS: usize = 1_000_000;
    let mut group = c.benchmark_group("lognormal");
    group.sample_size(20);
    let exact = (0.5f64).exp();
    group.bench_function("rand_distr_1e6", |b| {
        let distribution = LogNormal::new(0.0, 1.0).expect("the deviation is finite");
        b.iter(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let sum: f64 = (0..DRAWS).map(|_| distribution.sample(&mut rng)).sum();
            assert!((sum / DRAWS as f64 / exact - 1.0).abs() < 0.02);
            sum
        });
    });
    group.bench_function("risk_1e6", |b| {
        // A hundred events a year for ten thousand years.
        let severity = Severity::lognormal(1.0, 1.0).expect("the median is positive");
        let risk = Risk::new("r", 100.0, severity).expect("the rate is finite");
        let simulation = Simulation::new(DRAWS / 100, 1).expect("there are years");
        b.iter(|| {
            let sum: f64 = simulation.years(&risk).expect("the events are within the limit").iter().sum();
            assert!((sum / DRAWS as f64 / exact - 1.0).abs() < 0.02);
            sum
        });
    });
    group.finish();
}

criterion_group!(benches, years, lognormal);
criterion_main!(benches);
