//! What went wrong: one file per family of codes. A detector reports what was seen, planted or not; it neither knows the
//! expectations nor draws a verdict. Each has a case in which it must report and a twin in which it must not.

mod availability;
mod context;
mod drift;
mod leaks;
mod monitor;
mod neighbour;
mod pool;
mod writes;

use std::collections::BTreeMap;

pub(super) use context::context_verdicts;

use super::finding::{BlastRadius, Code, Finding};
use super::recovery::Recovery;
use super::seen::{SLICE_US, Seen};
use super::tally::Tally;
use crate::observe::{ClassSlice, Leak, Slice};
use crate::scenario::{Phase, TenantSlug, Tier};

/// Leaks kept as evidence of one finding.
const EVIDENCE: usize = 10;

/// Every finding, in no particular order.
pub(super) fn findings(seen: &Seen<'_>, recovery: &Recovery) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(leaks::foreign_rows(seen));
    findings.extend(leaks::foreign_writes(seen));
    findings.extend(writes::lost(seen));
    findings.extend(writes::duplicate(seen));
    findings.extend(context::context_findings(seen));
    findings.extend(monitor::monitor(seen));
    findings.extend(drift::drift(seen));
    findings.extend(pool::exhausted(seen));
    findings.extend(pool::leaked(seen));
    findings.extend(neighbour::noisy_neighbour(seen));
    findings.extend(availability::unavailable(seen));
    findings.extend(availability::slow_recovery(seen, recovery));
    findings
}

fn finding(code: Code, summary: String, count: u64, first_at_us: u64) -> Finding {
    Finding {
        code,
        severity: code.severity(),
        summary,
        count,
        first_at_us,
        planted: false,
        blast_radius: BlastRadius::default(),
        evidence: Vec::new(),
        notes: Vec::new(),
    }
}

/// The first leaks, those of different tables and operations before repetitions.
fn evidence<'a>(leaks: impl Iterator<Item = &'a Leak>) -> Vec<Leak> {
    let mut seen = BTreeMap::new();
    let mut ranked: Vec<(u64, &Leak)> = leaks
        .map(|leak| {
            let repetition = seen.entry((leak.table.as_str(), leak.operation)).or_insert(0u64);
            *repetition += 1;
            (*repetition, leak)
        })
        .collect();
    ranked.sort_by_key(|(repetition, leak)| (*repetition, leak.at_us));
    let mut kept: Vec<Leak> = ranked.into_iter().take(EVIDENCE).map(|(_, leak)| leak.clone()).collect();
    kept.sort_by_key(|leak| leak.at_us);
    kept
}

/// The slices in which something happened, added up.
#[derive(Default)]
struct Affected {
    /// What happened in them, to those who were looked at.
    tally: Tally,
    /// Start of the first.
    first_at_us: Option<u64>,
    /// How many.
    slices: u64,
}

impl Affected {
    /// Adds up the slices of which `happened` holds, as far as `classes` chooses.
    fn of<'a, I: Iterator<Item = &'a ClassSlice>>(
        slices: impl Iterator<Item = &'a Slice>,
        classes: impl Fn(&'a Slice) -> I,
        happened: impl Fn(&Tally) -> bool,
    ) -> Self {
        let hit: Vec<&Slice> = slices.filter(|slice| happened(&Tally::of(classes(slice)))).collect();
        Self {
            tally: Tally::of(hit.iter().flat_map(|slice| classes(slice))),
            first_at_us: hit.first().map(|slice| slice.at_us),
            slices: hit.len() as u64,
        }
    }

    fn seconds(&self) -> f64 {
        self.slices as f64 * SLICE_US as f64 / 1e6
    }

    /// Failed share of the requests that ended in these slices.
    fn failed_share(&self) -> f64 {
        self.tally.failed() as f64 / self.tally.finished().max(1) as f64
    }
}

/// Tenants by tier.
#[derive(Default)]
struct Hurt {
    by_tier: BTreeMap<Tier, u64>,
}

impl Hurt {
    /// The tenants of some phases of whom `hurt` holds, by their counts `[intended, ok, failed, slow]`.
    fn in_phases(seen: &Seen<'_>, phases: &[Phase], hurt: impl Fn(TenantSlug, [u64; 4]) -> bool) -> Self {
        let rows = phases.iter().filter_map(|phase| seen.tenants_in(*phase)).flatten();
        let tenants = rows.filter_map(|(tenant, counts)| Some((seen.slug(*tenant)?, *counts)));
        Self::of(tenants.filter(|(slug, counts)| hurt(*slug, *counts)).map(|(slug, _)| slug))
    }

    fn of(tenants: impl Iterator<Item = TenantSlug>) -> Self {
        let distinct: std::collections::BTreeSet<_> = tenants.collect();
        let mut by_tier = BTreeMap::new();
        for tenant in distinct {
            *by_tier.entry(tenant.tier).or_default() += 1;
        }
        Self { by_tier }
    }

    fn radius(self, affected: &Affected) -> BlastRadius {
        BlastRadius {
            tenants_hurt: self.by_tier.values().sum(),
            hurt_by_tier: self.by_tier,
            seconds: affected.seconds(),
            failed_share: affected.failed_share(),
            ..BlastRadius::default()
        }
    }
}
