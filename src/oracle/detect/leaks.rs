//! TC-L01 and TC-L02: rows that reached, and writes that landed under, a tenant that is not theirs.

use std::collections::BTreeSet;

use super::{Affected, evidence, finding};
use crate::observe::{Leak, LeakKind};
use crate::oracle::finding::{BlastRadius, Code, Finding};
use crate::oracle::judge::of_rows;
use crate::oracle::measure::{foreign_writes_in_all, leaked_rows};
use crate::oracle::seen::{Seen, Window};
use crate::oracle::tally::Tally;
use crate::scenario::Who;
use crate::wording::{count, moment, plural};

/// Foreign rows by any witness: slices, leak lines or the footer. One is enough.
pub(super) fn foreign_rows(seen: &Seen<'_>) -> Option<Finding> {
    let rows = leaked_rows(seen);
    if rows == 0 {
        return None;
    }
    let leaks: Vec<&Leak> = seen.leaks_of(LeakKind::Read).collect();
    let owners: BTreeSet<_> = leaks.iter().map(|leak| leak.owner).collect();
    let receivers: BTreeSet<_> = leaks.iter().map(|leak| leak.asker).collect();
    // The footer's numbers are exact, and are over reads and writes alike.
    let footer = seen.footer.filter(|_| foreign_writes_in_all(seen) == 0);
    let exposed = (owners.len() as u64).max(footer.map_or(0, |footer| footer.leaked_tenants));
    let receiving = (receivers.len() as u64).max(footer.map_or(0, |footer| footer.receiving_tenants));
    let affected = affected(seen, |tally| tally.leaked_rows > 0);
    let first = first(&affected, &leaks);
    let compared = of_rows(rows, seen.tally(Window::Run, Who::All).rows_checked.max(rows));
    let summary = format!(
        "{compared} that came back belonged to another tenant: data of {} reached {}, first at {}",
        plural(exposed, "tenant"),
        plural(receiving, "other"),
        moment(first)
    );
    let mut finding = finding(Code::ForeignRow, summary, rows, first);
    finding.blast_radius = radius(exposed, rows, &leaks, &affected);
    finding.notes = notes(seen, &leaks);
    finding.evidence = evidence(leaks.into_iter());
    Some(finding)
}

/// Foreign writes by any witness: slices, leak lines or the ledger.
pub(super) fn foreign_writes(seen: &Seen<'_>) -> Option<Finding> {
    let writes = foreign_writes_in_all(seen);
    if writes == 0 {
        return None;
    }
    let leaks: Vec<&Leak> = seen.leaks_of(LeakKind::Write).collect();
    // Whoever wrote has its data in someone else's account.
    let exposed = leaks.iter().map(|leak| leak.asker).collect::<BTreeSet<_>>().len() as u64;
    let affected = affected(seen, |tally| tally.foreign_writes > 0);
    let first = first(&affected, &leaks);
    let mut summary =
        format!("{} landed under another tenant, first seen at {}", plural(writes, "write"), moment(first));
    if let Some(ledger) = seen.ledger.as_ref().filter(|ledger| ledger.foreign > 0) {
        let (foreign, acknowledged) = (count(ledger.foreign), count(ledger.acknowledged));
        summary = format!("{summary}; {foreign} of {acknowledged} acknowledged ones are stored there");
    }
    let mut finding = finding(Code::ForeignWrite, summary, writes, first);
    finding.blast_radius = radius(exposed, writes, &leaks, &affected);
    finding.notes = seen.ledger.iter().filter(|ledger| ledger.foreign > 0).flat_map(|l| l.examples.clone()).collect();
    finding.evidence = evidence(leaks.into_iter());
    Some(finding)
}

fn affected(seen: &Seen<'_>, happened: impl Fn(&Tally) -> bool) -> Affected {
    Affected::of(seen.slices_in(Window::Run), |slice| seen.classes_of(slice, Who::All), happened)
}

fn first(affected: &Affected, leaks: &[&Leak]) -> u64 {
    let line = leaks.first().map(|leak| leak.at_us);
    [affected.first_at_us, line].into_iter().flatten().min().unwrap_or(0)
}

fn radius(tenants_exposed: u64, rows: u64, leaks: &[&Leak], affected: &Affected) -> BlastRadius {
    let tables: BTreeSet<_> = leaks.iter().map(|leak| leak.table.clone()).collect();
    BlastRadius {
        tenants_exposed,
        rows,
        tables: tables.into_iter().collect(),
        seconds: affected.seconds(),
        ..BlastRadius::default()
    }
}

/// What all leaks have in common, which is where to look first.
fn notes(seen: &Seen<'_>, leaks: &[&Leak]) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(first) = leaks.first() else {
        notes.push("No leak line was kept; the rows are known by count only.".to_owned());
        return notes;
    };
    if leaks.len() > 1 && leaks.iter().all(|leak| leak.table == first.table) {
        notes.push(format!("All of them through {}.", first.table));
    }
    let stale = |leak: &&&Leak| leak.previous_tenant.is_some() && leak.previous_tenant == leak.owner;
    let stale = leaks.iter().filter(stale).count() as u64;
    if stale > 0 {
        notes.push(format!("{} came from the tenant that the connection had served before.", count(stale)));
    }
    let untouched = leaks.iter().filter(|leak| leak.fault.is_none()).count() as u64;
    if untouched > 0 && !seen.scenario.faults.is_empty() {
        notes.push(format!("{} in transactions that no fault had touched.", count(untouched)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Event, Ledger};
    use crate::oracle::fixture::*;
    use crate::oracle::judgement::Verdict;

    /// A leak of a tenth of a second is found with its owners, its table and its evidence; a run without one has none.
    #[test]
    fn foreign_rows_are_found_and_nothing_else_is() {
        let scenario = scenario();
        assert_eq!(found(&Journal::healthy(&scenario).judge(&scenario), Code::ForeignRow), None);
        let judged = Journal::healthy(&scenario).leaks(1_500..1_600).judge(&scenario);
        let finding = found(&judged, Code::ForeignRow).unwrap();
        assert_eq!((finding.count, finding.first_at_us, finding.evidence.len()), (2, 1_500_000, 1));
        let BlastRadius { tenants_exposed, rows, tables, seconds, .. } = &finding.blast_radius;
        assert_eq!((*tenants_exposed, *rows, tables.as_slice()), (1, 2, &["documents".to_owned()][..]));
        assert!((seconds - 0.1).abs() < 1e-9);
        assert_eq!(
            finding.summary,
            "2 of 6,000 rows that came back belonged to another tenant: data of 1 tenant reached 1 other, first at 1.50 s"
        );
    }

    /// Each witness alone is enough: the slices' counts, a leak line, the footer's total.
    #[test]
    fn any_witness_is_enough() {
        let scenario = scenario();
        let healthy = || Journal::healthy(&scenario);
        let counted = healthy().change(Who::All, 200..300, |class| class.leaked_rows = 1);
        let mut listed = healthy();
        listed.more.push(Event::Leak(Box::new(leak(LeakKind::Read))));
        let mut totalled = healthy();
        totalled.footer.leaks_seen = 1;
        for journal in [counted, listed, totalled] {
            let judged = journal.judge(&scenario);
            assert_eq!(judged.verdict, Verdict::Fail);
            assert!(found(&judged, Code::ForeignRow).is_some() && judged.leak_bound.leaks > 0);
        }
    }

    /// The footer counts rows and writes together; where something was written it is no witness of foreign rows.
    #[test]
    fn the_footer_tells_no_writes_for_rows() {
        let scenario = scenario();
        let mut journal = Journal::healthy(&scenario).change(Who::Victims, 200..300, |class| class.foreign_writes = 1);
        journal.footer.leaks_seen = 9;
        assert_eq!(found(&journal.judge(&scenario), Code::ForeignRow), None);
    }

    /// At most ten leaks are kept, and a table that leaked once is among them however often another one did.
    #[test]
    fn evidence_is_bounded_and_varied() {
        let scenario = scenario();
        let mut journal = Journal::healthy(&scenario);
        for n in 0..50 {
            let table = if n == 49 { "rare" } else { "documents" }.to_owned();
            journal.more.push(Event::Leak(Box::new(Leak { at_us: 1_000_000 + n, table, ..leak(LeakKind::Read) })));
        }
        let judged = journal.judge(&scenario);
        let evidence = &found(&judged, Code::ForeignRow).unwrap().evidence;
        assert_eq!(evidence.len(), 10);
        assert!(evidence.iter().any(|leak| leak.table == "rare"));
    }

    /// A foreign write is found by the slice that saw it and by the ledger that has it, and is no foreign read.
    #[test]
    fn foreign_writes_are_found_by_slice_and_by_ledger() {
        let scenario = scenario();
        assert_eq!(found(&Journal::healthy(&scenario).judge(&scenario), Code::ForeignWrite), None);
        let seen = Journal::healthy(&scenario).change(Who::All, 200..300, |class| class.foreign_writes = 1);
        let mut stored = Journal::healthy(&scenario);
        stored.ledger = Ledger { foreign: 3, ..stored.ledger };
        for journal in [seen, stored] {
            let judged = journal.judge(&scenario);
            assert_eq!((judged.verdict, found(&judged, Code::ForeignWrite).unwrap().count), (Verdict::Fail, 3));
            assert_eq!(found(&judged, Code::ForeignRow), None);
        }
    }
}
