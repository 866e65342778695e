//! The series and totals that reports draw. They decide nothing.

use super::judgement::{PhaseSummary, TimelinePoint};
use super::seen::{LOADED, Seen, Window};
use crate::scenario::{Phase, Who};

/// One point per recorded slice, in order of time. A slice in which nothing was due has no point.
pub(super) fn timeline(seen: &Seen<'_>) -> Vec<TimelinePoint> {
    (0..seen.slices.len()).map(|place| point(seen, place)).collect()
}

fn point(seen: &Seen<'_>, place: usize) -> TimelinePoint {
    let slice = seen.slices[place];
    let all = seen.tally(Window::Slice(place), Who::All);
    let victims = (!seen.aggressors.is_empty()).then(|| seen.tally(Window::Slice(place), Who::Victims));
    TimelinePoint {
        at_us: slice.at_us,
        phase: seen.phase_of(slice),
        p50_us: all.latency.quantile(0.5),
        p99_us: all.latency.quantile(0.99),
        victims_p99_us: victims.and_then(|victims| victims.latency.quantile(0.99)),
        ok: all.ok,
        errors: all.failed(),
        dropped: all.dropped,
        leaked_rows: all.leaked_rows,
    }
}

/// Totals of the phases that carry load, as far as they were seen.
pub(super) fn phases(seen: &Seen<'_>) -> Vec<PhaseSummary> {
    LOADED.into_iter().filter_map(|phase| summary(seen, phase)).collect()
}

fn summary(seen: &Seen<'_>, phase: Phase) -> Option<PhaseSummary> {
    let span = seen.span(phase)?;
    let all = seen.tally(Window::Phase(phase), Who::All);
    Some(PhaseSummary {
        phase,
        from_us: span.from_us,
        to_us: span.to_us,
        intended: all.intended,
        ok: all.ok,
        p50_us: all.latency.quantile(0.5),
        p99_us: all.latency.quantile(0.99),
        errors: all.errors,
        dropped: all.dropped,
        late: all.late,
        rows_checked: all.rows_checked,
        leaked_rows: all.leaked_rows,
    })
}
