//! TC-M01 and TC-M02: transactions without a tenant context, and whether anybody was told.

use super::{Affected, finding};
use crate::oracle::finding::{BlastRadius, Code, Finding};
use crate::oracle::seen::{Seen, Window};
use crate::scenario::{Layer, Who};
use crate::tenancy::MONITOR_THRESHOLD;
use crate::wording::{count, moment, plural, share};

/// An alert is a notice; a share above the threshold without one means that the guard was blind.
pub(super) fn monitor(seen: &Seen<'_>) -> Option<Finding> {
    let all = seen.tally(Window::Run, Who::All);
    let bypass = all.without_context as f64 / all.transactions.max(1) as f64;
    let of = format!(
        "{} of {} ({}) ran without a confirmed tenant context",
        count(all.without_context),
        plural(all.transactions, "transaction"),
        share(bypass)
    );
    if let Some(first) = seen.alerts.first() {
        let alerts = seen.alerts.len() as u64;
        let summary = format!("{} raised, the first at {}; {of}", plural(alerts, "alert"), moment(*first));
        return Some(finding(Code::MonitorAlert, summary, alerts, *first));
    }
    if bypass <= MONITOR_THRESHOLD {
        return None;
    }
    let without = |tally: &crate::oracle::tally::Tally| tally.without_context > 0;
    let affected = Affected::of(seen.slices_in(Window::Run), |slice| seen.classes_of(slice, Who::All), without);
    let threshold = share(MONITOR_THRESHOLD);
    let summary = format!("{of} and no alert was raised; the threshold is {threshold}");
    let mut finding = finding(Code::MonitorBlind, summary, all.without_context, affected.first_at_us.unwrap_or(0));
    finding.blast_radius = BlastRadius { seconds: affected.seconds(), ..BlastRadius::default() };
    finding.notes.push(match seen.scenario.stack.defence.contains(&Layer::Monitor) {
        true => "The monitor was on and did not see them.".to_owned(),
        false => "The monitor was switched off by the scenario.".to_owned(),
    });
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::fixture::*;
    use crate::oracle::judgement::Verdict;
    use crate::scenario::Tier;

    /// A share above the threshold without an alert is an integrity finding; with one it is a notice; below the
    /// threshold, or exactly on it, it is neither.
    #[test]
    fn the_monitor_is_blind_only_above_its_threshold() {
        let scenario = scenario();
        let journal = |without, transactions| {
            Journal::healthy(&scenario).change(Who::All, 0..4_000, |class| class.transactions = 0).change(
                Who::Tier(Tier::Growth),
                500..600,
                |class| {
                    (class.without_context, class.transactions) = (without, transactions);
                },
            )
        };
        let on_it = journal(1, 10_000).judge(&scenario);
        assert!(found(&on_it, Code::MonitorBlind).is_none() && found(&on_it, Code::MonitorAlert).is_none());
        let blind = journal(2, 10_000).judge(&scenario);
        assert_eq!((blind.verdict, found(&blind, Code::MonitorBlind).unwrap().count), (Verdict::Fail, 2));
        let seen = journal(2, 10_000).alert(700).judge(&scenario);
        assert_eq!((seen.verdict, found(&seen, Code::MonitorBlind)), (Verdict::Pass, None));
        assert_eq!(found(&seen, Code::MonitorAlert).unwrap().count, 1);
    }

    /// With the layer off the finding says that nobody was looking.
    #[test]
    fn a_monitor_that_is_off_is_blind() {
        let mut scenario = scenario();
        scenario.stack.defence.remove(&Layer::Monitor);
        let judged =
            Journal::healthy(&scenario).change(Who::All, 500..600, |class| class.without_context = 1).judge(&scenario);
        assert!(found(&judged, Code::MonitorBlind).unwrap().notes[0].contains("switched off"));
    }
}
