//! `[expect]`: every condition can be evaluated where it stands, and can come out either way.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::{Known, length, place, set_of};
use crate::diagnostics::Problems;
use crate::scenario::condition::{Bound, Comparison, Condition, ErrorKind, Measure, Metric, Quantity, Unit, Who};
use crate::scenario::condition_syntax::MeasureSpans;
use crate::scenario::model::{Expect, Fleet, Phase, Phases, RecoverExpect, TenantSlug};
use crate::scenario::quantity::{MAX_TIME, Wrong, say};
use crate::scenario::vocabulary::{Layer, ServerUse};
use crate::scenario::wire::{self, Entry, List, Stated};

/// Tenants that conditions may name, all together; each is counted apart from then on.
const MAX_NAMED_TENANTS: usize = 64;
/// Recovery is judged by slices of this length.
const SLICE: Duration = Duration::from_millis(100);

/// The list that a condition stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Always,
    During(Phase),
    Cost,
}

/// How finely a metric is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Grain {
    /// Every 100 ms, for any tenants.
    Slices,
    /// Per phase, for groups of tenants.
    Groups,
    /// Every 100 ms, for all tenants together.
    Together,
    /// Once, for all tenants together.
    Run,
}

pub(in crate::scenario) fn grain(metric: Metric) -> Grain {
    match metric {
        Metric::LostWrites | Metric::DuplicateWrites | Metric::CostUsd => Grain::Run,
        Metric::Alerts => Grain::Together,
        Metric::Fairness => Grain::Groups,
        _ => Grain::Slices,
    }
}

pub(super) fn expect(entry: &Entry<wire::Expect>, known: &Known, problems: &mut Problems) -> Option<Expect> {
    let wire = entry.get()?;
    let mut check = Check { known, problems, named: BTreeSet::new() };
    let always = check.list(&wire.always, Place::Always);
    let baseline = check.list(&wire.baseline, Place::During(Phase::Baseline));
    let inject = check.list(&wire.inject, Place::During(Phase::Inject));
    let recover = check.recover(&wire.recover);
    let cost = check.list(&wire.cost, Place::Cost);
    let must_find = check.must_find(wire);
    if [&wire.always, &wire.baseline, &wire.inject, &wire.cost].iter().all(|list| says_nothing(list))
        && wire.recover.is_absent()
        && matches!(wire.must_find.get(), Some(codes) if codes.0.is_empty())
    {
        let help = "write for example always = [\"leaked_rows == 0\"]";
        problems.at(place(entry), "nothing is expected, so the scenario cannot fail").help(help);
    }
    Some(Expect {
        always: always?,
        baseline: baseline?,
        inject: inject?,
        recover: recover?,
        cost: cost?,
        must_find: must_find?,
        min_samples: wire.min_samples.get()?.0,
    })
}

fn says_nothing(list: &Entry<List<Stated, 64>>) -> bool {
    list.get().is_some_and(|list| list.0.is_empty())
}

/// Why the fleet lacks a tenant, if it does.
pub(super) fn missing_tenant(slug: TenantSlug, fleet: &Fleet) -> Option<Wrong> {
    let TenantSlug { tier, ordinal } = slug;
    match fleet.of(tier) {
        has if ordinal <= has => None,
        0 => {
            Some(Wrong::new(format!("the fleet has no tenants of tier {tier}"), format!("seed some: fleet.{tier} = 2")))
        }
        has => Some(Wrong::new(
            format!("the fleet has no {slug}"),
            format!("it has {tier}-1 to {tier}-{has}; or seed more: fleet.{tier} = {ordinal}"),
        )),
    }
}

struct Check<'a> {
    known: &'a Known,
    problems: &'a mut Problems,
    named: BTreeSet<TenantSlug>,
}

impl Check<'_> {
    fn list(&mut self, entry: &Entry<List<Stated, 64>>, at: Place) -> Option<Vec<Condition>> {
        let list = &entry.get()?.0;
        if let (Place::During(phase), Some(phases), false) = (at, self.known.phases, list.is_empty())
            && length_of(&phases, phase).is_zero()
        {
            self.empty_phase(place(entry), phase);
            return None;
        }
        for stated in list {
            self.condition(stated.get_ref(), at);
        }
        Some(list.iter().map(|stated| stated.get_ref().parsed.condition.clone()).collect())
    }

    fn recover(&mut self, entry: &Entry<wire::Recover>) -> Option<Option<RecoverExpect>> {
        let wire = match entry {
            Entry::Wrong => return None,
            Entry::Absent | Entry::Default(_) => return Some(None),
            Entry::Given(given) => given.get_ref(),
        };
        let phase = self.known.phases.map(|phases| phases.recover);
        if phase.is_some_and(|phase| phase.is_zero()) {
            self.empty_phase(place(entry), Phase::Recover);
            return None;
        }
        let within = length("within", &wire.within, SLICE, MAX_TIME, self.problems);
        if let (Some(within), Some(phase)) = (within, phase)
            && within + SLICE > phase
        {
            let message = format!("the recover phase lasts {}, too short to see that", say(phase));
            let help = format!("write phases.recover = \"{}\" or more", say(within + SLICE));
            self.problems.at(place(&wire.within), message).help(help);
        }
        if says_nothing(&wire.that) {
            let help = "write for example that = [\"error_rate == 0%\"]";
            self.problems.at(place(&wire.that), "nothing says what recovered means").help(help);
        }
        let that = self.list(&wire.that, Place::During(Phase::Recover));
        Some(Some(RecoverExpect { within: within?, that: that? }))
    }

    fn must_find(&mut self, wire: &wire::Expect) -> Option<BTreeSet<String>> {
        let codes = &wire.must_find.get()?.0;
        for code in codes {
            let known = self.known;
            let (message, help) = match code.get_ref().0 {
                "TC-M02" if known.off(Layer::Monitor) => {
                    ("the monitor is off, so it raises no alert", "add \"monitor\" to stack.defence")
                }
                "TC-M01" if wire_alerts_expected(wire) => {
                    ("a blind monitor raises no alert, and alerts are expected", "leave one of the two out")
                }
                "TC-R01" if wire.recover.is_absent() => {
                    ("nothing says when the system must have recovered", "write expect.recover")
                }
                "TC-P02" if known.phases.is_some_and(|phases| phases.recover.is_zero()) => (
                    "connections that are missing after the faults need a recover phase",
                    "write phases.recover = \"2s\"",
                ),
                "TC-L02" | "TC-W01" | "TC-W02" if known.mix.is_some_and(|mix| mix.write == 0) => {
                    ("the load writes nothing", "give `write` a weight in load.mix")
                }
                "TC-N01" if known.floods == Some(false) => {
                    ("no fault floods, so there is no noisy neighbour", "add a fault such as flood.heavy")
                }
                "TC-C01" | "TC-C02" | "TC-C03" if known.drops_context == Some(false) => {
                    ("no fault takes the tenant context away", "add a fault such as context.drop")
                }
                _ => continue,
            };
            self.problems.at(code.span(), message).help(help);
        }
        let codes = set_of(codes, "code", |code| code.0.to_owned(), self.problems);
        self.planted_and_excluded(&codes, wire);
        Some(codes)
    }

    /// A finding that must be found cannot be excluded at the same time.
    fn planted_and_excluded(&mut self, codes: &BTreeSet<String>, wire: &wire::Expect) {
        const EXCLUDED: [(&str, Metric); 5] = [
            ("TC-L01", Metric::LeakedRows),
            ("TC-L02", Metric::ForeignWrites),
            ("TC-W01", Metric::LostWrites),
            ("TC-W02", Metric::DuplicateWrites),
            ("TC-M02", Metric::Alerts),
        ];
        for stated in wire.always.get().iter().flat_map(|list| &list.0) {
            let Condition { left, op, right, .. } = &stated.get_ref().parsed.condition;
            let none = matches!(op, Comparison::Equal | Comparison::AtMost)
                && *right == Bound::Constant(Quantity::Count(0.0))
                && left.who == Who::All
                && left.phase.is_none();
            let code = EXCLUDED.iter().find(|(code, metric)| none && *metric == left.metric && codes.contains(*code));
            if let Some((code, _)) = code {
                let message = format!("{code} must be found, and this excludes it");
                self.problems.at(stated.get_ref().span(), message).help("leave one of the two out");
            }
        }
    }

    fn condition(&mut self, stated: &Stated, at: Place) {
        let parsed = &stated.parsed;
        let Condition { left, op, right, .. } = &parsed.condition;
        let sound = self.measure(left, &parsed.left, stated, at, Side::Left);
        let sound = match (right, &parsed.right) {
            (Bound::Relative { of, factor }, Some(spans)) => {
                let same = of == left && *factor == 1.0;
                if same {
                    self.say(stated.span(), Wrong::new("this compares a value with itself", "name another phase"));
                }
                self.measure(of, spans, stated, at, Side::Right) && sound && !same
            }
            _ => sound,
        };
        if let (true, Bound::Constant(constant)) = (sound, right)
            && let Some(wrong) = foregone(left.metric, *op, *constant)
        {
            self.say(stated.place(&parsed.bound), wrong);
        }
    }

    /// Checks one measure; says at most one thing about it.
    fn measure(&mut self, measure: &Measure, spans: &MeasureSpans, stated: &Stated, at: Place, side: Side) -> bool {
        let metric = spans.metric.clone();
        let who = spans.who.clone().unwrap_or(metric.clone());
        let phase = spans.phase.clone().unwrap_or(metric.clone());
        let wrong = misplaced(measure, at)
            .or_else(|| self.unmeasured(measure))
            .map(|wrong| (metric, wrong))
            .or_else(|| self.nobody(measure).map(|wrong| (who, wrong)))
            .or_else(|| self.never(measure, at, side).map(|wrong| (phase, wrong)));
        match wrong {
            Some((part, wrong)) => {
                self.say(stated.place(&part), wrong);
                false
            }
            None => true,
        }
    }

    /// Why nobody is measured, if so.
    fn nobody(&mut self, measure: &Measure) -> Option<Wrong> {
        let name = measure.metric.name();
        match (grain(measure.metric), measure.who) {
            (_, Who::All) => return None,
            (Grain::Run | Grain::Together, _) => {
                return Some(Wrong::new(
                    format!("`{name}` is counted for all tenants together"),
                    format!("write `{name}` without a selector"),
                ));
            }
            (Grain::Groups, Who::Tenant(_) | Who::Aggressor) => {
                return Some(Wrong::new(
                    format!("`{name}` compares tenants with each other"),
                    "select a tier or the victims, or all",
                ));
            }
            _ => {}
        }
        match (measure.who, self.known.fleet) {
            (Who::Victims | Who::Aggressor, _) if self.known.floods == Some(false) => Some(Wrong::new(
                "no fault has an aggressor, so there are no victims either",
                "add a fault such as flood.heavy, or select `all`",
            )),
            (Who::Tier(tier), Some(fleet)) if fleet.of(tier) == 0 => {
                let help = format!("seed some: fleet.{tier} = 2");
                Some(Wrong::new(format!("the fleet has no tenants of tier {tier}"), help))
            }
            (Who::Tenant(slug), fleet) => {
                self.named.insert(slug);
                let too_many = self.named.len() > MAX_NAMED_TENANTS;
                let too_many = too_many.then(|| {
                    let message = format!("the conditions name more than {MAX_NAMED_TENANTS} tenants");
                    Wrong::new(message, "select tiers instead")
                });
                fleet.and_then(|fleet| missing_tenant(slug, &fleet)).or(too_many)
            }
            _ => None,
        }
    }

    /// Why the metric is not measured in this scenario, if so.
    fn unmeasured(&self, measure: &Measure) -> Option<Wrong> {
        let Measure { metric, kind, .. } = *measure;
        let name = metric.name();
        let off = |layer: Layer, what: &str| {
            let help = format!("add \"{}\" to stack.defence", layer.name());
            Some(Wrong::new(format!("the {} is off, so {what}", layer.name()), help))
        };
        match (metric, kind) {
            (Metric::Alerts, _) if self.known.off(Layer::Monitor) => off(Layer::Monitor, "it raises no alerts"),
            (Metric::RejectedRequests, _) | (_, Some(ErrorKind::MissingTenant)) if self.known.off(Layer::Guard) => {
                off(Layer::Guard, "it refuses no requests")
            }
            (_, Some(ErrorKind::BulkheadFull)) if self.known.bulkheads == Some(false) => {
                Some(Wrong::new("the pool has no bulkheads", "write stack.pool.bulkheads"))
            }
            (Metric::LostWrites | Metric::DuplicateWrites | Metric::ForeignWrites, _)
                if self.known.mix.is_some_and(|mix| mix.write == 0) =>
            {
                Some(Wrong::new("the load writes nothing", "give `write` a weight in load.mix"))
            }
            (metric, _)
                if needs_alone(metric) && self.known.server.is_some_and(|server| server != ServerUse::Alone) =>
            {
                Some(Wrong::new(
                    format!("`{name}` measures the neighbours too, on a shared server or a shared machine"),
                    "write server = \"alone\" in [stack]",
                ))
            }
            _ => None,
        }
    }

    /// Why the measure has no value at the time that it is asked for, if so.
    fn never(&self, measure: &Measure, at: Place, side: Side) -> Option<Wrong> {
        let name = measure.metric.name();
        let phase = measure.phase?;
        if grain(measure.metric) == Grain::Run {
            let message = format!("`{name}` is counted once, over the whole run");
            return Some(Wrong::new(message, format!("write `{name}` without a phase")));
        }
        if let (Place::During(here), Side::Left) = (at, side)
            && here != phase
        {
            let message = format!("the list is about the {} phase, this is about {}", here.name(), phase.name());
            return Some(Wrong::new(message, format!("leave `{}` out, or move the condition", phase.name())));
        }
        let empty = self.known.phases.is_some_and(|phases| length_of(&phases, phase).is_zero());
        empty.then(|| empty_phase(phase))
    }

    fn empty_phase(&mut self, span: Range<usize>, phase: Phase) {
        self.say(span, empty_phase(phase));
    }

    fn say(&mut self, span: Range<usize>, wrong: Wrong) {
        self.problems.at(span, wrong.message).maybe_help(wrong.help);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn wire_alerts_expected(wire: &wire::Expect) -> bool {
    let lists = [&wire.always, &wire.inject];
    lists.iter().filter_map(|list| list.get()).flat_map(|list| &list.0).any(|stated| {
        let condition = &stated.get_ref().parsed.condition;
        condition.left.metric == Metric::Alerts && condition.op == Comparison::Greater
    })
}

fn length_of(phases: &Phases, phase: Phase) -> Duration {
    match phase {
        Phase::Baseline => phases.baseline,
        Phase::Inject => phases.inject,
        Phase::Recover => phases.recover,
        Phase::Verify => Duration::ZERO,
    }
}

fn empty_phase(phase: Phase) -> Wrong {
    let name = phase.name();
    Wrong::new(
        format!("the {name} phase has no length, so this is never evaluated"),
        format!("write for example phases.{name} = \"2s\""),
    )
}

/// Why a metric has no value in this list, if so.
fn misplaced(measure: &Measure, at: Place) -> Option<Wrong> {
    let name = measure.metric.name();
    match (measure.metric, at, grain(measure.metric)) {
        (Metric::CostUsd, Place::Cost, _) => None,
        (Metric::CostUsd, ..) => {
            Some(Wrong::new("the price is known only after the run", "move the condition to expect.cost"))
        }
        (_, Place::Cost, _) => Some(Wrong::new(
            format!("`{name}` is no price"),
            "`cost` is about `cost_usd`; move the condition to expect.always",
        )),
        (_, Place::During(_), Grain::Run) => {
            let message = format!("`{name}` is counted once, over the whole run");
            Some(Wrong::new(message, "move the condition to expect.always"))
        }
        (_, Place::During(Phase::Recover), Grain::Groups) => {
            let message = format!("`{name}` is not counted per slice of 100 ms, by which recovery is judged");
            Some(Wrong::new(message, format!("write `{name}(recover)` in expect.always")))
        }
        _ => None,
    }
}

/// Whether neighbours on the same server would change the metric.
pub(in crate::scenario) fn needs_alone(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::P50 | Metric::P95 | Metric::P99 | Metric::Max | Metric::QueueWait | Metric::Rate | Metric::Fairness
    )
}

/// Why a comparison comes out the same whatever is measured, if so.
fn foregone(metric: Metric, op: Comparison, constant: Quantity) -> Option<Wrong> {
    let value = match constant {
        Quantity::Count(value) | Quantity::Share(value) | Quantity::PerSecond(value) | Quantity::Usd(value) => value,
        Quantity::Time(time) => time.as_secs_f64(),
    };
    let highest = if metric.unit() == Unit::Share { 1.0 } else { f64::INFINITY };
    let outcome = match op {
        Comparison::AtLeast if value <= 0.0 => "always",
        Comparison::AtMost if value >= highest => "always",
        Comparison::Less if value <= 0.0 => "never",
        Comparison::Greater if value >= highest => "never",
        _ => return None,
    };
    let range = if highest == 1.0 { "lies between 0% and 100%" } else { "is never below 0" };
    Some(Wrong::new(
        format!("this {outcome} holds: `{}` {range}", metric.name()),
        "write a bound that can be met and missed",
    ))
}
