//! TC-C01, TC-C02 and TC-C03: what a lost tenant context led to.

use super::{Affected, evidence, finding};
use crate::observe::{ContextOutcome, Leak, LeakKind};
use crate::oracle::finding::{BlastRadius, Code, ContextVerdict, Finding, context_class};
use crate::oracle::seen::{Seen, Window};
use crate::scenario::{ContextResidue, FaultAction, Who};
use crate::wording::{count, moment, plural};

/// What each fault did to the transactions that it touched, classed by the worst that occurred: open, silent, loud, no
/// effect, not touched. Faults of the context and faults of single statements on the wire.
pub(in crate::oracle) fn context_verdicts(seen: &Seen<'_>) -> Vec<ContextVerdict> {
    let faults = seen.scenario.faults.iter().filter_map(|fault| match &fault.action {
        FaultAction::ContextDrop { leaves, .. } => Some((fault.index, residue(*leaves))),
        FaultAction::Wire(wire) if wire.touches_statements() => Some((fault.index, wire.name())),
        _ => None,
    });
    faults
        .map(|(fault, leaves)| {
            let outcome = seen.faults.get(fault).map(|seen| seen.context).unwrap_or_default();
            let leaves = leaves.to_owned();
            ContextVerdict { fault, leaves, outcome, class: context_class(&outcome).to_owned() }
        })
        .collect()
}

/// As scenarios spell it.
fn residue(leaves: ContextResidue) -> &'static str {
    match leaves {
        ContextResidue::Unset => "unset",
        ContextResidue::Empty => "empty",
        ContextResidue::Stale => "stale",
        ContextResidue::OtherTenant => "other-tenant",
        ContextResidue::Bogus => "bogus",
        ContextResidue::Forged => "forged",
        ContextResidue::Session => "session",
    }
}

/// One of the counts of an outcome.
type Part = fn(&ContextOutcome) -> u64;

/// One finding per outcome that occurred, over all context faults.
pub(super) fn context_findings(seen: &Seen<'_>) -> Vec<Finding> {
    let outcomes: [(Code, Part, &str); 3] = [
        (Code::ContextFailOpen, |outcome| outcome.open, "returned foreign rows or wrote under another tenant"),
        (Code::ContextFailLoud, |outcome| outcome.loud, "were answered with an error"),
        (Code::ContextFailSilent, |outcome| outcome.silent, "came back empty without an error"),
    ];
    outcomes.into_iter().filter_map(|(code, of, what)| outcome(seen, code, of, what)).collect()
}

fn drops_context(seen: &Seen<'_>, fault: usize) -> bool {
    seen.scenario.faults.get(fault).is_some_and(|fault| fault.is_about_context())
}

fn outcome(seen: &Seen<'_>, code: Code, of: Part, what: &str) -> Option<Finding> {
    let of_context = || seen.faults.iter().enumerate().filter(|(fault, _)| drops_context(seen, *fault));
    let sum = |f: Part| of_context().fold(0u64, |sum, (_, fault)| sum.saturating_add(f(&fault.context)));
    let (happened, touched) = (sum(of), sum(|outcome| outcome.touched));
    // A leak line that names its fault is as good a witness as the slice that counts it.
    let by_context = |leak: &&Leak| leak.fault.is_some_and(|fault| drops_context(seen, fault));
    let leaks = || seen.leaks.iter().copied().filter(|_| code == Code::ContextFailOpen).filter(by_context);
    let happened = happened.max(u64::from(leaks().next().is_some()));
    if happened == 0 {
        return None;
    }
    let happened_in = |slice: &crate::observe::Slice| {
        slice.context.iter().any(|(fault, outcome)| drops_context(seen, *fault) && of(outcome) > 0)
    };
    let hit: Vec<_> = seen.slices_in(Window::Run).filter(|slice| happened_in(slice)).collect();
    let first = hit.first().map(|slice| slice.at_us).or(leaks().next().map(|leak| leak.at_us)).unwrap_or(0);
    let touched = touched.max(happened);
    let summary = format!(
        "{} of {} without their tenant context {what}, first at {}",
        count(happened),
        plural(touched, "transaction"),
        moment(first)
    );
    let affected = Affected::of(hit.into_iter(), |slice| seen.classes_of(slice, Who::All), |_| true);
    let mut finding = finding(code, summary, happened, first);
    finding.blast_radius = BlastRadius {
        seconds: affected.seconds(),
        failed_share: if code == Code::ContextFailLoud { affected.failed_share() } else { 0.0 },
        ..BlastRadius::default()
    };
    if code == Code::ContextFailOpen {
        let owners: std::collections::BTreeSet<_> = leaks().map(|leak| leak.owner).collect();
        let tables: std::collections::BTreeSet<_> = leaks().map(|leak| leak.table.clone()).collect();
        finding.blast_radius.tenants_exposed = owners.len() as u64;
        finding.blast_radius.rows =
            affected.tally.leaked_rows.max(leaks().filter(|l| l.kind == LeakKind::Read).count() as u64);
        finding.blast_radius.tables = tables.into_iter().collect();
        finding.evidence = evidence(leaks());
    }
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::fixture::*;

    const NONE: ContextOutcome = ContextOutcome { touched: 0, open: 0, loud: 0, silent: 0, harmless: 0 };

    /// The worst outcome names the class: open before silent before loud before none at all.
    #[test]
    fn the_worst_outcome_names_the_class() {
        let scenario = with_drop();
        let class_of = |outcome| {
            let judged = Journal::healthy(&scenario).context(1_200..1_300, outcome).judge(&scenario);
            (judged.context[0].class.clone(), judged.context[0].leaves.clone())
        };
        for (outcome, class) in [
            (ContextOutcome { touched: 9, open: 1, loud: 3, silent: 3, harmless: 2 }, "fail-open"),
            (ContextOutcome { touched: 9, loud: 8, silent: 1, ..NONE }, "fail-closed-silent"),
            (ContextOutcome { touched: 9, loud: 1, harmless: 8, ..NONE }, "fail-closed-loud"),
            (ContextOutcome { touched: 9, harmless: 9, ..NONE }, "no effect"),
            (NONE, "not touched"),
        ] {
            assert_eq!(class_of(outcome), (class.to_owned(), "stale".to_owned()));
        }
    }

    /// Each outcome that occurred has its finding, and one that did not has none.
    #[test]
    fn every_outcome_has_its_finding() {
        let scenario = with_drop();
        let codes = [Code::ContextFailOpen, Code::ContextFailLoud, Code::ContextFailSilent];
        for (place, outcome) in [
            ContextOutcome { touched: 4, open: 2, ..NONE },
            ContextOutcome { touched: 4, loud: 2, ..NONE },
            ContextOutcome { touched: 4, silent: 2, ..NONE },
        ]
        .into_iter()
        .enumerate()
        {
            let judged = Journal::healthy(&scenario).context(1_200..1_400, outcome).judge(&scenario);
            for (other, code) in codes.into_iter().enumerate() {
                assert_eq!(found(&judged, code).map(|f| f.count), (place == other).then_some(4), "{code}");
            }
        }
        let harmless =
            Journal::healthy(&scenario).context(1_200..1_400, ContextOutcome { touched: 4, harmless: 4, ..NONE });
        assert!(codes.iter().all(|code| found(&harmless.judge(&scenario), *code).is_none()));
    }

    /// Faults of single statements on the wire are classed like those of the context; a finding about the context comes
    /// only of those that are about it.
    #[test]
    fn faults_on_the_wire_are_classed() {
        use crate::scenario::{OnStatement, WireFault};
        let silent = ContextOutcome { touched: 4, silent: 2, ..NONE };
        for (wire, name, about_context) in [
            (WireFault::DropContext, "protocol.drop-context", true),
            (WireFault::Statement(OnStatement::Swallow), "protocol.swallow", false),
        ] {
            let scenario = with_fault(FaultAction::Wire(wire));
            let judged = Journal::healthy(&scenario).context(1_200..1_400, silent).judge(&scenario);
            let verdict = &judged.context[0];
            assert_eq!((verdict.leaves.as_str(), verdict.class.as_str()), (name, "fail-closed-silent"));
            assert_eq!(found(&judged, Code::ContextFailSilent).is_some(), about_context, "{name}");
        }
    }

    /// A leak line that names its fault is enough, also if the slice that counts it was never written; one of a
    /// transaction that no context fault touched is no context loss.
    #[test]
    fn a_leak_line_names_its_fault() {
        let scenario = with_drop();
        for (fault, reported) in [(Some(0), Some(1)), (None, None)] {
            let mut journal = Journal::healthy(&scenario);
            let leak = Leak { fault, ..leak(LeakKind::Read) };
            journal.more.push(crate::observe::Event::Leak(Box::new(leak)));
            let judged = journal.judge(&scenario);
            assert_eq!(found(&judged, Code::ContextFailOpen).map(|finding| finding.count), reported);
        }
    }
}
