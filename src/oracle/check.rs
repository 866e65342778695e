//! Conditions become checks.
//!
//! A condition passes only if its window was seen whole and both sides have enough samples. A count that can only grow
//! fails as soon as it is over its limit, however few the samples and however the run ended. Conditions of `always`
//! must, besides holding over the whole run, not be contradicted by any single slice.

use super::judgement::{Check, Verdict};
use super::measure::{Exactness, Measured, histogram_of, measure, quantile_of, share_of, show};
use super::seen::{Seen, Window};
use super::words::{count, moment, plural, share};
use crate::scenario::{Bound, Comparison, Condition, Metric, Quantity, Unit};
use crate::stats::Observed;

/// A slice contradicts a condition on a share or a percentile only if chance would do so less often than this in the
/// whole run, over all slices together.
const CHANCE: f64 = 0.001;

/// The sides of a condition, measured.
pub(super) struct Sides {
    pub(super) left: Measured,
    /// The limit in the unit of the left side; `None` if it is not known.
    pub(super) limit: Option<f64>,
    /// The measure that the limit is relative to.
    pub(super) right: Option<(Metric, Measured)>,
}

impl Sides {
    /// Measures both sides in a window, unless they name a phase of their own.
    pub(super) fn of(seen: &Seen<'_>, condition: &Condition, window: Window) -> Self {
        let left = measure(seen, &condition.left, window);
        match &condition.right {
            Bound::Constant(quantity) => Self { left, limit: Some(constant(*quantity)), right: None },
            Bound::Relative { factor, of } => {
                let right = measure(seen, of, window);
                Self { left, limit: right.value.map(|value| value * factor), right: Some((of.metric, right)) }
            }
        }
    }
}

/// A constant in the unit of measures: microseconds for times.
fn constant(quantity: Quantity) -> f64 {
    match quantity {
        Quantity::Count(value) | Quantity::Share(value) | Quantity::PerSecond(value) | Quantity::Usd(value) => value,
        Quantity::Time(time) => time.as_micros() as f64,
    }
}

/// Whether a condition that does not hold can never hold again: it caps what can only grow.
pub(super) fn latches(condition: &Condition, limit: f64) -> bool {
    let caps = matches!(condition.op, Comparison::Less | Comparison::AtMost | Comparison::Equal);
    let grows = match condition.left.metric.unit() {
        Unit::Count => true,
        // One error is enough for a rate that is no longer zero.
        Unit::Share => limit == 0.0 && condition.left.metric != Metric::Fairness,
        _ => false,
    };
    caps && grows && matches!(condition.right, Bound::Constant(_))
}

/// Evaluates a condition of one of the lists.
pub(super) fn check(seen: &Seen<'_>, list: &str, condition: &Condition, window: Window) -> Check {
    let sides = Sides::of(seen, condition, window);
    let window = condition.left.phase.map_or(window, Window::Phase);
    let (verdict, why) = evaluate(seen, condition, &sides, window);
    let mut observed = sides.left.show(condition.left.metric);
    if let (Some(limit), Some((metric, right))) = (sides.limit, &sides.right) {
        let unit = condition.left.metric.unit();
        observed = format!("{observed}; limit {} from {}", show(unit, limit), right.show(*metric));
    }
    if let Some(why) = why {
        observed = format!("{observed}: {why}");
    }
    Check { list: list.to_owned(), condition: condition.text.clone(), verdict, observed }
}

/// Evaluates a condition over the whole run and in each of its slices.
pub(super) fn check_always(seen: &Seen<'_>, condition: &Condition) -> Check {
    let check = check(seen, "always", condition, Window::Run);
    if check.verdict == Verdict::Fail {
        return check;
    }
    match contradicted(seen, condition) {
        Some(observed) => Check { verdict: Verdict::Fail, observed, ..check },
        None => check,
    }
}

type Outcome = (Verdict, Option<String>);

fn evaluate(seen: &Seen<'_>, condition: &Condition, sides: &Sides, window: Window) -> Outcome {
    let inconclusive = |why: String| (Verdict::Inconclusive, Some(why));
    let metric = condition.left.metric;
    let holds = sides.left.value.zip(sides.limit).map(|(left, limit)| condition.op.holds(left, limit));
    if holds == Some(false) && sides.limit.is_some_and(|limit| latches(condition, limit)) {
        return (Verdict::Fail, None);
    }
    if let Some(why) = enough(seen, metric, &sides.left) {
        return inconclusive(why);
    }
    if let Some((metric, right)) = &sides.right
        && let Some(why) = enough(seen, *metric, right)
    {
        return inconclusive(format!("the other side has too little: {why}"));
    }
    let whole = seen.is_whole(window);
    let ended = || seen.cut_off().unwrap_or_else(|| "its window was not seen whole".to_owned());
    match holds {
        None => inconclusive("there is no value to compare".to_owned()),
        Some(false) if !whole && may_still_grow(condition) => inconclusive(ended()),
        Some(false) => (Verdict::Fail, None),
        Some(true) if !whole => inconclusive(ended()),
        Some(true) if sides.left.exactness == Exactness::LowerBound => {
            inconclusive("more leaked than the journal lists".to_owned())
        }
        Some(true) => (Verdict::Pass, None),
    }
}

/// Why a side cannot be used; `None` if it can.
fn enough(seen: &Seen<'_>, metric: Metric, side: &Measured) -> Option<String> {
    // Without a sample nothing passes, whatever the scenario asks for.
    let needed = seen.scenario.expect.min_samples.max(1);
    if side.value.is_none() && side.why.is_some() {
        return Some(format!("{} cannot be told", metric.name()));
    }
    (side.samples < needed)
        .then(|| format!("{}, {} are needed (`min_samples`)", plural(side.samples, "sample"), count(needed)))
}

/// Whether more of the run could have made a condition hold that does not.
fn may_still_grow(condition: &Condition) -> bool {
    let floor = matches!(condition.op, Comparison::Greater | Comparison::AtLeast | Comparison::Equal);
    floor && matches!(condition.left.metric.unit(), Unit::Count)
}

/// The first slice that contradicts a cap on a share or on a percentile beyond chance.
///
/// A slice of 30 requests has no meaningful p99, and one error in it is no rate of 3%. So a slice is held against the
/// condition by what it proves: the exact lower bound on the share of its requests that failed, or that were slower than
/// the limit. A healed outage of one slice is told from noise that way.
fn contradicted(seen: &Seen<'_>, condition: &Condition) -> Option<String> {
    if !matches!(condition.op, Comparison::Less | Comparison::AtMost | Comparison::Equal)
        || condition.left.phase.is_some()
    {
        return None;
    }
    let limit = Sides::of(seen, condition, Window::Run).limit?;
    let alpha = CHANCE / seen.slices.len().max(1) as f64;
    let metric = condition.left.metric;
    (0..seen.slices.len()).find_map(|place| {
        let tally = seen.tally(Window::Slice(place), condition.left.who);
        let (bad, allowed, what) = match (share_of(metric, condition.left.kind, &tally), quantile_of(metric)) {
            (Some(bad), _) => (bad, limit, metric.name().to_owned()),
            (None, Some(q)) => {
                let histogram = histogram_of(metric, &tally);
                let slow = Observed::of(histogram.above(limit.max(0.0) as u64), histogram.count());
                (slow, 1.0 - q, format!("slower than {}", show(Unit::Time, limit)))
            }
            (None, None) => return None,
        };
        (bad.lower(alpha) > allowed).then(|| {
            format!(
                "held over the whole run, and not at {}: {what} {} of {}, {} allowed",
                moment(seen.slices[place].at_us),
                count(bad.events()),
                count(bad.trials()),
                share(allowed)
            )
        })
    })
}
