//! What must hold of every judgement, whatever the journal says.

use proptest::prelude::*;
use proptest::sample::{Index, SizeRange, subsequence};

use super::fixture::*;
use super::{OracleError, Verdict, judge};
use crate::observe::{ContextOutcome, EndReason, Event, LeakKind};
use crate::scenario::{Comparison, ErrorKind, Metric, Phase, Quantity, RecoverExpect, Scenario, Tier, Who};

/// A scenario that asks for a bit of everything.
fn demanding() -> Scenario {
    let mut scenario = with_drop();
    scenario.expect.always = vec![
        no_leak(),
        condition(Metric::LostWrites, Comparison::Equal, Quantity::Count(0.0)),
        condition(Metric::ErrorRate, Comparison::Less, Quantity::Share(0.3)),
        condition(Metric::LeakedTenants, Comparison::Equal, Quantity::Count(0.0)),
    ];
    scenario.expect.inject = vec![
        condition(Metric::P99, Comparison::Less, Quantity::Time(ms(50))),
        condition(Metric::Fairness, Comparison::Greater, Quantity::Share(0.5)),
        condition(Metric::Rate, Comparison::Greater, Quantity::PerSecond(1.0)),
    ];
    let that = vec![condition(Metric::ErrorRate, Comparison::Equal, Quantity::Share(0.0))];
    scenario.expect.recover = Some(RecoverExpect { within: ms(400), that });
    scenario
}

/// Journals of every colour: healthy ones, failing ones, leaking ones, cut-off ones.
fn journal() -> impl Strategy<Value = Journal> {
    let time = || (0u64..4_000, 1u64..2_000).prop_map(|(from, lasts)| from..from + lasts);
    let end = prop_oneof![
        4 => Just(None),
        1 => (500u64..4_000).prop_map(|at| Some((at, EndReason::Interrupted))),
        1 => (500u64..4_000).prop_map(|at| Some((at, EndReason::StopCondition("leaked_rows".into())))),
    ];
    (time(), 0u64..=PER_SLICE, time(), prop::option::of(time()), 0u64..3, 0u64..200, end).prop_map(
        |(failing, each, slow, leaking, lost, touched, end)| {
            let mut journal = Journal::healthy(&demanding())
                .touched(0, touched)
                .fail(Who::Tier(Tier::Starter), failing.clone(), ErrorKind::PoolTimeout, each)
                .slow(Who::All, slow, 70_000)
                .context(failing, ContextOutcome { touched: 2, silent: 1, harmless: 1, ..ContextOutcome::default() });
            journal.ledger.lost = lost;
            if let Some(leaking) = leaking {
                journal = journal.leaks(leaking.start / 100 * 100..leaking.end);
            }
            match end {
                Some((at, end)) => journal.ended(at, end),
                None => journal,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// One more leak never makes a verdict better, and always fails the run.
    #[test]
    fn a_leak_never_helps(journal in journal(), at_us in 0u64..5_000_000, writes: bool) {
        let scenario = demanding();
        let before = journal.judge(&scenario);
        let kind = if writes { LeakKind::Write } else { LeakKind::Read };
        let mut leaking = journal;
        leaking.more.push(Event::Leak(Box::new(crate::observe::Leak { at_us, ..leak(kind) })));
        let after = leaking.judge(&scenario);
        prop_assert!(after.verdict >= before.verdict);
        prop_assert_eq!(after.verdict, Verdict::Fail);
    }

    /// The same events give the same judgement, whatever their order.
    #[test]
    fn order_does_not_matter(journal in journal(), swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 0..200)) {
        let scenario = demanding();
        let mut events = journal.events();
        let judged = judge(&events, &scenario).unwrap();
        for (a, b) in swaps {
            let (a, b) = (a.index(events.len()), b.index(events.len()));
            events.swap(a, b);
        }
        let mut shuffled = judge(&events, &scenario).unwrap();
        // Leaks of the same microsecond have no order of their own.
        for (one, other) in shuffled.findings.iter_mut().zip(&judged.findings) {
            prop_assert_eq!(one.evidence.len(), other.evidence.len());
            one.evidence.clone_from(&other.evidence);
        }
        prop_assert_eq!(shuffled, judged);
    }

    /// No part of a journal makes the oracle panic, and a part without its header is refused.
    #[test]
    fn parts_of_a_journal_are_survived(
        events in journal().prop_flat_map(|journal| {
            let events = journal.events();
            let size = SizeRange::from(0..=events.len());
            subsequence(events, size)
        }),
    ) {
        let has_header = events.iter().any(|event| matches!(event, Event::Header(_)));
        match judge(&events, &demanding()) {
            Ok(judged) => {
                prop_assert!(has_header);
                prop_assert_eq!(judged.verdict == Verdict::Pass, judged.reasons.is_empty());
            }
            Err(error) => prop_assert!(!has_header && error == OracleError::NoHeader, "{}", error),
        }
    }

    /// A run without its footer never passes, and what it failed for with its footer it fails for without.
    #[test]
    fn a_cut_off_run_never_passes(journal in journal()) {
        let scenario = demanding();
        let mut events = journal.events();
        let whole = judge(&events, &scenario).unwrap();
        events.pop();
        let cut = judge(&events, &scenario).unwrap();
        prop_assert!(cut.verdict != Verdict::Pass);
        let fails = |findings: &[super::Finding]| {
            findings.iter().filter(|f| f.severity <= super::Severity::Integrity).map(|f| f.code).collect::<Vec<_>>()
        };
        prop_assert_eq!(fails(&whole.findings), fails(&cut.findings));
    }

    /// Numbers at the edge of their types neither wrap nor panic.
    #[test]
    fn absurd_numbers_are_survived(n: u64, at_us: u64, fault_at: u64) {
        let scenario = demanding();
        let mut journal = Journal::healthy(&scenario).change(Who::All, 0..4_000, |class| {
            (class.intended, class.ok, class.dropped, class.leaked_rows) = (n, n, n, n);
            (class.rows_checked, class.writes_checked) = (n, n);
            (class.transactions, class.without_context) = (n, n);
            class.latency_us = vec![(n, n), (u64::MAX, 1)];
            class.errors = [(ErrorKind::Other, n)].into();
        });
        journal.slices[7].at_us = at_us;
        journal.slices[8].phase = None;
        journal.footer.at_us = at_us;
        journal.more.push(Event::FaultInjected { at_us: fault_at, fault: 0, name: "fault".into() });
        journal.more.push(Event::PhaseStarted { at_us: fault_at, phase: Phase::Recover });
        journal.more.push(Event::Alert { at_us: fault_at, bypass_share: f64::NAN, threshold: 0.0 });
        let _ = journal.judge(&scenario);
    }
}
