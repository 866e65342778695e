//! A metric in a window, with the number of samples behind it.
//!
//! Samples are what a metric could have counted: finished requests, rows compared, transactions, acknowledged writes.
//! A measure without samples has no value that could pass.

use std::collections::BTreeSet;

use super::seen::{LOADED, Seen, TenantRows, Window};
use super::tally::Tally;
use crate::observe::{Leak, LeakKind, Ledger};
use crate::scenario::{ErrorKind, Layer, Measure, Metric, Phase, Unit, Who};
use crate::stats::{Observed, SparseHistogram, jain};
use crate::wording::{count, duration, share, trimmed, upper_share};

/// Confidence of the bound beside a zero: 95%, one-sided.
const ALPHA: f64 = 0.05;

/// A value with its samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// In the metric's unit: a count, a share of one, microseconds, per second. `None` if it is not known.
    pub(super) value: Option<f64>,
    /// How many things could have been counted.
    pub(super) samples: u64,
    /// Whether the true value may be larger, because evidence is bounded.
    pub(super) exactness: Exactness,
    /// Why there is no value.
    pub(super) why: Option<&'static str>,
}

/// Whether a value is all that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exactness {
    Exact,
    /// There is at least this much, and why there may be more.
    LowerBound(&'static str),
}

/// Foreign rows without a line of evidence may be of further tenants.
const MORE: Exactness = Exactness::LowerBound("more leaked than the journal lists");

impl Measured {
    fn known(value: f64, samples: u64) -> Self {
        Self { value: Some(value), samples, exactness: Exactness::Exact, why: None }
    }

    fn maybe(value: Option<f64>, samples: u64) -> Self {
        Self { value, samples, exactness: Exactness::Exact, why: None }
    }

    fn share_of(events: u64, samples: u64) -> Self {
        Self::maybe(Observed::of(events, samples).share(), samples)
    }

    fn unknown(why: &'static str) -> Self {
        Self { value: None, samples: 0, exactness: Exactness::Exact, why: Some(why) }
    }

    /// The value for people. A zero never comes without what it proves.
    pub(super) fn show(&self, metric: Metric) -> String {
        let Some(value) = self.value else {
            return format!("{}: {}", metric.name(), self.why.unwrap_or("no value"));
        };
        let counted = matches!(metric.unit(), Unit::Count | Unit::Share) && metric != Metric::Fairness;
        if value == 0.0 && counted && self.samples > 0 {
            let upper = upper_share(Observed::of(0, self.samples).upper(ALPHA));
            return format!("{} = 0 of {} (at most {upper} at 95%)", metric.name(), count(self.samples));
        }
        format!("{} = {}, n = {}", metric.name(), show(metric.unit(), value), count(self.samples))
    }
}

/// A value in its unit.
pub(super) fn show(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Count if value.fract() == 0.0 && value >= 0.0 => count(value as u64),
        Unit::Count => trimmed(value),
        Unit::Share => share(value),
        Unit::Time => duration(value.round() as u64),
        Unit::PerSecond => format!("{}/s", trimmed(value)),
        Unit::Usd => format!("${}", trimmed(value)),
    }
}

/// The share of a distribution that a time metric cuts off: `p99` cuts at 0.99.
pub(super) fn quantile_of(metric: Metric) -> Option<f64> {
    match metric {
        Metric::P50 => Some(0.50),
        Metric::P95 => Some(0.95),
        Metric::P99 | Metric::QueueWait => Some(0.99),
        Metric::Max => Some(1.0),
        _ => None,
    }
}

/// The histogram that a time metric is read from.
pub(super) fn histogram_of(metric: Metric, tally: &Tally) -> &SparseHistogram {
    match metric {
        Metric::QueueWait => &tally.queue,
        _ => &tally.latency,
    }
}

/// What a share metric counts, and among what.
pub(super) fn share_of(metric: Metric, kind: Option<ErrorKind>, tally: &Tally) -> Option<Observed> {
    match metric {
        Metric::ErrorRate => Some(Observed::of(errors(tally, kind), tally.finished())),
        Metric::BypassShare => Some(Observed::of(tally.without_context, tally.transactions)),
        _ => None,
    }
}

fn errors(tally: &Tally, kind: Option<ErrorKind>) -> u64 {
    kind.map_or_else(|| tally.failed(), |kind| tally.failed_by(kind))
}

/// Measures.
pub(super) fn measure(seen: &Seen<'_>, what: &Measure, window: Window) -> Measured {
    let window = what.phase.map_or(window, Window::Phase);
    match what.metric {
        Metric::LeakedTenants => leaked_tenants(seen, what.who, window),
        Metric::Alerts => alerts(seen, window),
        Metric::Fairness => fairness(seen, what.who, window),
        Metric::LostWrites | Metric::DuplicateWrites => of_ledger(seen, what),
        Metric::CostUsd => Measured::unknown("the price is judged by pricing"),
        _ => of_slices(seen, what, window),
    }
}

fn of_slices(seen: &Seen<'_>, what: &Measure, window: Window) -> Measured {
    let tally = seen.tally(window, what.who);
    let finished = tally.finished();
    let counted = |n: u64, samples| Measured::known(n as f64, samples);
    match what.metric {
        Metric::LeakedRows => {
            let rows = tally.leaked_rows.max(leak_lines(seen, LeakKind::Read, what.who, window));
            let rows = if is_everything(what, window) { rows.max(reads_by_footer(seen)) } else { rows };
            counted(rows, tally.rows_checked)
        }
        Metric::ForeignWrites => foreign_writes(seen, what, window, &tally),
        Metric::SilentEmptyReads => counted(tally.silent_empty, finished),
        Metric::RejectedRequests => counted(tally.failed_by(ErrorKind::MissingTenant), finished),
        Metric::Errors => counted(errors(&tally, what.kind), finished),
        Metric::DroppedArrivals => counted(tally.dropped, tally.intended),
        Metric::LateArrivals => counted(tally.late, tally.intended),
        Metric::Rate => {
            let seconds = seen.span_of(window).map(|span| span.seconds()).filter(|seconds| *seconds > 0.0);
            Measured::maybe(seconds.map(|seconds| tally.ok as f64 / seconds), tally.intended)
        }
        metric => match (share_of(metric, what.kind, &tally), quantile_of(metric)) {
            (Some(observed), _) => Measured::share_of(observed.events(), observed.trials()),
            (None, Some(q)) => {
                let histogram = histogram_of(metric, &tally);
                Measured::maybe(histogram.quantile(q).map(|us| us as f64), histogram.count())
            }
            (None, None) => Measured::unknown("this metric is not read from slices"),
        },
    }
}

/// Whether a measure is over everyone and the whole run.
fn is_everything(what: &Measure, window: Window) -> bool {
    what.who == Who::All && window == Window::Run
}

/// Leak lines of a kind, where the slices may have fewer (a run that was cut off writes leaks first).
fn leak_lines(seen: &Seen<'_>, kind: LeakKind, who: Who, window: Window) -> u64 {
    let within = |leak: &&Leak| match window {
        Window::Run => true,
        Window::Phase(phase) => leak.phase == phase,
        // A slice counts its own: a leak line has the time of its sight, a slice that of the intended start.
        Window::Slice(_) => false,
    };
    seen.leaks_of(kind).filter(within).filter(|leak| seen.includes(who, leak.asker)).count() as u64
}

/// Foreign rows by the footer's word. It counts rows and writes alike, so it tells of rows only if nothing was written.
fn reads_by_footer(seen: &Seen<'_>) -> u64 {
    let wrote = seen.tally(Window::Run, Who::All).foreign_writes > 0 || seen.leaks_of(LeakKind::Write).next().is_some();
    seen.footer.filter(|_| !wrote).map_or(0, |footer| footer.leaks_seen)
}

/// Foreign rows of the whole run, by every witness.
pub(super) fn leaked_rows(seen: &Seen<'_>) -> u64 {
    let slices = seen.tally(Window::Run, Who::All).leaked_rows;
    slices.max(seen.leaks_of(LeakKind::Read).count() as u64).max(reads_by_footer(seen))
}

/// Foreign writes of the whole run, by every witness.
pub(super) fn foreign_writes_in_all(seen: &Seen<'_>) -> u64 {
    let slices = seen.tally(Window::Run, Who::All).foreign_writes;
    let ledger = seen.ledger.as_ref().map_or(0, |ledger| ledger.foreign);
    slices.max(seen.leaks_of(LeakKind::Write).count() as u64).max(ledger)
}

fn foreign_writes(seen: &Seen<'_>, what: &Measure, window: Window, tally: &Tally) -> Measured {
    let writes = tally.foreign_writes.max(leak_lines(seen, LeakKind::Write, what.who, window));
    match (&seen.ledger, is_everything(what, window)) {
        (Some(ledger), true) => by_ledger(ledger, writes.max(ledger.foreign)),
        _ => Measured::known(writes as f64, tally.writes_checked),
    }
}

fn leaked_tenants(seen: &Seen<'_>, who: Who, window: Window) -> Measured {
    let tally = seen.tally(window, who);
    let samples = tally.rows_checked;
    let span = seen.span_of(window);
    let within = |leak: &&&Leak| match window {
        Window::Run => true,
        Window::Phase(phase) => leak.phase == phase,
        Window::Slice(_) => span.is_some_and(|span| span.holds(leak.at_us)),
    };
    let owners: Vec<_> =
        seen.leaks.iter().filter(within).filter(|leak| seen.includes(who, leak.asker)).map(|leak| leak.owner).collect();
    let lines = owners.len() as u64;
    let listed = BTreeSet::from_iter(owners).len() as u64;
    let in_all = seen.footer.map_or(0, |footer| footer.leaked_tenants);
    if who == Who::All && window == Window::Run {
        return Measured::known(listed.max(in_all) as f64, samples);
    }
    // A statement has one line of evidence however many foreign rows it brought, and a run has a bound on its lines.
    let foreign = tally.leaked_rows.saturating_add(tally.foreign_writes);
    let listed_in_all = BTreeSet::from_iter(seen.leaks.iter().map(|leak| leak.owner)).len() as u64;
    let each_has_a_line = foreign <= lines && in_all <= listed_in_all;
    let at_least = listed.max(foreign.min(1));
    let all_known = each_has_a_line || seen.footer.is_some() && at_least >= in_all;
    let exactness = if all_known { Exactness::Exact } else { MORE };
    Measured { exactness, ..Measured::known(at_least as f64, samples) }
}

fn alerts(seen: &Seen<'_>, window: Window) -> Measured {
    if !seen.scenario.stack.defence.contains(&Layer::Monitor) && seen.alerts.is_empty() {
        return Measured::unknown("the monitor is off");
    }
    let raised = match window {
        Window::Run => seen.alerts.len(),
        _ => seen.span_of(window).map_or(0, |span| seen.alerts.iter().filter(|at| span.holds(**at)).count()),
    };
    Measured::known(raised as f64, seen.tally(window, Who::All).transactions)
}

/// Jain's index over tenants of the share of their requests that was served.
fn fairness(seen: &Seen<'_>, who: Who, window: Window) -> Measured {
    let phases: &[Phase] = match &window {
        Window::Run => &LOADED,
        Window::Phase(phase) => std::slice::from_ref(phase),
        Window::Slice(_) => return Measured::unknown("fairness is counted by phase, not by slice"),
    };
    let mut tenants = TenantRows::new();
    for (tenant, counts) in phases.iter().filter_map(|phase| seen.tenants_in(*phase)).flatten() {
        let sums = tenants.entry(*tenant).or_default();
        sums[0] = sums[0].saturating_add(counts[0]);
        sums[1] = sums[1].saturating_add(counts[1]);
    }
    let served: Vec<(u64, u64)> = tenants
        .into_iter()
        .filter(|(tenant, counts)| counts[0] > 0 && seen.slug(*tenant).is_some_and(|slug| seen.includes(who, slug)))
        .map(|(_, [intended, ok, ..])| (intended, ok))
        .collect();
    let samples = served.iter().fold(0u64, |sum, (intended, _)| sum.saturating_add(*intended));
    Measured::maybe(jain(served.into_iter().map(|(intended, ok)| ok as f64 / intended as f64)), samples)
}

fn of_ledger(seen: &Seen<'_>, what: &Measure) -> Measured {
    if what.who != Who::All {
        return Measured::unknown("the ledger is compared for all tenants at once");
    }
    match (&seen.ledger, what.metric) {
        (None, _) => Measured::unknown("the ledger was not compared"),
        (Some(ledger), Metric::LostWrites) => by_ledger(ledger, ledger.lost),
        (Some(ledger), _) => by_ledger(ledger, ledger.duplicate),
    }
}

/// What the comparison of the ledger found, among the writes that it kept.
fn by_ledger(ledger: &Ledger, writes: u64) -> Measured {
    let exactness = match ledger.not_kept {
        0 => Exactness::Exact,
        _ => Exactness::LowerBound("writes beyond the ledger's capacity were not compared"),
    };
    Measured { exactness, ..Measured::known(writes as f64, ledger.acknowledged) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Event;
    use crate::oracle::fixture::*;
    use crate::scenario::{Scenario, Tier};

    fn measured(journal: &Journal, scenario: &Scenario, what: Measure, window: Window) -> Measured {
        measure(&Seen::of(&journal.events(), scenario).unwrap(), &what, window)
    }

    fn of(metric: Metric) -> Measure {
        Measure { metric, who: Who::All, phase: None, kind: None }
    }

    const INJECT: Window = Window::Phase(Phase::Inject);

    /// Every metric that slices hold is read in its window and for its tenants, and nothing outside of them counts.
    #[test]
    fn metrics_are_read_in_their_window_and_for_their_tenants() {
        let scenario = with_flood();
        let journal = Journal::healthy(&scenario)
            .change(Who::All, 0..1_000, |class| class.silent_empty = 9)
            .change(Who::Aggressor, 1_000..1_100, |class| {
                (class.silent_empty, class.without_context, class.late, class.dropped) = (1, 2, 3, 4);
                class.queue_us = vec![(77, 1)];
            })
            .fail(Who::Aggressor, 1_000..1_100, ErrorKind::MissingTenant, 5)
            .slow(Who::Victims, 2_000..3_000, 9_000);
        let value = |metric, who| measured(&journal, &scenario, Measure { who, ..of(metric) }, INJECT).value;
        for (metric, all, aggressor) in [
            (Metric::SilentEmptyReads, 1.0, 1.0),
            (Metric::LateArrivals, 3.0, 3.0),
            (Metric::DroppedArrivals, 4.0, 4.0),
            (Metric::RejectedRequests, 5.0, 5.0),
            (Metric::Errors, 5.0, 5.0),
            (Metric::ErrorRate, 5.0 / 800.0, 5.0 / 200.0),
            (Metric::BypassShare, 2.0 / 800.0, 2.0 / 200.0),
            (Metric::Rate, 795.0 / 2.0, 195.0 / 2.0),
            (Metric::P50, 2_000.0, 2_000.0),
            (Metric::P99, 9_000.0, 2_000.0),
            (Metric::Max, 9_000.0, 2_000.0),
            (Metric::QueueWait, 10.0, 10.0),
        ] {
            assert_eq!(value(metric, Who::All), Some(all), "{metric:?}");
            assert_eq!(value(metric, Who::Aggressor), Some(aggressor), "{metric:?} of the aggressor");
        }
        assert_eq!(value(Metric::Errors, Who::Victims), Some(0.0));
        let kind = Some(ErrorKind::PoolTimeout);
        assert_eq!(measured(&journal, &scenario, Measure { kind, ..of(Metric::Errors) }, INJECT).value, Some(0.0));
        let phase = Some(Phase::Baseline);
        let baseline = measured(&journal, &scenario, Measure { phase, ..of(Metric::SilentEmptyReads) }, INJECT);
        assert_eq!(baseline.value, Some(360.0));
    }

    /// Rows that were read and writes that came back are samples of different metrics: who only wrote has read nothing
    /// foreign and proves nothing by it, and the other way round.
    #[test]
    fn reads_and_writes_have_samples_of_their_own() {
        let scenario = scenario();
        let journal = Journal::healthy(&scenario);
        let samples = |journal: &Journal, metric| measured(journal, &scenario, of(metric), INJECT).samples;
        let classes = 3 * 20;
        assert_eq!(samples(&journal, Metric::LeakedRows), classes * 5 * PER_SLICE);
        assert_eq!(samples(&journal, Metric::LeakedTenants), classes * 5 * PER_SLICE);
        assert_eq!(samples(&journal, Metric::ForeignWrites), classes * WRITES_PER_SLICE);
        let no_writes = journal.clone().change(Who::All, 0..4_000, |class| class.writes_checked = 0);
        assert_eq!(samples(&no_writes, Metric::ForeignWrites), 0);
        let no_reads = journal.change(Who::All, 0..4_000, |class| class.rows_checked = 0);
        assert_eq!((samples(&no_reads, Metric::LeakedRows), samples(&no_reads, Metric::LeakedTenants)), (0, 0));
    }

    /// A tenant that no class is about has no samples, so nothing about it can pass.
    #[test]
    fn a_tenant_without_class_has_no_samples() {
        let scenario = scenario();
        let who = Who::Tenant(slug("growth-2"));
        let measured = measured(&Journal::healthy(&scenario), &scenario, Measure { who, ..of(Metric::P99) }, INJECT);
        assert_eq!((measured.value, measured.samples), (None, 0));
    }

    /// One tenant that is served half of what it asks for makes the index unfair; tenants that ask for different
    /// amounts and are served in full do not.
    #[test]
    fn fairness_is_about_what_was_asked_for() {
        let scenario = scenario();
        let fairness = |row| {
            let mut journal = Journal::healthy(&scenario);
            journal.tenants.get_mut(&Phase::Inject).unwrap()[3] = row;
            measured(&journal, &scenario, of(Metric::Fairness), INJECT).value.unwrap()
        };
        assert_eq!(fairness([3, 5_000, 5_000, 0, 0]), 1.0);
        assert!((fairness([3, 100, 50, 50, 0]) - 6.5 * 6.5 / (7.0 * 6.25)).abs() < 1e-12);
    }

    /// Alerts count by time; with the monitor off there is nothing to count, which is not zero.
    #[test]
    fn alerts_count_by_time() {
        let mut scenario = scenario();
        let journal = Journal::healthy(&scenario).alert(500).alert(1_500).alert(2_500);
        assert_eq!(measured(&journal, &scenario, of(Metric::Alerts), INJECT).value, Some(2.0));
        assert_eq!(measured(&journal, &scenario, of(Metric::Alerts), Window::Run).value, Some(3.0));
        scenario.stack.defence.remove(&Layer::Monitor);
        let off = measured(&Journal::healthy(&scenario), &scenario, of(Metric::Alerts), INJECT);
        assert_eq!((off.value, off.why), (None, Some("the monitor is off")));
    }

    /// Leaked tenants are distinct owners; where the journal lists fewer than there were, the count says so.
    #[test]
    fn leaked_tenants_are_distinct_owners() {
        let scenario = scenario();
        let mut journal = Journal::healthy(&scenario);
        for owner in ["enterprise-1", "enterprise-1", "starter-2"] {
            let leak = Leak { owner: Some(slug(owner)), ..leak(LeakKind::Read) };
            journal.more.push(Event::Leak(Box::new(leak)));
        }
        let of_growth = Measure { who: Who::Tier(Tier::Growth), ..of(Metric::LeakedTenants) };
        let listed = measured(&journal, &scenario, of_growth, INJECT);
        assert_eq!((listed.value, listed.exactness), (Some(2.0), Exactness::Exact));
        assert_eq!(
            measured(&journal, &scenario, of(Metric::LeakedTenants), Window::Phase(Phase::Baseline)).value,
            Some(0.0)
        );
        journal.footer.leaked_tenants = 5;
        assert_eq!(measured(&journal, &scenario, of_growth, INJECT).exactness, MORE);
        assert_eq!(measured(&journal, &scenario, of(Metric::LeakedTenants), Window::Run).value, Some(5.0));
    }

    /// A statement has one line of evidence, and a run has a bound on them: where more rows leaked than there are lines,
    /// a phase may have leaked more tenants than are listed in it, and never none.
    #[test]
    fn tenants_without_a_line_are_not_taken_for_none() {
        let scenario = scenario();
        let growth = Who::Tier(Tier::Growth);
        let mut journal = Journal::healthy(&scenario).change(growth, 500..600, |class| class.leaked_rows = 1);
        journal.more.push(Event::Leak(Box::new(Leak { phase: Phase::Baseline, ..leak(LeakKind::Read) })));
        journal.footer.leaked_tenants = 1;
        let of_inject = |journal: &Journal| {
            let measured = measured(journal, &scenario, of(Metric::LeakedTenants), INJECT);
            (measured.value, measured.exactness)
        };
        assert_eq!(of_inject(&journal), (Some(0.0), Exactness::Exact));
        let unlisted = journal.clone().change(growth, 1_500..1_600, |class| class.leaked_rows = 1);
        assert_eq!(of_inject(&unlisted), (Some(1.0), Exactness::Exact), "there is only one that it can be");
        let mut two = unlisted.clone();
        two.footer.leaked_tenants = 2;
        two.more.push(Event::Leak(Box::new(Leak { phase: Phase::Baseline, owner: None, ..leak(LeakKind::Read) })));
        assert_eq!(of_inject(&two), (Some(1.0), MORE));
    }

    /// What the ledger says has as many samples as writes were acknowledged; without a ledger it is unknown.
    #[test]
    fn the_ledger_counts_acknowledged_writes() {
        let scenario = scenario();
        let journal = Journal::healthy(&scenario);
        let lost = measured(&journal, &scenario, of(Metric::LostWrites), Window::Run);
        assert_eq!((lost.value, lost.samples), (Some(0.0), 300));
        assert_eq!(lost.show(Metric::LostWrites), "lost_writes = 0 of 300 (at most 0.994% at 95%)");
        let mut events = journal.events();
        events.retain(|event| !matches!(event, Event::Ledger(_)));
        let seen = Seen::of(&events, &scenario).unwrap();
        assert_eq!(measure(&seen, &of(Metric::DuplicateWrites), Window::Run).value, None);
    }
}
