//! The table: ratios of paired rounds, and the tail of what a tenant transaction adds.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::design::{Breadth, Operation, Policy, Travel, Variant};
use super::paired::{Effort, Samples, sample};
use super::stand::Stand;
use crate::common::ratio::percentile;
use crate::common::{Failure, Goal, Line, Mode, Ratio, Table, median};

/// The reference policy may cost this much of a hand-written condition in the same transaction.
const POLICY_REACH: f64 = 1.10;
/// A tenant transaction may add this much to a plain read in 99 of 100 requests, in milliseconds.
const ADDED_REACH_MS: f64 = 5.0;

/// Measures one database and adds its lines.
pub(crate) async fn add_lines(table: &mut Table, stand: &Stand, mode: Mode, breadth: Breadth) -> Result<(), Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut control = Vec::new();
    add_tail(table, stand, mode, &mut rng).await?;
    for travel in Travel::ALL {
        for operation in Operation::ALL {
            eprintln!("{} rows: {}, {}", stand.rows, operation.name(), travel.name());
            let variants: Vec<_> = breadth.policies(travel).iter().map(|&policy| Variant { policy, travel }).collect();
            let samples = sample(stand, operation, &variants, Effort::for_ratios(mode), &mut rng).await?;
            let [hand_written, others @ ..] = samples.as_slice() else { continue };
            for (variant, own) in variants[1..].iter().zip(others) {
                let ratio = Ratio::of_rounds(&own.rounds, &hand_written.rounds);
                if variant.policy == Policy::Control {
                    control.push(ratio.median);
                    continue;
                }
                table.push(Line {
                    what: format!("{} rows: {}, {variant}", stand.rows, operation.name()),
                    value: median(&own.calls),
                    unit: "us",
                    against: Some(variants[0].policy.name().to_owned()),
                    ratio: Some(ratio),
                    goal: (variant.policy == Policy::SubSelect).then_some(Goal::AtMost(POLICY_REACH)),
                });
            }
            stand.tidy().await?;
        }
    }
    table.note(format!(
        "{} rows, control: the hand-written WHERE against itself gave ratios from {:.2} to {:.2}",
        stand.rows,
        percentile(&control, 0.0),
        percentile(&control, 1.0)
    ));
    let plans: Vec<_> = stand
        .plans
        .iter()
        .filter(|(policy, _)| *policy != Policy::Control)
        .map(|(policy, plan)| format!("{}: {plan}", policy.name()))
        .collect();
    table.note(format!("{} rows, plan of the point read: {}", stand.rows, plans.join("; ")));
    Ok(())
}

/// What a request pays for being a tenant transaction: everything between the reference runtime and a bare read with a
/// hand-written condition.
async fn add_tail(table: &mut Table, stand: &Stand, mode: Mode, rng: &mut ChaCha8Rng) -> Result<(), Failure> {
    eprintln!("{} rows: the tail of the tenant transaction", stand.rows);
    let whole = Variant { policy: Policy::SubSelect, travel: Travel::Runtime };
    let plain = Variant { policy: Policy::None, travel: Travel::Autocommit };
    let samples = sample(stand, Operation::PointRead, &[whole, plain], Effort::for_tail(mode), rng).await?;
    let [tenant, bare]: [Samples; 2] = samples.try_into().map_err(|_| "two variants give two samples")?;
    let added: Vec<f64> = tenant.calls.iter().zip(&bare.calls).map(|(tenant, bare)| (tenant - bare) / 1e3).collect();
    let line = |what: &str, value, goal| Line {
        what: format!("{} rows: {what}", stand.rows),
        value,
        unit: "ms",
        against: None,
        ratio: None,
        goal,
    };
    table.push(Line {
        against: Some(plain.to_string()),
        ratio: Some(Ratio::of_rounds(&tenant.rounds, &bare.rounds)),
        ..line("point read as a tenant transaction, median", median(&tenant.calls) / 1e3, None)
    });
    table.push(line("the same alone in autocommit, p99", percentile(&bare.calls, 0.99) / 1e3, None));
    table.push(line("added by the tenant transaction, median", median(&added), None));
    table.push(line(
        "added by the tenant transaction, p99",
        percentile(&added, 0.99),
        Some(Goal::ValueBelow(ADDED_REACH_MS)),
    ));
    Ok(())
}
