//! TC-W01 and TC-W02: acknowledged writes that the database does not have, or has more than once.

use super::finding;
use crate::observe::Ledger;
use crate::oracle::finding::{BlastRadius, Code, Finding};
use crate::oracle::seen::Seen;
use crate::scenario::Phase;
use crate::wording::{count, plural};

/// Writes are stored in this table.
const TABLE: &str = "orders";

pub(super) fn lost(seen: &Seen<'_>) -> Option<Finding> {
    let ledger = seen.ledger.as_ref()?;
    of_ledger(seen, ledger, Code::LostWrite, ledger.lost, "were acknowledged and are not in the database")
}

pub(super) fn duplicate(seen: &Seen<'_>) -> Option<Finding> {
    let ledger = seen.ledger.as_ref()?;
    of_ledger(seen, ledger, Code::DuplicateWrite, ledger.duplicate, "were acknowledged and are stored more than once")
}

fn of_ledger(seen: &Seen<'_>, ledger: &Ledger, code: Code, writes: u64, what: &str) -> Option<Finding> {
    if writes == 0 {
        return None;
    }
    let summary = format!("{} of {} {what}", count(writes), plural(ledger.acknowledged, "write"));
    // The ledger is compared when the load has ended; when a write was lost is not known.
    let compared_at = seen.span(Phase::Verify).map(|span| span.from_us);
    let mut finding = finding(code, summary, writes, compared_at.unwrap_or(0));
    finding.blast_radius = BlastRadius { rows: writes, tables: vec![TABLE.to_owned()], ..BlastRadius::default() };
    finding.notes = ledger.examples.clone();
    if ledger.not_kept > 0 {
        finding.notes.push(format!("{} beyond the ledger's capacity were not compared.", count(ledger.not_kept)));
    }
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::fixture::*;
    use crate::oracle::judgement::Verdict;

    /// One lost or doubled write of 300 fails the run, each by its own code; none is neither.
    #[test]
    fn lost_and_doubled_writes_are_told_apart() {
        let scenario = scenario();
        let judged = Journal::healthy(&scenario).judge(&scenario);
        assert_eq!((found(&judged, Code::LostWrite), found(&judged, Code::DuplicateWrite)), (None, None));
        for (code, other, lost, duplicate) in
            [(Code::LostWrite, Code::DuplicateWrite, 1, 0), (Code::DuplicateWrite, Code::LostWrite, 0, 1)]
        {
            let mut journal = Journal::healthy(&scenario);
            journal.ledger.lost = lost;
            journal.ledger.duplicate = duplicate;
            journal.ledger.examples = vec!["growth-1 order 7: trouble".into()];
            let judged = journal.judge(&scenario);
            assert_eq!((judged.verdict, found(&judged, other)), (Verdict::Fail, None));
            let finding = found(&judged, code).unwrap();
            assert_eq!((finding.count, finding.notes.len()), (1, 1));
        }
    }
}
