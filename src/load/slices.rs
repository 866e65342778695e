//! Slices of 100 ms while they fill up.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::observe::{ClassSlice, ContextOutcome, SLICE_MS, Slice};
use crate::scenario::{ErrorKind, Phase, Phases};

/// Largest latency that a histogram tells apart, in microseconds (one hour; the longest scenario).
const HIGHEST_US: u64 = 3_600_000_000;
/// Significant decimal digits of a histogram's buckets: an error of at most 0.1%.
const DIGITS: u8 = 3;

/// What one request did.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// From the intended start to the end.
    pub latency: Duration,
    /// Wait for a pool connection, if one was asked for.
    pub queued: Option<Duration>,
    /// How it failed.
    pub error: Option<ErrorKind>,
    /// Rows read and compared.
    pub rows: u64,
    /// Writes compared.
    pub writes: u64,
    /// Of the rows: another tenant's.
    pub leaked: u64,
    /// A read of existing rows returned none.
    pub silent_empty: bool,
    /// A write landed under another tenant.
    pub foreign_write: bool,
    /// Transactions begun.
    pub transactions: u64,
    /// Of these: without a confirmed context.
    pub without_context: u64,
    /// The context fault that touched it.
    pub touched: Option<usize>,
}

impl Outcome {
    /// What became of a touched transaction; the worst wins.
    fn context(&self) -> ContextOutcome {
        let open = self.leaked > 0 || self.foreign_write;
        let loud = !open && self.error.is_some();
        let silent = !open && !loud && self.silent_empty;
        let [open, loud, silent, harmless] = [open, loud, silent, !open && !loud && !silent].map(u64::from);
        ContextOutcome { touched: 1, open, loud, silent, harmless }
    }
}

/// Where a moment lies: slices are numbered through, and start afresh with every phase so that none spans two.
#[derive(Debug, Clone, Copy)]
pub struct SliceClock {
    starts: [Duration; 3],
    first: [u64; 3],
    end: Duration,
    slices: u64,
}

const LOADED: [Phase; 3] = [Phase::Baseline, Phase::Inject, Phase::Recover];

impl SliceClock {
    /// The clock of a run.
    pub fn new(phases: &Phases) -> Self {
        let lengths = [phases.baseline, phases.inject, phases.recover];
        let (mut starts, mut first) = ([Duration::ZERO; 3], [0; 3]);
        let (mut end, mut slices) = (Duration::ZERO, 0);
        for (phase, length) in lengths.into_iter().enumerate() {
            (starts[phase], first[phase]) = (end, slices);
            end += length;
            slices += length.as_millis().div_ceil(u128::from(SLICE_MS)) as u64;
        }
        Self { starts, first, end, slices }
    }

    fn phase_index(&self, at: Duration) -> usize {
        (0..3).rev().find(|phase| at >= self.starts[*phase]).unwrap_or(0)
    }

    /// The phase of a moment; moments after the end belong to the last phase.
    pub fn phase(&self, at: Duration) -> Phase {
        LOADED[self.phase_index(at)]
    }

    /// The number of the slice in which a moment lies.
    pub fn slice(&self, at: Duration) -> u64 {
        let phase = self.phase_index(at);
        let within = (at - self.starts[phase]).as_millis() as u64 / SLICE_MS;
        (self.first[phase] + within).min(self.slices.saturating_sub(1))
    }

    /// Where a slice starts.
    pub fn start(&self, slice: u64) -> Duration {
        let phase = (0..3).rev().find(|phase| slice >= self.first[*phase]).unwrap_or(0);
        self.starts[phase] + Duration::from_millis((slice - self.first[phase]) * SLICE_MS)
    }

    /// When the load ends.
    pub fn end(&self) -> Duration {
        self.end
    }

    /// Slices in all.
    pub fn slices(&self) -> u64 {
        self.slices
    }
}

/// A slice that fills up.
#[derive(Debug)]
pub(super) struct OpenSlice {
    classes: Vec<OpenClass>,
    context: BTreeMap<usize, ContextOutcome>,
}

#[derive(Debug, Default)]
struct OpenClass {
    counts: ClassSlice,
    latency_us: Vec<u32>,
    queue_us: Vec<u32>,
}

impl OpenSlice {
    pub(super) fn new(classes: usize) -> Self {
        Self { classes: (0..classes).map(|_| OpenClass::default()).collect(), context: BTreeMap::new() }
    }

    pub(super) fn intend(&mut self, class: usize) {
        self.classes[class].counts.intended += 1;
    }

    pub(super) fn drop_arrival(&mut self, class: usize) {
        self.classes[class].counts.dropped += 1;
    }

    pub(super) fn late(&mut self, class: usize) {
        self.classes[class].counts.late += 1;
    }

    pub(super) fn add(&mut self, class: usize, outcome: &Outcome) {
        let OpenClass { counts, latency_us, queue_us } = &mut self.classes[class];
        match outcome.error {
            None => counts.ok += 1,
            Some(kind) => *counts.errors.entry(kind).or_default() += 1,
        }
        counts.rows_checked += outcome.rows;
        counts.writes_checked += outcome.writes;
        counts.leaked_rows += outcome.leaked;
        counts.silent_empty += u64::from(outcome.silent_empty);
        counts.foreign_writes += u64::from(outcome.foreign_write);
        counts.transactions += outcome.transactions;
        counts.without_context += outcome.without_context;
        latency_us.push(micros(outcome.latency));
        queue_us.extend(outcome.queued.map(micros));
        if let Some(fault) = outcome.touched {
            add_context(self.context.entry(fault).or_default(), &outcome.context());
        }
    }

    /// Closes the slice. `None` if nothing happened in it.
    pub(super) fn close(self, at: Duration, phase: Phase, scratch: &mut Histogram<u64>) -> Option<Slice> {
        let classes: BTreeMap<usize, ClassSlice> = self
            .classes
            .into_iter()
            .enumerate()
            .map(|(class, OpenClass { mut counts, latency_us, queue_us })| {
                counts.latency_us = sparse(&latency_us, scratch);
                counts.queue_us = sparse(&queue_us, scratch);
                (class, counts)
            })
            .filter(|(_, counts)| *counts != ClassSlice::default())
            .collect();
        let empty = classes.is_empty() && self.context.is_empty();
        let at_us = at.as_micros() as u64;
        (!empty).then_some(Slice { at_us, phase: Some(phase), classes, context: self.context })
    }
}

/// A histogram to compress latencies with.
pub(super) fn scratch() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_US, DIGITS).expect("the bounds are valid")
}

fn sparse(values_us: &[u32], scratch: &mut Histogram<u64>) -> Vec<(u64, u64)> {
    if values_us.is_empty() {
        return Vec::new();
    }
    scratch.reset();
    for value in values_us {
        scratch.saturating_record(u64::from(*value).max(1));
    }
    scratch.iter_recorded().map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration())).collect()
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

fn add_context(sum: &mut ContextOutcome, more: &ContextOutcome) {
    sum.touched += more.touched;
    sum.open += more.open;
    sum.loud += more.loud;
    sum.silent += more.silent;
    sum.harmless += more.harmless;
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// No slice spans two phases, and starts and numbers agree.
    #[test]
    fn slices_start_afresh_with_every_phase() {
        let clock = SliceClock::new(&Phases { baseline: MS(250), inject: MS(300), recover: MS(100) });
        assert_eq!(clock.slices(), 7);
        assert_eq!((clock.slice(MS(249)), clock.phase(MS(249))), (2, Phase::Baseline));
        assert_eq!((clock.slice(MS(250)), clock.phase(MS(250))), (3, Phase::Inject));
        assert_eq!((clock.slice(MS(550)), clock.phase(MS(550))), (6, Phase::Recover));
        assert_eq!(clock.slice(MS(9_000)), 6);
        for slice in 0..clock.slices() {
            assert_eq!(clock.slice(clock.start(slice)), slice);
        }
    }

    /// What came back of a write is no row that was read.
    #[test]
    fn writes_are_not_counted_among_the_rows() {
        let mut slice = OpenSlice::new(1);
        slice.add(0, &Outcome { rows: 7, ..Outcome::default() });
        slice.add(0, &Outcome { writes: 1, ..Outcome::default() });
        let closed = slice.close(MS(0), Phase::Inject, &mut scratch()).unwrap();
        assert_eq!((closed.classes[&0].rows_checked, closed.classes[&0].writes_checked), (7, 1));
    }

    /// Counts and latencies survive the compression.
    #[test]
    fn latencies_are_kept_within_a_thousandth() {
        let mut slice = OpenSlice::new(2);
        for micros in [100, 100, 12_345, 900_000] {
            let latency = Duration::from_micros(micros);
            slice.add(1, &Outcome { latency, ..Outcome::default() });
        }
        let closed = slice.close(MS(100), Phase::Inject, &mut scratch()).unwrap();
        let class = &closed.classes[&1];
        assert_eq!((closed.classes.len(), class.ok), (1, 4));
        assert_eq!(class.latency_us.iter().map(|(_, count)| count).sum::<u64>(), 4);
        let largest = class.latency_us.last().unwrap().0 as f64;
        assert!((largest / 900_000.0 - 1.0).abs() < 0.001);
    }
}
