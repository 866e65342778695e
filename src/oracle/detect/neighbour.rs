//! TC-N01: one tenant slowed others down.

use std::collections::BTreeMap;

use super::{Affected, Hurt, finding};
use crate::oracle::finding::{Code, Finding};
use crate::oracle::seen::{Seen, TenantRows, Window};
use crate::oracle::tally::Tally;
use crate::scenario::{Phase, TenantSlug, Who};
use crate::stats::Observed;
use crate::wording::{count, duration, plural, share};

/// Confidence that victims broke their objective more often than in the baseline is 1 minus this.
const ALPHA: f64 = 0.01;
/// An objective that 99% of requests keep is kept: a smaller share is no finding, however certain it is.
const MATERIAL: f64 = 0.01;

/// Victims broke their objective while someone flooded, clearly more often than before.
///
/// Both shares are compared by their exact bounds. A request breaks the objective if it fails, is not sent, or takes
/// longer than `business.slo`. The counts of failed and of slow requests overlap by an unknown number, so the larger of
/// the two is taken: at least that many broke it.
pub(super) fn noisy_neighbour(seen: &Seen<'_>) -> Option<Finding> {
    let aggressor = flooding(seen)?;
    let (before, during) = (seen.tenants_in(Phase::Baseline)?, seen.tenants_in(Phase::Inject)?);
    let (calm, flooded) = (broken(seen, before), broken(seen, during));
    if !flooded.clearly_exceeds(calm, ALPHA) || flooded.lower(ALPHA) <= MATERIAL {
        return None;
    }
    let slo_us = u64::try_from(seen.scenario.business.slo.as_micros()).unwrap_or(u64::MAX);
    let broke = |tally: &Tally| tally.latency.above(slo_us) > 0 || tally.failed() > 0 || tally.dropped > 0;
    let inject = Window::Phase(Phase::Inject);
    let affected = Affected::of(seen.slices_in(inject), |slice| seen.classes_of(slice, Who::Victims), broke);
    let first = affected.first_at_us.or(seen.span(Phase::Inject).map(|span| span.from_us)).unwrap_or(0);
    let summary = format!(
        "{} of {} ({}) of others broke their {} objective while {aggressor} flooded, {} in the baseline; {}",
        count(flooded.events()),
        plural(flooded.trials(), "request"),
        share(flooded.share().unwrap_or(0.0)),
        duration(slo_us),
        share(calm.share().unwrap_or(0.0)),
        slowdown(seen)
    );
    let mut finding = finding(Code::NoisyNeighbour, summary, flooded.events(), first);
    finding.blast_radius = hurt(seen, before, during).radius(&affected);
    finding.blast_radius.aggressor = Some(aggressor);
    let others: Vec<_> = seen.aggressors.iter().filter(|slug| **slug != aggressor).map(ToString::to_string).collect();
    if !others.is_empty() {
        finding.notes.push(format!("Flooding beside it: {}.", others.join(", ")));
    }
    Some(finding)
}

/// The tenant whose flood took effect first.
fn flooding(seen: &Seen<'_>) -> Option<TenantSlug> {
    let floods = seen.scenario.faults.iter().filter_map(|fault| {
        let aggressor = fault.action.aggressor()?;
        let at = seen.faults.get(fault.index)?;
        // A flood that has not been undone yet has touched an unknown number.
        let touched = at.healed.as_ref().is_none_or(|healed| healed.touched > 0);
        Some((at.injected_at_us.filter(|_| touched)?, aggressor))
    });
    floods.min().map(|(_, aggressor)| aggressor)
}

/// How many of one tenant's requests broke the objective, at least.
fn broke([intended, _, failed, slow]: [u64; 4]) -> u64 {
    failed.max(slow).min(intended)
}

/// The victims' requests, and how many of them broke the objective.
fn broken(seen: &Seen<'_>, rows: &TenantRows) -> Observed {
    let victims = rows.iter().filter(|(tenant, _)| is_victim(seen, **tenant));
    let (bad, all) = victims.fold((0u64, 0u64), |(bad, all), (_, counts)| {
        (bad.saturating_add(broke(*counts)), all.saturating_add(counts[0]))
    });
    Observed::of(bad, all)
}

fn is_victim(seen: &Seen<'_>, tenant: u32) -> bool {
    seen.slug(tenant).is_some_and(|slug| !seen.aggressors.contains(&slug))
}

/// Victims of whose requests a larger share broke the objective than in the baseline.
fn hurt(seen: &Seen<'_>, before: &TenantRows, during: &TenantRows) -> Hurt {
    let share = |counts: &[u64; 4]| broke(*counts) as f64 / counts[0].max(1) as f64;
    let calm: BTreeMap<u32, f64> = before.iter().map(|(tenant, counts)| (*tenant, share(counts))).collect();
    let worse = during.iter().filter(|(tenant, counts)| {
        is_victim(seen, **tenant) && share(counts) > calm.get(tenant).copied().unwrap_or(0.0)
    });
    Hurt::of(worse.filter_map(|(tenant, _)| seen.slug(*tenant)))
}

fn slowdown(seen: &Seen<'_>) -> String {
    let p99 = |phase| seen.tally(Window::Phase(phase), Who::Victims).latency.quantile(0.99);
    match (p99(Phase::Baseline), p99(Phase::Inject)) {
        (Some(before), Some(during)) => {
            format!("their p99 went from {} to {}", duration(before), duration(during))
        }
        _ => "their latency was not recorded".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::fixture::*;
    use crate::scenario::Tier;

    fn slowed() -> Journal {
        let journal = Journal::healthy(&with_flood()).slow(Who::Victims, 1_000..3_000, 900_000);
        journal.victims(Phase::Inject, [100, 100, 0, 60])
    }

    /// Victims that break their objective while someone floods are found, with the aggressor and whom it hurt.
    #[test]
    fn slowed_victims_are_found_with_their_aggressor() {
        let judged = slowed().judge(&with_flood());
        let finding = found(&judged, Code::NoisyNeighbour).unwrap();
        let radius = &finding.blast_radius;
        assert_eq!((finding.count, radius.aggressor, radius.tenants_hurt), (360, Some(slug("starter-1")), 6));
        assert_eq!(radius.hurt_by_tier[&Tier::Starter], 3);
        assert!(finding.summary.contains("p99 went from 2 ms to 900 ms"), "{}", finding.summary);
    }

    /// The aggressor's own slowness is its own affair.
    #[test]
    fn a_slow_aggressor_is_no_victim() {
        let mut journal = Journal::healthy(&with_flood());
        journal.tenants.get_mut(&Phase::Inject).unwrap()[0] = [0, 5_000, 5_000, 0, 4_900];
        assert_eq!(found(&journal.judge(&with_flood()), Code::NoisyNeighbour), None);
    }

    /// Victims that were as slow before, or that slow down by a share that chance or a sensible objective allows, accuse
    /// nobody; nor do slow victims without a flood.
    #[test]
    fn slowness_without_cause_accuses_nobody() {
        let flood = with_flood();
        let before = slowed().victims(Phase::Baseline, [100, 100, 0, 60]);
        assert_eq!(found(&before.judge(&flood), Code::NoisyNeighbour), None);
        let slightly = slowed().victims(Phase::Inject, [100, 100, 0, 1]);
        assert_eq!(found(&slightly.judge(&flood), Code::NoisyNeighbour), None);
        // Certain, and still within an objective of 99%.
        let certainly = slowed().victims(Phase::Inject, [10_000, 10_000, 0, 50]);
        assert_eq!(found(&certainly.judge(&flood), Code::NoisyNeighbour), None);
        assert_eq!(found(&slowed().touched(0, 0).judge(&flood), Code::NoisyNeighbour), None);
        let calm = scenario();
        let slow = Journal::healthy(&calm).victims(Phase::Inject, [100, 100, 0, 60]);
        assert_eq!(found(&slow.judge(&calm), Code::NoisyNeighbour), None);
    }
}
