//! The recorder: workers add what happened, one writer takes finished slices away.
//!
//! A request costs one short lock and no allocation beyond the amortised growth of a slice's vectors.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::classes::Classes;
use super::slices::{OpenSlice, Outcome, SliceClock, scratch};
use crate::observe::{Event, Leak, Slice};
use crate::scenario::{Phase, TenantSlug};

/// Leaks with evidence in one run at most; beyond that they are counted only.
const LEAKS_KEPT: u64 = 10_000;

/// Tenants of one `tenant_counts` event: at most 55 bytes each, so that no line comes near what a reader of journals takes.
const TENANTS_A_LINE: usize = 10_000;

/// What a recorder needs to know.
#[derive(Debug, Clone)]
pub struct RecorderOptions {
    /// The phases' clock.
    pub clock: SliceClock,
    /// The classes.
    pub classes: Classes,
    /// Tenants in the fleet.
    pub tenants: usize,
    /// Slower than this hurts.
    pub slo: Duration,
    /// After its intended start plus this, nothing more is recorded for a request.
    pub horizon: Duration,
}

/// Running totals, for progress and stop conditions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests finished without an error.
    pub ok: u64,
    /// Requests failed.
    pub errors: u64,
    /// Foreign rows and writes.
    pub leaked: u64,
}

/// Collects what happens.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    open: Mutex<Open>,
    /// `[phase][tenant] = [intended, ok, failed or dropped, slow]`.
    tenants: [Vec<[AtomicU32; 4]>; 3],
    ok: AtomicU64,
    errors: AtomicU64,
    leaked: AtomicU64,
}

#[derive(Debug)]
struct Open {
    first: u64,
    slices: VecDeque<OpenSlice>,
    waiting: Vec<Event>,
    leaks_kept: u64,
    leaks_seen: u64,
    exposed: BTreeSet<Option<TenantSlug>>,
    receiving: BTreeSet<TenantSlug>,
}

impl Recorder {
    /// An empty recorder.
    pub fn new(options: RecorderOptions) -> Self {
        let tenants = options.tenants;
        let per_phase = || (0..tenants).map(|_| Default::default()).collect();
        Self {
            options,
            open: Mutex::new(Open {
                first: 0,
                slices: VecDeque::new(),
                waiting: Vec::new(),
                leaks_kept: 0,
                leaks_seen: 0,
                exposed: BTreeSet::new(),
                receiving: BTreeSet::new(),
            }),
            tenants: [per_phase(), per_phase(), per_phase()],
            ok: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            leaked: AtomicU64::new(0),
        }
    }

    /// The phases' clock.
    pub fn clock(&self) -> &SliceClock {
        &self.options.clock
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic while counting leaves counts, not broken invariants.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn class(&self, tenant: u32) -> usize {
        self.options.classes.of_tenant(tenant)
    }

    fn count(&self, at: Duration, tenant: u32, column: usize) {
        let phase = self.options.clock.phase(at) as usize;
        self.tenants[phase][tenant as usize][column].fetch_add(1, Ordering::Relaxed);
    }

    /// An arrival is due.
    pub fn intend(&self, at: Duration, tenant: u32) {
        self.count(at, tenant, 0);
        let class = self.class(tenant);
        self.with_slice(at, |slice| slice.intend(class));
    }

    /// An arrival is not sent.
    pub fn drop_arrival(&self, at: Duration, tenant: u32) {
        self.count(at, tenant, 2);
        let class = self.class(tenant);
        self.with_slice(at, |slice| slice.drop_arrival(class));
    }

    /// An arrival is sent late.
    pub fn late(&self, at: Duration, tenant: u32) {
        let class = self.class(tenant);
        self.with_slice(at, |slice| slice.late(class));
    }

    /// A request ended; `at` is its intended start.
    pub fn finish(&self, at: Duration, tenant: u32, outcome: &Outcome) {
        match outcome.error {
            None => {
                self.count(at, tenant, 1);
                self.ok.fetch_add(1, Ordering::Relaxed);
            }
            Some(_) => {
                self.count(at, tenant, 2);
                self.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
        if outcome.latency > self.options.slo {
            self.count(at, tenant, 3);
        }
        let class = self.class(tenant);
        self.with_slice(at, |slice| slice.add(class, outcome));
    }

    fn with_slice(&self, at: Duration, change: impl FnOnce(&mut OpenSlice)) {
        let number = self.options.clock.slice(at);
        let classes = self.options.classes.list().len();
        let mut open = self.lock();
        // A request cannot outlive the horizon; should it, the oldest open slice takes its count.
        let place = number.saturating_sub(open.first) as usize;
        while open.slices.len() <= place {
            open.slices.push_back(OpenSlice::new(classes));
        }
        change(&mut open.slices[place]);
    }

    /// A row reached someone who does not own it. Every one is counted, evidence or not.
    pub fn foreign_row(&self, owner: Option<TenantSlug>, asker: TenantSlug) {
        self.leaked.fetch_add(1, Ordering::Relaxed);
        let mut open = self.lock();
        open.leaks_seen += 1;
        open.exposed.insert(owner);
        open.receiving.insert(asker);
    }

    /// The evidence of a statement that brought foreign rows, kept if there is room.
    pub fn leak(&self, leak: Leak) {
        let mut open = self.lock();
        if open.leaks_kept < LEAKS_KEPT {
            open.leaks_kept += 1;
            open.waiting.push(Event::Leak(Box::new(leak)));
        }
    }

    /// An example of an error; the caller bounds how many.
    pub fn example(&self, event: Event) {
        self.lock().waiting.push(event);
    }

    /// Running totals.
    pub fn totals(&self) -> Totals {
        Totals {
            ok: self.ok.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            leaked: self.leaked.load(Ordering::Relaxed),
        }
    }

    /// Takes what is finished at `now`: waiting events and the slices that nothing can change any more.
    pub fn drain(&self, now: Duration) -> Vec<Event> {
        let Some(settled) = now.checked_sub(self.options.horizon) else {
            return std::mem::take(&mut self.lock().waiting);
        };
        let through = match settled >= self.options.clock.end() {
            true => self.options.clock.slices(),
            false => self.options.clock.slice(settled),
        };
        self.take(through)
    }

    /// Takes everything; to be called when no request is under way any more.
    pub fn finish_all(&self) -> Vec<Event> {
        self.take(u64::MAX)
    }

    fn take(&self, through: u64) -> Vec<Event> {
        let (mut events, closed, first) = {
            let mut open = self.lock();
            let count = (through.saturating_sub(open.first)).min(open.slices.len() as u64);
            let closed: Vec<_> = open.slices.drain(..count as usize).collect();
            let first = open.first;
            open.first += count;
            (std::mem::take(&mut open.waiting), closed, first)
        };
        let mut scratch = scratch();
        let clock = &self.options.clock;
        events.extend(closed.into_iter().zip(first..).filter_map(|(slice, number)| {
            let start = clock.start(number);
            slice.close(start, clock.phase(start), &mut scratch).map(|slice: Slice| Event::Slice(Box::new(slice)))
        }));
        events
    }

    /// What each tenant did in a phase: at least one event, each short enough for a line of the journal.
    pub fn tenant_counts(&self, phase: Phase) -> Vec<Event> {
        let rows: Vec<[u32; 5]> = self.tenants[phase as usize]
            .iter()
            .zip(0..)
            .map(|(counts, tenant)| {
                let [intended, ok, failed, slow] = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
                [tenant, intended, ok, failed, slow]
            })
            .filter(|row| row[1] > 0)
            .collect();
        let counts = |rows: &[[u32; 5]]| Event::TenantCounts { phase, rows: rows.to_vec() };
        match rows.is_empty() {
            true => vec![counts(&[])],
            false => rows.chunks(TENANTS_A_LINE).map(counts).collect(),
        }
    }

    /// Leaks seen, distinct owners exposed and distinct tenants that saw foreign rows.
    pub fn leak_totals(&self) -> (u64, u64, u64) {
        let open = self.lock();
        (open.leaks_seen, open.exposed.len() as u64, open.receiving.len() as u64)
    }

    /// The classes.
    pub fn classes(&self) -> &Classes {
        &self.options.classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Roster;
    use crate::scenario::Phases;

    /// However many tenants asked, no event holds more than a line may, none is left out, and a phase in which nobody asked
    /// says so.
    #[test]
    fn counts_of_many_tenants_take_several_lines() {
        let tenants = 2 * TENANTS_A_LINE as u32 + 1;
        let text = format!(
            "name = 'many'\nwhy = 'Many.'\n[fleet]\nstarter = {tenants}\n[load]\nrate = '1/s'\n[phases]\ninject = '1s'\n\
             [expect]\nalways = ['leaked_rows == 0']\n"
        );
        let scenario = crate::scenario::parse(std::path::Path::new("a/many.toml"), &text).unwrap();
        let (fleet, second) = (scenario.fleet, Duration::from_secs(1));
        let phases = Phases { baseline: second, inject: second, recover: second };
        let recorder = Recorder::new(RecorderOptions {
            clock: SliceClock::new(&phases),
            classes: Classes::of(&scenario, &Roster::of(&fleet)),
            tenants: Roster::of(&fleet).len(),
            slo: second,
            horizon: second,
        });
        (0..tenants).for_each(|tenant| recorder.intend(Duration::ZERO, tenant));
        let rows = |phase| -> Vec<usize> {
            let counts = recorder.tenant_counts(phase);
            let rows = counts.iter().map(|event| match event {
                Event::TenantCounts { rows, .. } => rows.len(),
                _ => panic!("{event:?}"),
            });
            rows.collect()
        };
        assert_eq!(rows(Phase::Baseline), [TENANTS_A_LINE, TENANTS_A_LINE, 1]);
        assert_eq!(rows(Phase::Inject), [0]);
    }
}
