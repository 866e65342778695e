//! The rules in force, and the guards that take them out of force.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::rule::{Kind, OnLink, OnStatement, Rule, Verdict};
use super::touches::Touches;
use crate::load::stream;

/// The rules in force. Reading them costs no lock; connections are woken when they change.
#[derive(Debug)]
pub struct Rules {
    seed: u64,
    list: ArcSwap<Vec<Arc<Active>>>,
    installed: AtomicU64,
    changes: AtomicU64,
    version: watch::Sender<u64>,
    touches: Touches,
}

impl Rules {
    /// No rule yet; each rule draws from its own stream of this seed.
    pub fn new(seed: u64) -> Arc<Self> {
        let version = watch::Sender::new(0);
        Arc::new(Self {
            seed,
            list: ArcSwap::default(),
            installed: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            version,
            touches: Touches::default(),
        })
    }

    /// Puts a rule in force until its guard is dropped.
    pub fn install(self: &Arc<Self>, rule: Rule) -> RuleGuard {
        let number = self.installed.fetch_add(1, Ordering::Relaxed);
        let active = Arc::new(Active {
            rng: Mutex::new(stream(self.seed, "proxy", &format!("rule {number}"))),
            rule,
            since: Instant::now(),
            in_force: AtomicBool::new(true),
            matching: AtomicU64::new(0),
            touched: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        });
        self.change(|list| list.push(active.clone()));
        RuleGuard { rules: self.clone(), active }
    }

    /// Whose statements they have touched.
    pub fn touches(&self) -> &Touches {
        &self.touches
    }

    /// How many are in force.
    pub fn len(&self) -> usize {
        self.list.load().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn change(&self, change: impl Fn(&mut Vec<Arc<Active>>)) {
        self.list.rcu(|list| {
            let mut list = list.to_vec();
            change(&mut list);
            list
        });
        self.changes.fetch_add(1, Ordering::Release);
        self.version.send_modify(|version| *version += 1);
    }

    /// How often they have changed, for those who look before each step.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The first rule on statements that touches this one, which is counted as matching by the rule's own triggers.
    pub(super) fn on_statement(&self, facts: Facts<'_>) -> Option<Arc<Active>> {
        let list = self.list.load();
        list.iter().find(|active| matches!(active.rule.verdict, Verdict::Statement(_)) && active.fires(facts)).cloned()
    }

    /// Whether a rule may have to send a statement once more, for which its parameters must be kept.
    pub(super) fn may_repeat(&self) -> bool {
        let repeats = |active: &Arc<Active>| {
            matches!(active.rule.verdict, Verdict::Statement(OnStatement::Duplicate | OnStatement::Reorder))
        };
        self.list.load().iter().any(repeats)
    }

    /// The rules on connections in force.
    pub(super) fn on_links(&self) -> Vec<Arc<Active>> {
        let list = self.list.load();
        list.iter().filter(|active| matches!(active.rule.verdict, Verdict::Link(_))).cloned().collect()
    }
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) kind: Kind,
    pub(super) tables: &'a [String],
    pub(super) tenant: Option<&'a str>,
    pub(super) after: Option<Kind>,
}

/// A rule in force, with its counters.
#[derive(Debug)]
pub(super) struct Active {
    rule: Rule,
    since: Instant,
    in_force: AtomicBool,
    matching: AtomicU64,
    touched: AtomicU64,
    missed: AtomicU64,
    rng: Mutex<ChaCha8Rng>,
}

impl Active {
    pub(super) fn in_force(&self) -> bool {
        self.in_force.load(Ordering::Relaxed)
    }

    pub(super) fn statement(&self) -> Option<&OnStatement> {
        match &self.rule.verdict {
            Verdict::Statement(verdict) => Some(verdict),
            Verdict::Link(_) => None,
        }
    }

    pub(super) fn link(&self) -> Option<&OnLink> {
        match &self.rule.verdict {
            Verdict::Link(verdict) => Some(verdict),
            Verdict::Statement(_) => None,
        }
    }

    /// It had its effect.
    pub(super) fn touch(&self) {
        self.touched.fetch_add(1, Ordering::Relaxed);
    }

    /// Under which those whom it touches are noted.
    pub(super) fn label(&self) -> Option<usize> {
        self.rule.label
    }

    /// It should have had its effect, and could not.
    pub(super) fn miss(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// A length with jitter.
    pub(super) fn draw(&self, least: Duration, jitter: Duration) -> Duration {
        match jitter.is_zero() {
            true => least,
            false => least + jitter.mul_f64(self.rng.lock().unwrap_or_else(PoisonError::into_inner).random::<f64>()),
        }
    }

    /// Whether this statement is touched.
    fn fires(&self, facts: Facts<'_>) -> bool {
        let when = &self.rule.when;
        let matches = when.kind.is_none_or(|kind| kind == facts.kind)
            && when.after.is_none_or(|after| facts.after == Some(after))
            && when.tenant.as_deref().is_none_or(|tenant| facts.tenant == Some(tenant))
            && when.table.as_ref().is_none_or(|table| facts.tables.contains(table));
        matches && self.is_time(Instant::now()) && self.counts()
    }

    /// Whether this connection is touched, whenever it is time; asked once for each.
    pub(super) fn takes_connection(&self) -> bool {
        self.counts()
    }

    /// Whether the rule's time has come and not yet passed.
    pub(super) fn is_time(&self, now: Instant) -> bool {
        let (from, until) = self.window();
        now >= from && until.is_none_or(|until| now < until)
    }

    fn counts(&self) -> bool {
        let when = &self.rule.when;
        // Counts from 1.
        let count = self.matching.fetch_add(1, Ordering::Relaxed) + 1;
        when.first.is_none_or(|first| count <= first)
            && when.nth.is_none_or(|nth| count.is_multiple_of(nth))
            && (when.share >= 1.0
                || self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_bool(when.share.max(0.0)))
    }

    /// Times before and after which the rule touches nothing, for those that wait for them.
    pub(super) fn window(&self) -> (Instant, Option<Instant>) {
        let when = &self.rule.when;
        (self.since + when.from, when.until.map(|until| self.since + until))
    }
}

/// What a rule did while it was in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Statements, replies or connections that it touched.
    pub touched: u64,
    /// Statements that it should have touched and could not, because they were too long to be held.
    pub missed: u64,
}

/// Keeps a rule in force; heals when it is dropped.
#[derive(Debug)]
#[must_use = "the rule is out of force as soon as its guard is dropped"]
pub struct RuleGuard {
    rules: Arc<Rules>,
    active: Arc<Active>,
}

impl RuleGuard {
    /// What the rule has done so far.
    pub fn effect(&self) -> Effect {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Effect { touched: count(&self.active.touched), missed: count(&self.active.missed) }
    }

    /// Takes the rule out of force and says what it did.
    pub fn heal(self) -> Effect {
        self.take_out();
        self.effect()
    }

    fn take_out(&self) {
        self.active.in_force.store(false, Ordering::Relaxed);
        self.rules.change(|list| list.retain(|active| !Arc::ptr_eq(active, &self.active)));
    }
}

impl Drop for RuleGuard {
    fn drop(&mut self) {
        self.take_out();
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::When;
    use super::*;

    fn fired(when: When, statements: usize) -> Vec<usize> {
        let rules = Rules::new(1);
        let _guard = rules.install(Rule::new(OnStatement::Swallow).when(when));
        let tables = ["orders".to_owned()];
        let facts = |place: usize| Facts {
            kind: if place.is_multiple_of(2) { Kind::Select } else { Kind::Insert },
            tables: &tables,
            tenant: Some("a"),
            after: Some(Kind::Context),
        };
        (0..statements).filter(|place| rules.on_statement(facts(*place)).is_some()).collect()
    }

    /// Each condition bounds on its own, and together they all must hold.
    #[test]
    fn conditions_combine() {
        let all = When::default;
        assert_eq!(fired(all(), 3), [0, 1, 2]);
        assert_eq!(fired(When { kind: Some(Kind::Insert), nth: Some(2), ..all() }, 8), [3, 7]);
        assert_eq!(fired(When { first: Some(2), ..all() }, 8), [0, 1]);
        assert_eq!(fired(When { table: Some("orders".into()), tenant: Some("a".into()), ..all() }, 2), [0, 1]);
        assert_eq!(fired(When { after: Some(Kind::Context), ..all() }, 1), [0]);
        let others = [
            When { table: Some("users".into()), ..all() },
            When { tenant: Some("b".into()), ..all() },
            When { after: Some(Kind::Begin), ..all() },
            When { from: Duration::from_secs(60), ..all() },
            When { until: Some(Duration::ZERO), ..all() },
            When { share: 0.0, ..all() },
        ];
        for when in others {
            assert_eq!(fired(when.clone(), 8), [0usize; 0], "{when:?}");
        }
        let share = fired(When { share: 0.2, ..all() }, 10_000);
        assert!((1_800..2_200).contains(&share.len()), "{} of 10,000 at 20%", share.len());
        assert_eq!(share, fired(When { share: 0.2, ..all() }, 10_000), "the same seed draws the same");
    }

    /// A dropped guard takes its own rule out of force and no other, and tells those who wait.
    #[test]
    fn a_dropped_guard_heals() {
        let rules = Rules::new(1);
        let mut changes = rules.subscribe();
        let first = rules.install(Rule::new(OnLink::Refuse));
        let second = rules.install(Rule::new(OnLink::Blackhole));
        drop(first);
        assert_eq!(
            rules.on_links().iter().map(|active| active.link().cloned()).collect::<Vec<_>>(),
            [Some(OnLink::Blackhole)]
        );
        changes.mark_unchanged();
        assert_eq!(second.heal(), Effect { touched: 0, missed: 0 });
        assert!(rules.is_empty() && changes.has_changed().unwrap());
    }
}
