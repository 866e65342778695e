//! Scenarios and journals made by hand, for the oracle's tests. A journal starts healthy and is then spoiled.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::{Check, Code, Finding, Judgement, judge};
use crate::load::Classes;
use crate::observe::*;
use crate::scenario::*;

/// Requests per class and slice of a healthy journal.
pub(in crate::oracle) const PER_SLICE: u64 = 10;
/// Writes among them.
pub(in crate::oracle) const WRITES_PER_SLICE: u64 = 3;
/// Their latency.
pub(in crate::oracle) const HEALTHY_US: u64 = 2_000;

pub(in crate::oracle) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(in crate::oracle) fn slug(text: &str) -> TenantSlug {
    text.parse().unwrap()
}

/// One second of baseline, two of inject, one of recover; four tenants of tier starter, two of growth, one of
/// enterprise; no fault and no expectation.
pub(in crate::oracle) fn scenario() -> Scenario {
    Scenario {
        name: "case".into(),
        why: String::new(),
        tags: BTreeSet::new(),
        family: "test".into(),
        seed: 1,
        stack: StackSpec {
            postgres: None,
            pool: PoolSpec { size: 8, acquire_timeout: ms(200), bulkheads: BTreeMap::new() },
            pooler: PoolerSpec { kind: Pooler::None, size: 8, wait: ms(120_000) },
            defence: [Layer::Guard, Layer::Rls, Layer::Monitor].into(),
            defects: BTreeSet::new(),
            server: ServerUse::Alone,
            replica: None,
            disk_bytes: None,
        },
        fleet: Fleet { starter: 4, growth: 2, enterprise: 1, rows_per_tenant: 10 },
        load: Load {
            shape: LoadShape::Open { rate_per_s: 300.0 },
            mix: Mix { read: 1, write: 1, report: 1 },
            skew: 0.0,
            timeout: ms(1_000),
            max_in_flight: 64,
            retries: 0,
        },
        phases: Phases { baseline: ms(1_000), inject: ms(2_000), recover: ms(1_000) },
        faults: vec![],
        expect: Expect {
            always: vec![],
            baseline: vec![],
            inject: vec![],
            recover: None,
            cost: vec![],
            must_find: BTreeSet::new(),
            min_samples: 20,
        },
        stop: Stop { leaked_rows: 100, wall_clock: ms(60_000) },
        business: Business { tenants: 100, records_per_tenant: 100, time_to_repair: ms(1_000), slo: ms(100) },
        source: Source { path: PathBuf::from("case.toml"), text: String::new() },
    }
}

/// The scenario with one fault, on for the whole inject phase.
pub(in crate::oracle) fn with_fault(action: FaultAction) -> Scenario {
    let mut scenario = scenario();
    let index = scenario.faults.len();
    scenario.faults.push(Fault { index, action, when: Trigger::default(), at: ms(0), lasts: ms(2_000) });
    scenario
}

pub(in crate::oracle) fn with_drop() -> Scenario {
    with_fault(FaultAction::ContextDrop { leaves: ContextResidue::Stale, layer: ContextLayer::Connection })
}

pub(in crate::oracle) fn with_flood() -> Scenario {
    with_fault(FaultAction::FloodRate { tenant: slug("starter-1"), times: 50.0 })
}

/// A condition on everyone, in the window of its list.
pub(in crate::oracle) fn condition(metric: Metric, op: Comparison, limit: Quantity) -> Condition {
    let text = format!("{} {} {limit:?}", metric.name(), op.symbol());
    let left = Measure { metric, who: Who::All, phase: None, kind: None };
    Condition { text, left, op, right: Bound::Constant(limit) }
}

pub(in crate::oracle) fn no_leak() -> Condition {
    condition(Metric::LeakedRows, Comparison::Equal, Quantity::Count(0.0))
}

/// A leak in the middle of the inject phase.
pub(in crate::oracle) fn leak(kind: LeakKind) -> Leak {
    Leak {
        at_us: 1_550_000,
        phase: Phase::Inject,
        kind,
        asker: slug("growth-1"),
        owner: Some(slug("enterprise-1")),
        table: "documents".into(),
        operation: Operation::Read,
        backend_pid: 7,
        previous_tenant: Some(slug("enterprise-1")),
        context: None,
        fault: None,
        witness: Witness::TenantColumn,
    }
}

/// A journal in the making. Times are milliseconds since the run started.
#[derive(Debug, Clone)]
pub(in crate::oracle) struct Journal {
    pub(in crate::oracle) header: Header,
    pub(in crate::oracle) slices: Vec<Slice>,
    pub(in crate::oracle) tenants: BTreeMap<Phase, Vec<[u32; 5]>>,
    pub(in crate::oracle) more: Vec<Event>,
    pub(in crate::oracle) ledger: Ledger,
    pub(in crate::oracle) footer: Footer,
}

impl Journal {
    /// Everything went well, and every fault touched 100 of whatever it touches.
    pub(in crate::oracle) fn healthy(scenario: &Scenario) -> Self {
        let roster = Roster::of(&scenario.fleet);
        let classes = Classes::of(scenario, &roster).list().to_vec();
        let Phases { baseline, inject, recover } = scenario.phases;
        let mut slices = Vec::new();
        let mut at = Duration::ZERO;
        for (phase, lasts) in [(Phase::Baseline, baseline), (Phase::Inject, inject), (Phase::Recover, recover)] {
            let end = at + lasts;
            while at < end {
                let class = ClassSlice {
                    intended: PER_SLICE,
                    ok: PER_SLICE,
                    rows_checked: 5 * PER_SLICE,
                    writes_checked: WRITES_PER_SLICE,
                    transactions: PER_SLICE,
                    latency_us: vec![(HEALTHY_US, PER_SLICE)],
                    queue_us: vec![(10, PER_SLICE)],
                    ..ClassSlice::default()
                };
                let of = (0..classes.len()).map(|index| (index, class.clone())).collect();
                let at_us = at.as_micros() as u64;
                slices.push(Slice { at_us, phase: Some(phase), classes: of, context: BTreeMap::new() });
                at += ms(SLICE_MS);
            }
        }
        let per_tenant: Vec<_> = (0..roster.len() as u32).map(|tenant| [tenant, 100, 100, 0, 0]).collect();
        let tenants = [Phase::Baseline, Phase::Inject, Phase::Recover].map(|phase| (phase, per_tenant.clone())).into();
        let more = scenario.faults.iter().flat_map(|fault| fault_events(fault.index, 100)).collect();
        let footer = Footer {
            at_us: at.as_micros() as u64 + 10_000,
            end: EndReason::Completed,
            undo: vec![],
            leaks_seen: 0,
            leaked_tenants: 0,
            receiving_tenants: 0,
        };
        let ledger = Ledger { acknowledged: 300, ..Ledger::default() };
        Self { header: header(classes), slices, tenants, more, ledger, footer }
    }

    /// The fault was injected and undone, and touched so many.
    pub(in crate::oracle) fn touched(mut self, fault: usize, touched: u64) -> Self {
        let of = |event: &Event| match event {
            Event::FaultInjected { fault, .. } | Event::FaultHealed { fault, .. } => Some(*fault),
            _ => None,
        };
        self.more.retain(|event| of(event) != Some(fault));
        self.more.extend(fault_events(fault, touched));
        self
    }

    /// Changes what a class of tenants did in the slices that start in a time.
    pub(in crate::oracle) fn change(mut self, who: Who, time: Range<u64>, change: impl Fn(&mut ClassSlice)) -> Self {
        let chosen: Vec<usize> =
            (0..self.header.classes.len()).filter(|class| self.header.classes[*class].of.contains(&who)).collect();
        for slice in self.slices.iter_mut().filter(|slice| time.contains(&(slice.at_us / 1_000))) {
            for class in &chosen {
                change(slice.classes.get_mut(class).unwrap());
            }
        }
        self
    }

    /// Of the requests of some tenants, so many per class and slice fail.
    pub(in crate::oracle) fn fail(self, who: Who, time: Range<u64>, kind: ErrorKind, each: u64) -> Self {
        self.change(who, time, |class| {
            class.ok -= each;
            class.errors.insert(kind, each);
        })
    }

    /// Requests are as slow as this.
    pub(in crate::oracle) fn slow(self, who: Who, time: Range<u64>, us: u64) -> Self {
        self.change(who, time, |class| class.latency_us = vec![(us, PER_SLICE)])
    }

    /// Foreign rows come back, with one line of evidence per slice.
    pub(in crate::oracle) fn leaks(mut self, time: Range<u64>) -> Self {
        let fault = self.more.iter().any(|event| matches!(event, Event::FaultInjected { .. })).then_some(0);
        for at in time.clone().step_by(SLICE_MS as usize) {
            let leak = Leak { at_us: at * 1_000 + 500, fault, ..leak(LeakKind::Read) };
            self.more.push(Event::Leak(Box::new(leak)));
        }
        self.change(Who::Tier(Tier::Growth), time, |class| class.leaked_rows = 2)
    }

    /// What became of the touched transactions of each slice.
    pub(in crate::oracle) fn context(mut self, time: Range<u64>, outcome: ContextOutcome) -> Self {
        for slice in self.slices.iter_mut().filter(|slice| time.contains(&(slice.at_us / 1_000))) {
            slice.context.insert(0, outcome);
        }
        self
    }

    /// What every tenant but the aggressor did in a phase.
    pub(in crate::oracle) fn victims(mut self, phase: Phase, counts: [u32; 4]) -> Self {
        let [intended, ok, failed, slow] = counts;
        for row in self.tenants.get_mut(&phase).unwrap().iter_mut().filter(|row| row[0] != 0) {
            *row = [row[0], intended, ok, failed, slow];
        }
        self
    }

    pub(in crate::oracle) fn alert(mut self, at: u64) -> Self {
        self.more.push(Event::Alert { at_us: at * 1_000, bypass_share: 0.1, threshold: 0.0001 });
        self
    }

    /// The run ended at this time, for this reason; what comes after was not seen.
    pub(in crate::oracle) fn ended(mut self, at: u64, end: EndReason) -> Self {
        self.footer.end = end;
        self.footer.at_us = at * 1_000;
        self.slices.retain(|slice| slice.at_us < at * 1_000);
        self.more.retain(|event| !matches!(event, Event::FaultInjected { at_us, .. } if *at_us >= at * 1_000));
        self
    }

    /// All of it, with its phase marks.
    pub(in crate::oracle) fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Header(Box::new(self.header.clone()))];
        let end = self.footer.at_us;
        for (phase, from, to) in
            [(Phase::Baseline, 0, 1_000), (Phase::Inject, 1_000, 3_000), (Phase::Recover, 3_000, 4_000)]
        {
            if from * 1_000 < end {
                events.push(Event::PhaseStarted { at_us: from * 1_000, phase });
                events.push(Event::PhaseEnded { at_us: end.min(to * 1_000), phase });
            }
        }
        events.extend(self.slices.iter().map(|slice| Event::Slice(Box::new(slice.clone()))));
        events.extend(self.more.iter().cloned());
        events
            .extend(self.tenants.iter().map(|(phase, rows)| Event::TenantCounts { phase: *phase, rows: rows.clone() }));
        events.push(Event::Ledger(self.ledger.clone()));
        events.push(Event::Footer(self.footer.clone()));
        events
    }

    pub(in crate::oracle) fn judge(&self, scenario: &Scenario) -> Judgement {
        judge(&self.events(), scenario).unwrap()
    }
}

fn fault_events(fault: usize, touched: u64) -> [Event; 2] {
    let unit = "things".to_owned();
    [
        Event::FaultInjected { at_us: 1_000_000, fault, name: "fault".into() },
        Event::FaultHealed { at_us: 3_000_000, fault, touched, unit, verified: true, problem: None },
    ]
}

fn header(classes: Vec<Class>) -> Header {
    Header {
        schema_version: JOURNAL_SCHEMA_VERSION,
        tool_version: "0.0.0".into(),
        scenario: "case".into(),
        family: "test".into(),
        path: "case.toml".into(),
        toml: String::new(),
        seed: 1,
        schedule_hash: String::new(),
        provider: "local".into(),
        provider_why: String::new(),
        server_version: "17".into(),
        pooler: None,
        started_at: String::new(),
        classes,
        tenants: 7,
        cpus: 2,
    }
}

/// The finding with a code, if it was reported.
pub(in crate::oracle) fn found(judgement: &Judgement, code: Code) -> Option<&Finding> {
    judgement.findings.iter().find(|finding| finding.code == code)
}

/// The check of a list.
pub(in crate::oracle) fn check_of<'a>(judgement: &'a Judgement, list: &str) -> &'a Check {
    judgement.checks.iter().find(|check| check.list == list).unwrap_or_else(|| panic!("no check of `{list}`"))
}
