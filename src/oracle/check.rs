//! Conditions become checks.
//!
//! A condition passes only if its window was seen whole and both sides have enough samples. A count that can only grow
//! fails as soon as it is over its limit, however few the samples and however the run ended. Conditions of `always`
//! must, besides holding over the whole run, not be contradicted by any single slice.

use super::judgement::{Check, Verdict};
use super::measure::{Exactness, Measured, histogram_of, measure, quantile_of, share_of, show};
use super::seen::{Seen, Window};
use super::soundness::NOT_SENT;
use crate::scenario::{Bound, Comparison, Condition, Metric, Quantity, Unit};
use crate::stats::Observed;
use crate::wording::{count, moment, plural, share};

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

/// Whether a condition fails for good with this value: it caps what can only grow, and the cap is broken.
pub(super) fn latches(condition: &Condition, value: f64, limit: f64) -> bool {
    let caps = match condition.op {
        Comparison::Less | Comparison::AtMost => !condition.op.holds(value, limit),
        Comparison::Equal => value > limit,
        _ => false,
    };
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
    if sides.left.value.zip(sides.limit).is_some_and(|(left, limit)| latches(condition, left, limit)) {
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
    let right = match &condition.right {
        Bound::Relative { of, .. } => of.phase.map_or(window, Window::Phase),
        Bound::Constant(_) => window,
    };
    let whole = seen.is_whole(window) && seen.is_whole(right);
    let ended = || seen.cut_off().unwrap_or_else(|| "its window was not seen whole".to_owned());
    match holds {
        None => inconclusive("there is no value to compare".to_owned()),
        Some(false) if !whole && may_still_grow(condition) => inconclusive(ended()),
        Some(true) if !whole => inconclusive(ended()),
        Some(holds) => {
            let unproven = may_turn(condition, sides, holds);
            match unproven.or_else(|| unserved(seen, condition, window).filter(|_| holds)) {
                Some(why) => inconclusive(why),
                None if holds => (Verdict::Pass, None),
                None => (Verdict::Fail, None),
            }
        }
    }
}

/// Why a side may in truth be so much larger that the comparison comes out the other way; `None` if it may not.
pub(super) fn may_turn(condition: &Condition, sides: &Sides, holds: bool) -> Option<String> {
    let bound = |side: &Measured| match side.exactness {
        Exactness::Exact => None,
        Exactness::LowerBound(why) => Some(why.to_owned()),
    };
    let left = || bound(&sides.left);
    let right = || sides.right.as_ref().and_then(|(_, right)| bound(right));
    match condition.op {
        Comparison::Less | Comparison::AtMost if holds => left(),
        Comparison::Less | Comparison::AtMost => right(),
        Comparison::Greater | Comparison::AtLeast if holds => right(),
        Comparison::Greater | Comparison::AtLeast => left(),
        Comparison::Equal | Comparison::NotEqual => left().or_else(right),
    }
}

/// Requests that were not sent did not fail and were not slow: a system that hangs looks well by those that it let
/// through. Why so many were not sent that a cap on a metric of service proves nothing; `None` if they were sent.
pub(super) fn unserved(seen: &Seen<'_>, condition: &Condition, window: Window) -> Option<String> {
    let what = &condition.left;
    let dropped = seen.tally(window, what.who).dropped_share();
    let caps = matches!(condition.op, Comparison::Less | Comparison::AtMost | Comparison::Equal);
    (caps && is_service(what.metric) && dropped > NOT_SENT)
        .then(|| format!("{} of the arrivals were not sent, {} may be", share(dropped), share(NOT_SENT)))
}

/// Whether a metric says how well requests were served.
pub(super) fn is_service(metric: Metric) -> bool {
    matches!(metric, Metric::Errors | Metric::ErrorRate) || quantile_of(metric).is_some()
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
    let caps = matches!(condition.op, Comparison::Less | Comparison::AtMost);
    !caps && matches!(condition.left.metric.unit(), Unit::Count)
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
        // The bound lies below the share, and the share is cheap.
        let suspect = bad.share().is_some_and(|share| share > allowed);
        (suspect && bad.lower(alpha) > allowed).then(|| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::EndReason;
    use crate::oracle::fixture::*;
    use crate::scenario::{ErrorKind, Measure, Phase, Scenario, Who};

    fn expecting(always: Vec<Condition>, inject: Vec<Condition>) -> Scenario {
        let mut scenario = scenario();
        scenario.expect.always = always;
        scenario.expect.inject = inject;
        scenario
    }

    fn p99_below(limit_ms: u64) -> Condition {
        condition(Metric::P99, Comparison::Less, Quantity::Time(ms(limit_ms)))
    }

    /// A percentile passes below its limit, fails above it, and says by how much and from how many samples.
    #[test]
    fn a_percentile_is_held_against_its_limit() {
        let scenario = expecting(vec![], vec![p99_below(50)]);
        let good = Journal::healthy(&scenario).judge(&scenario);
        assert_eq!((good.verdict, check_of(&good, "inject").observed.as_str()), (Verdict::Pass, "p99 = 2 ms, n = 600"));
        let bad = Journal::healthy(&scenario).slow(Who::All, 1_000..1_300, 80_000).judge(&scenario);
        assert_eq!((bad.verdict, check_of(&bad, "inject").verdict), (Verdict::Fail, Verdict::Fail));
    }

    /// A percentile of nothing is inconclusive, not zero; so is one of too few; enough is exactly `min_samples`.
    #[test]
    fn too_few_samples_are_inconclusive() {
        let mut scenario = expecting(vec![], vec![p99_below(50)]);
        let none = Journal::healthy(&scenario).change(Who::All, 1_000..3_000, |class| class.latency_us.clear());
        let judged = none.judge(&scenario);
        let check = check_of(&judged, "inject");
        assert_eq!((judged.verdict, check.verdict), (Verdict::Inconclusive, Verdict::Inconclusive));
        assert!(check.observed.contains("0 samples, 20 are needed"), "{}", check.observed);
        scenario.expect.min_samples = 600;
        assert_eq!(Journal::healthy(&scenario).judge(&scenario).verdict, Verdict::Pass);
        scenario.expect.min_samples = 601;
        assert_eq!(Journal::healthy(&scenario).judge(&scenario).verdict, Verdict::Inconclusive);
    }

    /// Zero leaks of zero rows prove nothing, zero of many pass with their bound, and one leak of three rows fails.
    #[test]
    fn a_count_needs_rows_to_pass_and_none_to_fail() {
        let scenario = expecting(vec![no_leak()], vec![]);
        let healthy = Journal::healthy(&scenario).judge(&scenario);
        let observed = &check_of(&healthy, "always").observed;
        assert_eq!(observed, "leaked_rows = 0 of 6,000 (at most 0.05% at 95%)");
        let blind = Journal::healthy(&scenario).change(Who::All, 0..4_000, |class| class.rows_checked = 0);
        assert_eq!(blind.judge(&scenario).verdict, Verdict::Inconclusive);
        let one = blind.change(Who::Victims, 500..600, |class| (class.rows_checked, class.leaked_rows) = (1, 1));
        assert_eq!(check_of(&one.judge(&scenario), "always").verdict, Verdict::Fail);
    }

    /// A limit relative to the baseline is measured there, and needs samples there.
    #[test]
    fn a_relative_limit_is_measured_in_its_phase() {
        let of = Measure { metric: Metric::P99, who: Who::All, phase: Some(Phase::Baseline), kind: None };
        let relative = Condition { right: Bound::Relative { factor: 4.0, of }, ..p99_below(0) };
        let scenario = expecting(vec![], vec![relative]);
        let slow = |us| Journal::healthy(&scenario).slow(Who::All, 1_000..3_000, us);
        assert_eq!(slow(7_999).judge(&scenario).verdict, Verdict::Pass);
        assert_eq!(slow(8_000).judge(&scenario).verdict, Verdict::Fail);
        let without = slow(7_999).change(Who::All, 0..1_000, |class| class.latency_us.clear());
        assert_eq!(check_of(&without.judge(&scenario), "inject").verdict, Verdict::Inconclusive);
    }

    /// A relative limit is as whole as the phase that it comes from: one from half a recover phase proves nothing.
    #[test]
    fn a_relative_limit_from_a_cut_off_phase_is_inconclusive() {
        let of = |phase| Measure { metric: Metric::P99, who: Who::All, phase: Some(phase), kind: None };
        let right = Bound::Relative { factor: 2.0, of: of(Phase::Recover) };
        let relative = Condition { left: of(Phase::Baseline), right, ..p99_below(0) };
        let scenario = expecting(vec![relative], vec![]);
        let journal = Journal::healthy(&scenario);
        assert_eq!(check_of(&journal.judge(&scenario), "always").verdict, Verdict::Pass);
        let cut = journal.ended(3_500, EndReason::Interrupted).judge(&scenario);
        assert_eq!(check_of(&cut, "always").verdict, Verdict::Inconclusive);
    }

    /// What was not sent neither failed nor was slow. A cap on service that holds among the rest proves nothing; what is
    /// broken among the rest is broken, and no other metric minds.
    #[test]
    fn a_cap_on_service_needs_its_arrivals_sent() {
        let errors = condition(Metric::ErrorRate, Comparison::Less, Quantity::Share(0.10));
        let rows = condition(Metric::LeakedRows, Comparison::Equal, Quantity::Count(0.0));
        let many = condition(Metric::Errors, Comparison::AtLeast, Quantity::Count(30.0));
        let scenario = expecting(vec![], vec![errors, p99_below(50), rows, many]);
        let verdicts = |dropped, us| {
            let journal = Journal::healthy(&scenario)
                .fail(Who::All, 1_000..1_100, ErrorKind::Timeout, PER_SLICE)
                .change(Who::All, 1_000..3_000, |class| (class.intended, class.dropped) = (100, dropped))
                .slow(Who::All, 1_000..3_000, us);
            let judged = journal.judge(&scenario);
            judged.checks.iter().filter(|c| c.list == "inject").map(|check| check.verdict).collect::<Vec<_>>()
        };
        let (pass, fail, unproven) = (Verdict::Pass, Verdict::Fail, Verdict::Inconclusive);
        assert_eq!(verdicts(5, HEALTHY_US), [pass, pass, pass, pass]);
        assert_eq!(verdicts(6, HEALTHY_US), [unproven, unproven, pass, pass]);
        assert_eq!(verdicts(6, 60_000), [unproven, fail, pass, pass]);
    }

    /// Writes that the ledger had no room for may all be lost: that none of the others is proves nothing.
    #[test]
    fn a_full_ledger_is_inconclusive() {
        let lost = condition(Metric::LostWrites, Comparison::Equal, Quantity::Count(0.0));
        let some = condition(Metric::LostWrites, Comparison::AtLeast, Quantity::Count(1.0));
        for (conditions, lost, not_kept, verdict) in [
            (vec![lost.clone()], 0, 0, Verdict::Pass),
            (vec![lost.clone()], 0, 1, Verdict::Inconclusive),
            (vec![lost], 1, 1, Verdict::Fail),
            (vec![some.clone()], 0, 1, Verdict::Inconclusive),
            (vec![some], 0, 0, Verdict::Fail),
        ] {
            let scenario = expecting(conditions, vec![]);
            let mut journal = Journal::healthy(&scenario);
            (journal.ledger.lost, journal.ledger.not_kept) = (lost, not_kept);
            assert_eq!(
                check_of(&journal.judge(&scenario), "always").verdict,
                verdict,
                "{lost} lost, {not_kept} not kept"
            );
        }
        // Without any condition on it, too: TC-W01 needs none to be reported.
        let scenario = scenario();
        let mut journal = Journal::healthy(&scenario);
        journal.ledger.not_kept = 1;
        let judged = journal.judge(&scenario);
        assert_eq!(
            (judged.verdict, check_of(&judged, "ledger").verdict),
            (Verdict::Inconclusive, Verdict::Inconclusive)
        );
    }

    /// Over the whole run a healed outage of a fifth of a second is 5% of all requests; `always` sees it all the same,
    /// and does not take scattered errors for one.
    #[test]
    fn always_holds_in_every_slice() {
        let always = condition(Metric::ErrorRate, Comparison::Less, Quantity::Share(0.10));
        let scenario = expecting(vec![always], vec![]);
        let outage = Journal::healthy(&scenario).fail(Who::All, 2_000..2_200, ErrorKind::Connection, PER_SLICE);
        let judged = outage.judge(&scenario);
        assert_eq!(judged.verdict, Verdict::Fail);
        assert!(check_of(&judged, "always").observed.contains("not at 2.00 s: error_rate 30 of 30"));
        let scattered = Journal::healthy(&scenario).fail(Who::Victims, 0..4_000, ErrorKind::Connection, 0);
        let scattered = scattered.fail(Who::Tier(crate::scenario::Tier::Growth), 0..4_000, ErrorKind::Connection, 2);
        assert_eq!(scattered.judge(&scenario).verdict, Verdict::Pass);
    }

    /// The same for a percentile: a slice of which most are too slow contradicts it, one slow request does not.
    #[test]
    fn always_holds_percentiles_in_every_slice() {
        let scenario = expecting(vec![condition(Metric::P95, Comparison::Less, Quantity::Time(ms(50)))], vec![]);
        let slow = |each: u64| {
            Journal::healthy(&scenario).change(Who::All, 2_000..2_100, |class| {
                class.latency_us = vec![(2_000, PER_SLICE - each), (90_000, each)];
            })
        };
        assert_eq!(slow(1).judge(&scenario).verdict, Verdict::Pass);
        assert_eq!(slow(6).judge(&scenario).verdict, Verdict::Fail);
    }

    /// A run that ended early: what was over its limit fails, what held is inconclusive, and so is what might still have
    /// come.
    #[test]
    fn what_was_not_seen_is_inconclusive() {
        let conditions = vec![
            p99_below(50),
            condition(Metric::Errors, Comparison::Equal, Quantity::Count(0.0)),
            condition(Metric::Errors, Comparison::Greater, Quantity::Count(1_000.0)),
            condition(Metric::Errors, Comparison::Equal, Quantity::Count(1_000.0)),
        ];
        let scenario = expecting(vec![], conditions);
        let cut = Journal::healthy(&scenario)
            .fail(Who::All, 1_200..1_300, ErrorKind::Other, 1)
            .ended(2_000, EndReason::Interrupted)
            .judge(&scenario);
        let verdicts: Vec<_> = cut.checks.iter().filter(|c| c.list == "inject").map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Fail, Verdict::Inconclusive, Verdict::Inconclusive]);
        // Without a footer slices may be missing anywhere.
        let mut killed = Journal::healthy(&scenario).events();
        killed.pop();
        let killed = crate::oracle::judge(&killed, &scenario).unwrap();
        assert!(killed.checks.iter().filter(|c| c.list == "inject").all(|c| c.verdict == Verdict::Inconclusive));
        // The phases before the end were seen whole.
        let late = Journal::healthy(&scenario).ended(3_500, EndReason::Interrupted).judge(&scenario);
        let verdicts: Vec<_> = late.checks.iter().filter(|c| c.list == "inject").map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Pass, Verdict::Fail, Verdict::Fail]);
    }
}
