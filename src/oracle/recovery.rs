//! Recovery: how long after the inject phase all `recover.that` conditions hold for good.

use super::check::{Sides, is_service, latches, may_turn, unserved};
use super::judgement::{Check, Verdict};
use super::measure::measure;
use super::seen::{SLICE_US, Seen, Span, Window};
use crate::observe::Slice;
use crate::scenario::{Condition, LoadShape, Phase, RecoverExpect, Who};
use crate::wording::{count, duration, plural};

/// What came of `recover`.
#[derive(Debug, Clone, Default)]
pub(super) struct Recovery {
    /// One check per condition.
    pub(super) checks: Vec<Check>,
    /// Time from the end of the inject phase until all conditions held for good; `None` if they never did, or if that
    /// was not asked or could not be decided.
    pub(super) after_us: Option<u64>,
    /// Slices in which a condition did not hold.
    pub(super) violated: Vec<usize>,
}

/// How one condition recovered.
enum Course {
    /// No slice had a sample.
    Undecided,
    /// Held for good from this long after the inject phase.
    After(u64),
    /// Did not hold in the last slice that decides.
    Never,
}

/// Evaluates `recover`. Slices without samples do not decide, unless nothing was served in them: where the condition is
/// about service, a time in which requests were not sent is not a time in which it held.
pub(super) fn recovery(seen: &Seen<'_>) -> Recovery {
    let Some(expect) = &seen.scenario.expect.recover else { return Recovery::default() };
    let mut recovery = Recovery::default();
    let mut worst = Some(0);
    for condition in &expect.that {
        let (course, violated) = course(seen, condition);
        let check = check(seen, expect, condition, &course);
        let decided = check.verdict != Verdict::Inconclusive;
        worst = match course {
            Course::After(us) if decided => worst.map(|worst: u64| worst.max(us)),
            _ => None,
        };
        recovery.checks.push(check);
        recovery.violated.extend(violated);
    }
    recovery.violated.sort_unstable();
    recovery.violated.dedup();
    recovery.after_us = worst;
    recovery
}

fn course(seen: &Seen<'_>, condition: &Condition) -> (Course, Vec<usize>) {
    let start = seen.span(Phase::Recover).map_or(0, |span| span.from_us);
    let places = (0..seen.slices.len()).filter(|place| seen.phase_of(seen.slices[*place]) == Phase::Recover);
    let decided: Vec<(usize, bool)> =
        places.filter_map(|place| Some((place, holds(seen, condition, place)?))).collect();
    let violated: Vec<usize> = decided.iter().filter(|(_, holds)| !holds).map(|(place, _)| *place).collect();
    let stalled = stalls(seen, condition).max_by_key(|stall| stall.to_us);
    let ends_stalled =
        stalled.is_some_and(|stall| decided.last().is_some_and(|(last, _)| stall.from_us > at(seen, *last)));
    let last_violated = violated.last().map(|last| at(seen, *last).saturating_add(SLICE_US));
    let course = match (decided.last(), last_violated.max(stalled.map(|stall| stall.to_us))) {
        (None, _) => Course::Undecided,
        (Some((_, false)), _) => Course::Never,
        _ if ends_stalled => Course::Never,
        (Some(_), None) => Course::After(0),
        (Some(_), Some(until_us)) => Course::After(until_us.saturating_sub(start)),
    };
    (course, violated)
}

fn at(seen: &Seen<'_>, place: usize) -> u64 {
    seen.slices[place].at_us
}

/// Times in a closed loop in which no client began a request for longer than requests took before: all of them waited.
/// The few that they waited for are all that fails or is slow, however long it lasts.
fn stalls(seen: &Seen<'_>, condition: &Condition) -> impl Iterator<Item = Span> {
    let closed = matches!(seen.scenario.load.shape, LoadShape::Closed { .. });
    let span = seen.span(Phase::Recover).filter(|_| closed && is_service(condition.left.metric));
    let slowest = seen.tally(Window::Phase(Phase::Baseline), Who::All).latency.quantile(1.0).unwrap_or(0);
    let slo = u64::try_from(seen.scenario.business.slo.as_micros()).unwrap_or(u64::MAX);
    let usual_us = slowest.max(slo).saturating_add(2 * SLICE_US);
    let begun = move |slice: &&Slice| seen.classes_of(slice, Who::All).any(|class| class.intended > 0);
    let busy = seen.slices_in(Window::Phase(Phase::Recover)).filter(begun).map(|slice| slice.at_us);
    // The end of a phase that was cut off is not its end.
    let end = span.filter(|_| seen.is_whole(Window::Phase(Phase::Recover))).map(|span| span.to_us);
    let mut from_us = span.map_or(0, |span| span.from_us);
    let gaps = busy.chain(end).map(move |at_us| {
        let gap = Span { from_us, to_us: at_us };
        from_us = at_us.saturating_add(SLICE_US);
        gap
    });
    gaps.filter(move |gap| span.is_some() && gap.to_us.saturating_sub(gap.from_us) > usual_us)
}

/// Whether a condition holds in one slice; `None` if the slice does not decide.
fn holds(seen: &Seen<'_>, condition: &Condition, place: usize) -> Option<bool> {
    let window = Window::Slice(place);
    if unserved(seen, condition, window).is_some() {
        return Some(false);
    }
    let sides = Sides::of(seen, condition, window);
    let (left, limit) = sides.left.value.zip(sides.limit)?;
    let holds = condition.op.holds(left, limit);
    let empty = sides.left.samples == 0 || sides.right.as_ref().is_some_and(|(_, right)| right.samples == 0);
    match empty {
        true => latches(condition, left, limit).then_some(false),
        false if may_turn(condition, &sides, holds).is_some() => None,
        false => Some(holds),
    }
}

fn check(seen: &Seen<'_>, expect: &RecoverExpect, condition: &Condition, course: &Course) -> Check {
    let within_us = u64::try_from(expect.within.as_micros()).unwrap_or(u64::MAX);
    let window = Window::Phase(Phase::Recover);
    let samples = measure(seen, &condition.left, window).samples;
    let needed = seen.scenario.expect.min_samples.max(1);
    let lasted_us = seen.span(Phase::Recover).map_or(0, |span| span.to_us - span.from_us);
    let n = format!("n = {}", count(samples));
    let limit = format!("limit {}", duration(within_us));
    let ended = || seen.cut_off().unwrap_or_else(|| "the recover phase was cut off".to_owned());
    let (verdict, observed) = match course {
        Course::Undecided => (Verdict::Inconclusive, format!("no slice of the recover phase has a sample, {limit}")),
        Course::Never if !seen.is_whole(window) && lasted_us < within_us => {
            (Verdict::Inconclusive, format!("did not hold yet, {limit}: {}", ended()))
        }
        Course::Never => {
            let lasted = duration(lasted_us);
            (Verdict::Fail, format!("did not hold at the end of the recover phase ({lasted}), {limit}, {n}"))
        }
        Course::After(us) if *us > within_us => {
            (Verdict::Fail, format!("held for good after {}, {limit}, {n}", duration(*us)))
        }
        Course::After(_) if samples < needed => {
            let samples = plural(samples, "sample");
            (Verdict::Inconclusive, format!("{samples}, {} are needed (`min_samples`)", count(needed)))
        }
        Course::After(_) if !seen.is_whole(window) => (Verdict::Inconclusive, ended()),
        Course::After(us) => (Verdict::Pass, format!("held for good after {}, {limit}, {n}", duration(*us))),
    };
    Check {
        list: "recover".to_owned(),
        condition: format!("{} within {}", condition.text, duration(within_us)),
        verdict,
        observed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{ClassSlice, EndReason};
    use crate::oracle::fixture::*;
    use crate::scenario::{Comparison, ErrorKind, Metric, Quantity, Scenario, Who};

    fn recovering(within_ms: u64) -> Scenario {
        let mut scenario = scenario();
        let that = vec![
            condition(Metric::ErrorRate, Comparison::Equal, Quantity::Share(0.0)),
            condition(Metric::P99, Comparison::Less, Quantity::Time(ms(50))),
        ];
        scenario.expect.recover = Some(RecoverExpect { within: ms(within_ms), that });
        scenario
    }

    /// Recovery counts to the end of the last slice in which any condition did not hold, gaps of good slices included.
    #[test]
    fn recovery_is_for_good() {
        let scenario = recovering(700);
        let relapsing = Journal::healthy(&scenario)
            .fail(Who::All, 3_000..3_100, ErrorKind::Timeout, 1)
            .fail(Who::Victims, 3_500..3_600, ErrorKind::Timeout, 1)
            .slow(Who::All, 3_600..3_700, 60_000)
            .judge(&scenario);
        assert_eq!((relapsing.recovered_after_us, relapsing.verdict), (Some(700_000), Verdict::Pass));
        let strict = recovering(699);
        let judged = Journal::healthy(&strict).slow(Who::All, 3_600..3_700, 60_000).judge(&strict);
        assert_eq!((judged.recovered_after_us, judged.verdict), (Some(700_000), Verdict::Fail));
    }

    /// A slice without requests does not decide; a phase without any is inconclusive.
    #[test]
    fn empty_slices_do_not_decide() {
        let scenario = recovering(500);
        let nothing = |class: &mut ClassSlice| *class = ClassSlice::default();
        let gap = Journal::healthy(&scenario).change(Who::All, 3_800..4_000, nothing).judge(&scenario);
        assert_eq!((gap.recovered_after_us, gap.verdict), (Some(0), Verdict::Pass));
        let silent = Journal::healthy(&scenario).change(Who::All, 3_000..4_000, nothing).judge(&scenario);
        assert_eq!(check_of(&silent, "recover").verdict, Verdict::Inconclusive);
        assert_eq!(silent.recovered_after_us, None);
    }

    /// A system that hangs shows by requests that are not sent: they are no failures, and the time is not recovered.
    #[test]
    fn time_in_which_nothing_was_sent_is_not_recovered() {
        let scenario = recovering(700);
        let hanging = |until: u64, dropped| {
            Journal::healthy(&scenario).fail(Who::All, 3_000..3_100, ErrorKind::Timeout, PER_SLICE).change(
                Who::All,
                3_100..until,
                |class| *class = ClassSlice { intended: 100, dropped, ..class.clone() },
            )
        };
        let nothing = |class: &mut ClassSlice| (class.ok, class.latency_us) = (0, vec![]);
        let course = |journal: Journal| {
            let judged = journal.judge(&scenario);
            (check_of(&judged, "recover").verdict, judged.recovered_after_us)
        };
        assert_eq!(course(hanging(3_600, 5)), (Verdict::Pass, Some(100_000)));
        assert_eq!(course(hanging(3_600, 6)), (Verdict::Pass, Some(600_000)));
        assert_eq!(course(hanging(3_600, 100).change(Who::All, 3_100..3_600, nothing)), (Verdict::Pass, Some(600_000)));
        assert_eq!(course(hanging(3_800, 100).change(Who::All, 3_100..3_800, nothing)), (Verdict::Fail, Some(800_000)));
        assert_eq!(course(hanging(4_000, 100).change(Who::All, 3_100..4_000, nothing)), (Verdict::Fail, None));
    }

    /// In a closed loop clients that all wait begin nothing: what is seen of an outage is one request of each. A pause no
    /// longer than requests take is none.
    #[test]
    fn a_stall_of_a_closed_loop_is_not_recovered() {
        let mut scenario = recovering(700);
        scenario.load.shape = LoadShape::Closed { clients: 4 };
        scenario.expect.recover.as_mut().unwrap().that[0] =
            condition(Metric::ErrorRate, Comparison::Less, Quantity::Share(0.20));
        scenario.expect.recover.as_mut().unwrap().that.truncate(1);
        let course = |stall: std::ops::Range<u64>| {
            // Each client has one request that fails, among those that it did before.
            let mut journal = Journal::healthy(&scenario).fail(Who::All, 3_100..3_200, ErrorKind::Timeout, 1);
            journal.slices.retain(|slice| !stall.contains(&(slice.at_us / 1_000)));
            let judged = journal.judge(&scenario);
            (check_of(&judged, "recover").verdict, judged.recovered_after_us)
        };
        assert_eq!(course(3_200..3_500), (Verdict::Pass, Some(0)), "as long as the slowest and two slices");
        assert_eq!(course(3_200..3_700), (Verdict::Pass, Some(700_000)));
        assert_eq!(course(3_200..3_800), (Verdict::Fail, Some(800_000)));
        assert_eq!(course(3_200..4_000), (Verdict::Fail, None));
    }

    /// A run that ended before the objective was over is undecided; one that ended after it, still failing, is not.
    #[test]
    fn a_cut_off_recovery_is_undecided_until_its_objective() {
        let scenario = recovering(500);
        let failing = |end| {
            let journal = Journal::healthy(&scenario).fail(Who::All, 3_000..4_000, ErrorKind::Timeout, 1);
            let judged = journal.ended(end, EndReason::Interrupted).judge(&scenario);
            check_of(&judged, "recover").verdict
        };
        assert_eq!(failing(3_300), Verdict::Inconclusive);
        assert_eq!(failing(3_800), Verdict::Fail);
    }
}
