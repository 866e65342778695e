//! The journal, indexed: which slices lie in a window, whom a class holds, when a phase began and ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::judge::OracleError;
use super::tally::Tally;
use crate::observe::{
    ClassSlice, ContextOutcome, EndReason, Event, Footer, Header, JOURNAL_SCHEMA_VERSION, Leak, LeakKind, Ledger,
    Roster, SLICE_MS, Slice,
};
use crate::scenario::{Phase, Scenario, TenantSlug, Tier, Who};

/// Width of a slice, microseconds.
pub(super) const SLICE_US: u64 = SLICE_MS * 1_000;
/// The phases that carry load.
pub(super) const LOADED: [Phase; 3] = [Phase::Baseline, Phase::Inject, Phase::Recover];
/// A phase that ended this much too early was cut off.
const CUT_OFF_US: u64 = SLICE_US;

/// Where something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    /// The whole run.
    Run,
    /// One phase.
    Phase(Phase),
    /// One slice, by its place in time.
    Slice(usize),
}

/// From when to when, microseconds since the run started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

impl Span {
    pub(super) fn holds(self, at_us: u64) -> bool {
        (self.from_us..self.to_us).contains(&at_us)
    }

    pub(super) fn seconds(self) -> f64 {
        self.to_us.saturating_sub(self.from_us) as f64 / 1e6
    }
}

/// What became of one fault.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultSeen {
    pub(super) injected_at_us: Option<u64>,
    pub(super) healed: Option<Healed>,
    pub(super) context: ContextOutcome,
}

/// How a fault was undone.
#[derive(Debug, Clone)]
pub(super) struct Healed {
    pub(super) at_us: u64,
    pub(super) touched: u64,
    pub(super) unit: String,
    pub(super) verified: bool,
    pub(super) problem: Option<String>,
}

/// Per tenant `[intended, ok, failed, slower than the SLO]`.
pub(super) type TenantRows = BTreeMap<u32, [u64; 4]>;

/// Everything that was seen in one run.
pub(super) struct Seen<'a> {
    pub(super) scenario: &'a Scenario,
    header: &'a Header,
    pub(super) roster: Roster,
    pub(super) aggressors: BTreeSet<TenantSlug>,
    /// In order of time.
    pub(super) slices: Vec<&'a Slice>,
    pub(super) faults: Vec<FaultSeen>,
    /// In order of time.
    pub(super) leaks: Vec<&'a Leak>,
    /// Times of alerts, in order.
    pub(super) alerts: Vec<u64>,
    /// Times of the catalogue check's alerts, in order.
    pub(super) catalogue_alerts: Vec<u64>,
    tenants: BTreeMap<Phase, TenantRows>,
    pub(super) ledger: Option<Ledger>,
    pub(super) footer: Option<&'a Footer>,
    marks: BTreeMap<Phase, (Option<u64>, Option<u64>)>,
}

impl<'a> Seen<'a> {
    /// Indexes the events of one run, in whatever order they stand.
    pub(super) fn of(events: &'a [Event], scenario: &'a Scenario) -> Result<Self, OracleError> {
        let header = header(events)?;
        let mut seen = Self {
            scenario,
            header,
            roster: Roster::of(&scenario.fleet),
            aggressors: scenario.faults.iter().filter_map(|fault| fault.action.aggressor()).collect(),
            slices: Vec::new(),
            faults: vec![FaultSeen::default(); scenario.faults.len()],
            leaks: Vec::new(),
            alerts: Vec::new(),
            catalogue_alerts: Vec::new(),
            tenants: BTreeMap::new(),
            ledger: None,
            footer: None,
            marks: BTreeMap::new(),
        };
        for event in events {
            seen.take(event)?;
        }
        seen.slices.sort_by_key(|slice| (slice.at_us, slice.phase));
        seen.leaks.sort_by_key(|leak| leak.at_us);
        seen.alerts.sort_unstable();
        seen.catalogue_alerts.sort_unstable();
        Ok(seen)
    }

    fn take(&mut self, event: &'a Event) -> Result<(), OracleError> {
        match event {
            Event::PhaseStarted { at_us, phase } => {
                let start = &mut self.marks.entry(*phase).or_default().0;
                *start = Some(start.map_or(*at_us, |start| start.min(*at_us)));
            }
            Event::PhaseEnded { at_us, phase } => {
                let end = &mut self.marks.entry(*phase).or_default().1;
                *end = (*end).max(Some(*at_us));
            }
            Event::FaultInjected { at_us, fault, .. } => {
                let injected = &mut self.fault(*fault)?.injected_at_us;
                *injected = Some(injected.map_or(*at_us, |first| first.min(*at_us)));
            }
            Event::FaultHealed { at_us, fault, touched, unit, verified, problem } => {
                let (at_us, touched, verified) = (*at_us, *touched, *verified);
                let healed = Healed { at_us, touched, unit: unit.clone(), verified, problem: problem.clone() };
                let known = &mut self.fault(*fault)?.healed;
                // Of two the one with a problem stands, whatever came after it.
                if known.as_ref().is_none_or(|known| known.problem.is_none()) {
                    *known = Some(healed);
                }
            }
            Event::Slice(slice) => self.take_slice(slice)?,
            Event::Leak(leak) => self.leaks.push(leak),
            Event::Alert { at_us, .. } => self.alerts.push(*at_us),
            Event::CatalogueAlert { at_us, .. } => self.catalogue_alerts.push(*at_us),
            Event::TenantCounts { phase, rows } => {
                let tenants = self.tenants.entry(*phase).or_default();
                for [tenant, counts @ ..] in rows {
                    let sums = tenants.entry(*tenant).or_default();
                    for (sum, more) in sums.iter_mut().zip(counts) {
                        *sum = sum.saturating_add(u64::from(*more));
                    }
                }
            }
            Event::Ledger(ledger) => self.ledger = Some(worse(self.ledger.take(), ledger)),
            Event::Footer(footer) => self.footer = Some(footer),
            Event::Header(_) | Event::ErrorExample { .. } => {}
        }
        Ok(())
    }

    fn take_slice(&mut self, slice: &'a Slice) -> Result<(), OracleError> {
        let classes = self.header.classes.len();
        if let Some(class) = slice.classes.keys().find(|class| **class >= classes) {
            return Err(OracleError::UnknownClass { class: *class, classes });
        }
        for (fault, outcome) in &slice.context {
            let sum = &mut self.fault(*fault)?.context;
            let pairs = [
                (&mut sum.touched, outcome.touched),
                (&mut sum.open, outcome.open),
                (&mut sum.loud, outcome.loud),
                (&mut sum.silent, outcome.silent),
                (&mut sum.harmless, outcome.harmless),
            ];
            for (sum, more) in pairs {
                *sum = sum.saturating_add(more);
            }
        }
        self.slices.push(slice);
        Ok(())
    }

    fn fault(&mut self, fault: usize) -> Result<&mut FaultSeen, OracleError> {
        let faults = self.faults.len();
        self.faults.get_mut(fault).ok_or(OracleError::UnknownFault { fault, faults })
    }

    /// The phase of a slice; one that does not say lies where the scenario planned it.
    pub(super) fn phase_of(&self, slice: &Slice) -> Phase {
        let planned = &self.scenario.phases;
        slice.phase.unwrap_or_else(|| match Duration::from_micros(slice.at_us) {
            at if at < planned.baseline => Phase::Baseline,
            at if at < planned.baseline.saturating_add(planned.inject) => Phase::Inject,
            _ => Phase::Recover,
        })
    }

    /// The slices of a window, in order of time.
    pub(super) fn slices_in(&self, window: Window) -> impl Iterator<Item = &'a Slice> {
        let one = match window {
            Window::Slice(place) => self.slices.get(place).copied(),
            _ => None,
        };
        let many = match window {
            Window::Slice(_) => &[],
            _ => self.slices.as_slice(),
        };
        let within = move |slice: &&Slice| match window {
            Window::Phase(phase) => self.phase_of(slice) == phase,
            _ => true,
        };
        one.into_iter().chain(many.iter().copied().filter(within))
    }

    /// What some tenants did in one slice, class by class.
    pub(super) fn classes_of(&self, slice: &'a Slice, who: Who) -> impl Iterator<Item = &'a ClassSlice> {
        let classes = &self.header.classes;
        slice.classes.iter().filter(move |(class, _)| classes[**class].of.contains(&who)).map(|(_, counts)| counts)
    }

    /// What some tenants did in a window.
    pub(super) fn tally(&self, window: Window, who: Who) -> Tally {
        Tally::of(self.slices_in(window).flat_map(|slice| self.classes_of(slice, who)))
    }

    /// What the tenants of a tier did in one slice, the aggressors left out.
    pub(super) fn victims_of_tier(&self, slice: &'a Slice, tier: Tier) -> impl Iterator<Item = &'a ClassSlice> {
        let classes = &self.header.classes;
        let matches = move |class: usize| {
            let of = &classes[class].of;
            of.contains(&Who::Tier(tier)) && !of.contains(&Who::Aggressor)
        };
        slice.classes.iter().filter(move |(class, _)| matches(**class)).map(|(_, counts)| counts)
    }

    /// Leaks of one kind, in order of time.
    pub(super) fn leaks_of(&self, kind: LeakKind) -> impl Iterator<Item = &'a Leak> {
        self.leaks.iter().copied().filter(move |leak| leak.kind == kind)
    }

    /// Whether a selector holds a tenant.
    pub(super) fn includes(&self, who: Who, tenant: TenantSlug) -> bool {
        match who {
            Who::All => true,
            Who::Tier(tier) => tenant.tier == tier,
            Who::Victims => !self.aggressors.contains(&tenant),
            Who::Aggressor => self.aggressors.contains(&tenant),
            Who::Tenant(slug) => tenant == slug,
        }
    }

    /// The tenant at a place in fleet order.
    pub(super) fn slug(&self, tenant: u32) -> Option<TenantSlug> {
        ((tenant as usize) < self.roster.len()).then(|| self.roster.slug(tenant))
    }

    /// What each tenant did in a phase; `None` if the run ended before that was written.
    pub(super) fn tenants_in(&self, phase: Phase) -> Option<&TenantRows> {
        self.tenants.get(&phase)
    }

    /// When a phase was; `None` if nothing of it was seen.
    pub(super) fn span(&self, phase: Phase) -> Option<Span> {
        let (from, to) = self.marks.get(&phase).copied().unwrap_or_default();
        let mut slices = self.slices_in(Window::Phase(phase)).map(|slice| slice.at_us);
        let first = slices.next();
        let last = slices.last().or(first).map(|at_us| at_us.saturating_add(SLICE_US));
        let from_us = from.or(first)?;
        Some(Span { from_us, to_us: to.or(last).unwrap_or(from_us).max(from_us) })
    }

    /// When a window was.
    pub(super) fn span_of(&self, window: Window) -> Option<Span> {
        match window {
            Window::Phase(phase) => self.span(phase),
            Window::Slice(place) => {
                let from_us = self.slices.get(place)?.at_us;
                Some(Span { from_us, to_us: from_us.saturating_add(SLICE_US) })
            }
            Window::Run => {
                let spans = || LOADED.into_iter().filter_map(|phase| self.span(phase));
                let from_us = spans().map(|span| span.from_us).min()?;
                Some(Span { from_us, to_us: spans().map(|span| span.to_us).max()?.max(from_us) })
            }
        }
    }

    /// Why the run ended before its schedule did; `None` if it did not.
    pub(super) fn cut_off(&self) -> Option<String> {
        match self.footer.map(|footer| &footer.end) {
            Some(EndReason::Completed) => None,
            Some(EndReason::StopCondition(condition)) => Some(format!("stop condition met ({condition})")),
            Some(EndReason::Interrupted) => Some("interrupted".to_owned()),
            Some(EndReason::Trouble(trouble)) => Some(format!("harness trouble ({trouble})")),
            None => Some("the journal has no last line: the run was cut off".to_owned()),
        }
    }

    /// Whether all of a window was seen.
    pub(super) fn is_whole(&self, window: Window) -> bool {
        let planned = &self.scenario.phases;
        match window {
            Window::Slice(_) => true,
            _ if self.cut_off().is_none() => true,
            Window::Run => false,
            // Slices are written a while after they end: without a footer some of any phase may be missing.
            Window::Phase(_) if self.footer.is_none() => false,
            Window::Phase(phase) => {
                let lasts = match phase {
                    Phase::Baseline => planned.baseline,
                    Phase::Inject => planned.inject,
                    Phase::Recover => planned.recover,
                    Phase::Verify => return self.ledger.is_some(),
                };
                let ended = self.marks.get(&phase).is_some_and(|(_, end)| end.is_some());
                let seen = self.span(phase).map_or(0, |span| span.to_us - span.from_us);
                ended && u128::from(seen.saturating_add(CUT_OFF_US)) >= lasts.as_micros()
            }
        }
    }

    /// Whether a slice lies in a time in which a fault was on.
    pub(super) fn fault_was_on(&self, slice: &Slice) -> bool {
        let end = self.span(Phase::Inject).map_or(u64::MAX, |span| span.to_us);
        self.faults.iter().any(|fault| {
            let Some(from_us) = fault.injected_at_us else { return false };
            let to_us = fault.healed.as_ref().map_or(end, |healed| healed.at_us);
            slice.at_us.saturating_add(SLICE_US) > from_us && slice.at_us < to_us
        })
    }
}

fn header(events: &[Event]) -> Result<&Header, OracleError> {
    let header = events.iter().find_map(|event| match event {
        Event::Header(header) => Some(header.as_ref()),
        _ => None,
    });
    let header = header.ok_or(OracleError::NoHeader)?;
    match header.schema_version > JOURNAL_SCHEMA_VERSION {
        true => Err(OracleError::Newer { found: header.schema_version }),
        false => Ok(header),
    }
}

/// Two ledgers of one run: what either missed is missed.
fn worse(first: Option<Ledger>, second: &Ledger) -> Ledger {
    let Some(first) = first else { return second.clone() };
    Ledger {
        acknowledged: first.acknowledged.max(second.acknowledged),
        lost: first.lost.max(second.lost),
        duplicate: first.duplicate.max(second.duplicate),
        foreign: first.foreign.max(second.foreign),
        not_kept: first.not_kept.max(second.not_kept),
        examples: if first.examples.is_empty() { second.examples.clone() } else { first.examples },
    }
}
