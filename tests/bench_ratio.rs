//! Proves the benchmarks' statistics, which benchmarks themselves cannot: they have no test harness.

#[path = "../benches/common/ratio.rs"]
mod ratio;

use ratio::{Ratio, Reach, median, percentile};

/// A disturbance that strikes both sides of some rounds cancels: the ratio is exact, and so is its interval.
#[test]
fn what_strikes_both_sides_cancels() {
    let theirs: Vec<f64> = (1..=20).map(|round| if round % 3 == 0 { 1_000.0 } else { f64::from(round) }).collect();
    let ours: Vec<f64> = theirs.iter().map(|rate| rate * 1.25).collect();
    let ratio = Ratio::of_rounds(&ours, &theirs);
    assert_eq!((ratio.median, ratio.low, ratio.high, ratio.rounds), (1.25, 1.25, 1.25, 20));
}

/// The interval is that of the sign test: for n = 10 from the 2nd to the 9th value (covers 97.9%), for n = 20 from the
/// 6th to the 15th (95.9%); tables of it are in every textbook. Below six rounds it is the whole range.
#[test]
fn the_interval_is_that_of_order_statistics() {
    let of = |rounds: u32| {
        let values: Vec<f64> = (1..=rounds).map(f64::from).collect();
        let ratio = Ratio::of_rounds(&values, &vec![1.0; values.len()]);
        (ratio.low, ratio.high)
    };
    assert_eq!(of(5), (1.0, 5.0));
    assert_eq!(of(6), (1.0, 6.0));
    assert_eq!(of(10), (2.0, 9.0));
    assert_eq!(of(20), (6.0, 15.0));
}

/// The interval covers the true median as often as it says: of 2,000 samples of 15 draws at most 5% miss it, and not
/// so few that it would say nothing.
#[test]
fn the_interval_covers_the_median() {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let missed = (0..2_000).filter(|_| {
        let values: Vec<f64> = (0..15).map(|_| rng.random::<f64>()).collect();
        let ratio = Ratio::of_rounds(&values, &[1.0; 15]);
        !(ratio.low..=ratio.high).contains(&0.5)
    });
    let missed = missed.count();
    // 3.5% exactly; four standard deviations around it.
    assert!((38..=103).contains(&missed), "{missed} of 2000");
}

/// Medians and percentiles at their edges.
#[test]
fn medians_and_percentiles() {
    assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), 2.5);
    assert!(median(&[]).is_nan());
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    assert_eq!([0.0, 0.5, 0.99, 1.0].map(|p| percentile(&hundred, p)), [1.0, 50.0, 99.0, 100.0]);
}

/// A goal is reached or missed only where the whole interval says so; a bound within it, or nothing measured, decides
/// nothing.
#[test]
fn what_is_within_noise_is_not_decided() {
    let ratio = |low, high| Ratio { median: (low + high) / 2.0, low, high, rounds: 10 };
    assert_eq!(Reach::at_most(&ratio(1.0, 1.4), 1.5), Reach::Reached);
    assert_eq!(Reach::at_most(&ratio(1.0, 1.6), 1.5), Reach::Undecided, "its median is below the bound");
    assert_eq!(Reach::at_most(&ratio(1.6, 1.7), 1.5), Reach::Missed);
    assert_eq!(Reach::at_least(&ratio(0.96, 1.1), 0.95), Reach::Reached);
    assert_eq!(Reach::at_least(&ratio(0.9, 1.1), 0.95), Reach::Undecided);
    assert_eq!(Reach::at_least(&ratio(0.8, 0.9), 0.95), Reach::Missed);
    for reach in [Reach::at_most(&ratio(f64::NAN, f64::NAN), 1.5), Reach::at_most(&ratio(1.0, f64::INFINITY), 1.5)] {
        assert_eq!(reach, Reach::Undecided);
    }
    let words = [Reach::Reached, Reach::Missed, Reach::Undecided].map(Reach::word);
    assert!(words[2].starts_with("not decided") && words[0] != words[1]);
}
