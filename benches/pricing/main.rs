//! What a year of losses costs to simulate: time on one core, and memory.
//!
//! riskquant's own portfolio and the product's reference portfolio, three risks over a million years each with the curve of
//! the sums; the latter also with frequencies that are drawn. A million lognormal costs through [`Risk`] beside a plain
//! `rand_distr` loop over the same generator: what events, streams and years add. Peak memory of processes of their own that
//! simulate 250,000, one and four million years.
//!
//! They take turns, and every result is checked against its exact value. `PRICING_ROUNDS` steers it.

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "each benchmark uses its own part of what they share")]
mod common;
mod memory;
mod work;

use std::time::Instant;

use common::{Environment, Failure, Goal, Line, Mode, Ratio, Table, check, median, processors, setting};
use work::Work;

/// Milliseconds that three risks over a million years may take.
const GOAL_MS: f64 = 1_000.0;
/// Bytes a year may grow by so much between the smallest and the largest simulation and still be linear.
const LINEAR: f64 = 1.10;

fn main() -> Result<(), Failure> {
    if memory::was_asked()? {
        return Ok(());
    }
    let mode = Mode::of_arguments();
    if mode == Mode::List {
        println!("pricing: benchmark");
        return Ok(());
    }
    let environment = Environment::note("pricing", "PRICING_", None, processors());
    let rounds: usize = mode.pick(setting("PRICING_ROUNDS", 15)?, 1);
    let work = Work::new(mode.pick(1_000_000, 20_000))?;
    let mut times: Vec<[f64; 5]> = Vec::with_capacity(rounds);
    for round in 0..rounds {
        times.push(one_round(&work, round)?);
    }
    let column = |place: usize| times.iter().map(|round| round[place]).collect::<Vec<f64>>();
    let mut table = Table::new("pricing", environment);
    let years = work.years();
    let portfolios = [
        (format!("riskquant's three risks, {years} years"), Some(Goal::ValueBelow(GOAL_MS))),
        (format!("reference portfolio, {years} years"), Some(Goal::ValueBelow(GOAL_MS))),
        (format!("the same with frequencies drawn, {years} years"), None),
        (format!("{years} lognormals, a plain rand_distr loop"), None),
    ];
    for (place, (what, goal)) in portfolios.into_iter().enumerate() {
        table.push(Line { what, value: median(&column(place)), unit: "ms", against: None, ratio: None, goal });
    }
    table.push(Line {
        what: format!("{years} lognormals as events of a risk"),
        value: median(&column(4)),
        unit: "ms",
        against: Some("a plain rand_distr loop".to_owned()),
        ratio: Some(Ratio::of_rounds(&column(4), &column(3))),
        goal: None,
    });
    remember(&mut table, mode)?;
    table.note(format!("one thread; {rounds} rounds, taking turns; every sum was checked against its exact value"));
    table.note(
        "riskquant 1.0.4 takes 4.9 s and 239 MB for its three risks over a million years (measured with it on another day, one \
         thread of two shared cores)",
    );
    table.publish(mode)
}

/// Milliseconds of each piece of work; every other round runs backwards.
fn one_round(work: &Work, round: usize) -> Result<[f64; 5], Failure> {
    let mut times = [0.0; 5];
    let mut order: Vec<usize> = (0..5).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    for place in order {
        let started = Instant::now();
        work.perform(place)?;
        times[place] = started.elapsed().as_secs_f64() * 1e3;
    }
    Ok(times)
}

/// Peaks of memory, and whether they grow with the years and not faster.
fn remember(table: &mut Table, mode: Mode) -> Result<(), Failure> {
    let sizes: [usize; 3] = mode.pick([250_000, 1_000_000, 4_000_000], [25_000, 100_000, 400_000]);
    let Some(peaks) = memory::peaks(sizes)? else {
        table.note("peak memory is not measured: this system does not say it");
        return Ok(());
    };
    for (years, peak) in sizes.into_iter().zip(peaks) {
        let what = format!("peak memory, riskquant's three risks, {years} years");
        table.push(Line { what, value: peak / 1e6, unit: "MB", against: None, ratio: None, goal: None });
    }
    let per_year = |a: usize, b: usize| (peaks[b] - peaks[a]) / (sizes[b] - sizes[a]) as f64;
    let (few, many) = (per_year(0, 1), per_year(1, 2));
    table.push(Line {
        what: "memory of a year more, from 1 to 4 million"
            .replace("1 to 4 million", &format!("{} to {}", sizes[1], sizes[2])),
        value: many,
        unit: "bytes",
        against: Some(format!("from {} to {}", sizes[0], sizes[1])),
        ratio: Some(Ratio::of_rounds(&[many], &[few])),
        goal: Some(Goal::AtMost(LINEAR)),
    });
    // A check is too small to tell; a measurement that is not linear is a defect and not a figure.
    check(mode == Mode::Check || many <= LINEAR * few, || {
        format!("memory is not linear: {few} and then {many} bytes a year")
    })
}
