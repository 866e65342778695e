//! Recovery: how long after the inject phase all `recover.that` conditions hold for good.

use super::check::{Sides, latches};
use super::judgement::{Check, Verdict};
use super::measure::measure;
use super::seen::{SLICE_US, Seen, Window};
use crate::scenario::{Condition, Phase, RecoverExpect};
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

/// Evaluates `recover`. Slices without samples do not decide.
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
        places.filter_map(|place| Some((place, holds(seen, condition, Window::Slice(place))?))).collect();
    let violated: Vec<usize> = decided.iter().filter(|(_, holds)| !holds).map(|(place, _)| *place).collect();
    let course = match (decided.last(), violated.last()) {
        (None, _) => Course::Undecided,
        (Some((_, false)), _) => Course::Never,
        (Some(_), None) => Course::After(0),
        (Some(_), Some(last)) => Course::After(seen.slices[*last].at_us.saturating_add(SLICE_US).saturating_sub(start)),
    };
    (course, violated)
}

/// Whether a condition holds in one slice; `None` if the slice does not decide.
fn holds(seen: &Seen<'_>, condition: &Condition, window: Window) -> Option<bool> {
    let sides = Sides::of(seen, condition, window);
    let (left, limit) = sides.left.value.zip(sides.limit)?;
    let holds = condition.op.holds(left, limit);
    let empty = sides.left.samples == 0 || sides.right.is_some_and(|(_, right)| right.samples == 0);
    match empty {
        true => latches(condition, left, limit).then_some(false),
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
    use crate::observe::EndReason;
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
        let nothing = |class: &mut crate::observe::ClassSlice| *class = crate::observe::ClassSlice::default();
        let gap = Journal::healthy(&scenario).change(Who::All, 3_800..4_000, nothing).judge(&scenario);
        assert_eq!((gap.recovered_after_us, gap.verdict), (Some(0), Verdict::Pass));
        let silent = Journal::healthy(&scenario).change(Who::All, 3_000..4_000, nothing).judge(&scenario);
        assert_eq!(check_of(&silent, "recover").verdict, Verdict::Inconclusive);
        assert_eq!(silent.recovered_after_us, None);
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
