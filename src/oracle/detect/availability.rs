//! TC-A01 and TC-R01: requests failed, and the system did not come back in time.

use super::{Affected, Hurt, finding};
use crate::oracle::finding::{Code, Finding};
use crate::oracle::judgement::Verdict;
use crate::oracle::recovery::Recovery;
use crate::oracle::seen::{SLICE_US, Seen, Window};
use crate::oracle::tally::Tally;
use crate::scenario::{Phase, Tier, Who};
use crate::stats::Observed;
use crate::wording::{count, duration, plural, share};

/// A tier of which more than this share of requests failed was not available.
const FAILED: f64 = 0.05;
/// The share must be above that with this one-sided confidence, so that one of ten requests is no outage.
const ALPHA: f64 = 0.05;

/// More than 5% of the requests of a tier failed while faults were on; in a scenario without a fault, while it ran. The
/// aggressor's own are not its tier's.
pub(super) fn unavailable(seen: &Seen<'_>) -> Option<Finding> {
    let faultless = seen.scenario.faults.is_empty();
    let on = || seen.slices_in(Window::Run).filter(|slice| faultless || seen.fault_was_on(slice));
    let failed_of = |tier: Tier| {
        let tally = Tally::of(on().flat_map(|slice| seen.victims_of_tier(slice, tier)));
        Observed::of(tally.failed(), tally.finished())
    };
    let down: Vec<(Tier, Observed)> = Tier::ALL
        .into_iter()
        .map(|tier| (tier, failed_of(tier)))
        .filter(|(_, failed)| failed.lower(ALPHA) > FAILED)
        .collect();
    if down.is_empty() {
        return None;
    }
    let tiers: Vec<Tier> = down.iter().map(|(tier, _)| *tier).collect();
    let of_tiers = |slice| tiers.iter().flat_map(move |tier| seen.victims_of_tier(slice, *tier));
    let affected = Affected::of(on(), of_tiers, |tally| tally.failed() > 0);
    let parts: Vec<String> = down
        .iter()
        .map(|(tier, failed)| {
            let (n, of) = (count(failed.events()), plural(failed.trials(), "request"));
            format!("{n} of {of} of tier {tier} ({})", share(failed.share().unwrap_or(0.0)))
        })
        .collect();
    let summary =
        format!("{} failed {}", parts.join(", "), if faultless { "without any fault" } else { "while faults were on" });
    let failed = down.iter().fold(0u64, |sum, (_, failed)| sum.saturating_add(failed.events()));
    let mut finding = finding(Code::Unavailable, summary, failed, affected.first_at_us.unwrap_or(0));
    let phases: &[Phase] = if faultless { &[Phase::Baseline, Phase::Inject, Phase::Recover] } else { &[Phase::Inject] };
    let hurt = |slug: crate::scenario::TenantSlug, [_, _, failed, _]: [u64; 4]| {
        failed > 0 && tiers.contains(&slug.tier) && !seen.aggressors.contains(&slug)
    };
    finding.blast_radius = Hurt::in_phases(seen, phases, hurt).radius(&affected);
    finding.notes = kinds(&affected.tally);
    Some(finding)
}

fn kinds(tally: &Tally) -> Vec<String> {
    tally.errors.iter().map(|(kind, n)| format!("{kind}: {}", plural(*n, "request"))).collect()
}

/// A `recover` condition did not hold for good within its objective.
pub(super) fn slow_recovery(seen: &Seen<'_>, recovery: &Recovery) -> Option<Finding> {
    let failed: Vec<_> = recovery.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    if failed.is_empty() {
        return None;
    }
    let expect = seen.scenario.expect.recover.as_ref()?;
    let recover = seen.span(Phase::Recover)?;
    let objective = duration(u64::try_from(expect.within.as_micros()).unwrap_or(u64::MAX));
    let summary = match recovery.after_us {
        Some(us) => format!("took {} to recover, the objective is {objective}", duration(us)),
        None => {
            let lasted = duration(recover.to_us - recover.from_us);
            format!("had not recovered when the recover phase ended after {lasted}, the objective is {objective}")
        }
    };
    let violated: Vec<_> = recovery.violated.iter().filter_map(|place| seen.slices.get(*place).copied()).collect();
    let first = violated.first().map_or(recover.from_us, |slice| slice.at_us);
    let last = violated.last().map_or(recover.from_us, |slice| slice.at_us.saturating_add(SLICE_US));
    let affected = Affected::of(violated.iter().copied(), |slice| seen.classes_of(slice, Who::All), |_| true);
    let mut finding = finding(Code::SlowRecovery, summary, violated.len() as u64, first);
    finding.blast_radius =
        Hurt::in_phases(seen, &[Phase::Recover], |_, [_, _, failed, _]| failed > 0).radius(&affected);
    finding.blast_radius.seconds = last.saturating_sub(recover.from_us) as f64 / 1e6;
    finding.notes = failed.iter().map(|check| format!("{}: {}", check.condition, check.observed)).collect();
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::fixture::*;
    use crate::scenario::{Comparison, ErrorKind, Metric, Quantity, RecoverExpect};

    /// A tier of which a fifth fails while the fault is on was not available; the other tiers were, and so was the tier
    /// before the fault.
    #[test]
    fn a_tier_that_fails_under_fault_is_unavailable() {
        let scenario = with_drop();
        let growth = Who::Tier(Tier::Growth);
        let judged = Journal::healthy(&scenario).fail(growth, 1_000..3_000, ErrorKind::Connection, 2).judge(&scenario);
        let finding = found(&judged, Code::Unavailable).unwrap();
        assert_eq!(finding.count, 40);
        assert!(finding.summary.contains("tier growth (20%)") && !finding.summary.contains("starter"));
        let before = Journal::healthy(&scenario).fail(growth, 0..1_000, ErrorKind::Connection, 2).judge(&scenario);
        assert_eq!(found(&before, Code::Unavailable), None);
    }

    /// What fails without any fault is an outage as well, in whatever phase; a run in which nothing fails is none.
    #[test]
    fn an_outage_needs_no_fault() {
        let scenario = scenario();
        let growth = Who::Tier(Tier::Growth);
        let judged = Journal::healthy(&scenario).fail(growth, 0..1_000, ErrorKind::Rejected, 5).judge(&scenario);
        let finding = found(&judged, Code::Unavailable).unwrap();
        assert!(finding.summary.ends_with("of tier growth (12.5%) failed without any fault"), "{}", finding.summary);
        assert_eq!(found(&Journal::healthy(&scenario).judge(&scenario), Code::Unavailable), None);
    }

    /// 5% is allowed, and 13 failures of 200 are no proof of more.
    #[test]
    fn a_few_failures_are_no_outage() {
        let scenario = with_drop();
        let fail = |time| Journal::healthy(&scenario).fail(Who::Tier(Tier::Growth), time, ErrorKind::Connection, 1);
        assert_eq!(found(&fail(1_000..2_300).judge(&scenario), Code::Unavailable), None);
    }

    /// An aggressor that is held back is not an outage of its tier.
    #[test]
    fn a_bounded_aggressor_is_no_outage() {
        let scenario = with_flood();
        let fail = |who| Journal::healthy(&scenario).fail(who, 1_000..3_000, ErrorKind::BulkheadFull, 9);
        assert_eq!(found(&fail(Who::Aggressor).judge(&scenario), Code::Unavailable), None);
        assert!(found(&fail(Who::Tier(Tier::Starter)).judge(&scenario), Code::Unavailable).is_some());
    }

    /// Errors after the objective are a slow recovery; errors that end before it are none.
    #[test]
    fn recovery_is_slow_only_beyond_its_objective() {
        let mut scenario = with_drop();
        let that = vec![condition(Metric::ErrorRate, Comparison::Equal, Quantity::Share(0.0))];
        scenario.expect.recover = Some(RecoverExpect { within: ms(400), that });
        let until =
            |end| Journal::healthy(&scenario).fail(Who::All, 1_000..end, ErrorKind::Timeout, 5).judge(&scenario);
        let slow = until(3_500);
        assert_eq!(found(&slow, Code::SlowRecovery).unwrap().count, 5);
        assert_eq!(slow.recovered_after_us, Some(500_000));
        assert_eq!(found(&until(3_400), Code::SlowRecovery), None);
        let never = until(4_000);
        assert!(found(&never, Code::SlowRecovery).unwrap().summary.starts_with("had not recovered"));
        assert_eq!(never.recovered_after_us, None);
    }
}
