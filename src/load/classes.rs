//! Classes: tenants that slices count together.

use std::collections::{BTreeMap, BTreeSet};

use crate::observe::{Class, Roster};
use crate::scenario::{Bound, Condition, Scenario, TenantSlug, Who};

/// A partition of the fleet, as fine as the scenario's selectors need it.
#[derive(Debug, Clone)]
pub struct Classes {
    classes: Vec<Class>,
    of_tenant: Vec<u8>,
}

impl Classes {
    /// The partition that a scenario needs: by tier, the aggressors and every tenant that an expectation names apart.
    pub fn of(scenario: &Scenario, roster: &Roster) -> Self {
        let aggressors: BTreeSet<_> = scenario.faults.iter().filter_map(|fault| fault.action.aggressor()).collect();
        let named = named_tenants(scenario);
        let mut classes: BTreeMap<Vec<Who>, usize> = BTreeMap::new();
        let of_tenant = roster
            .iter()
            .map(|(slug, _)| {
                let mut of = vec![Who::All, Who::Tier(slug.tier)];
                of.push(if aggressors.contains(&slug) { Who::Aggressor } else { Who::Victims });
                if named.contains(&slug) {
                    of.push(Who::Tenant(slug));
                }
                let next = classes.len();
                // Expectations that name more tenants than this share the last class; the checked scenario forbids it.
                (*classes.entry(of).or_insert(next)).min(u8::MAX as usize) as u8
            })
            .collect();
        let mut ordered: Vec<_> = classes.into_iter().collect();
        ordered.sort_by_key(|(_, place)| *place);
        Self { classes: ordered.into_iter().map(|(of, _)| Class { of }).collect(), of_tenant }
    }

    /// The classes, by index.
    pub fn list(&self) -> &[Class] {
        &self.classes
    }

    /// The class of a tenant.
    pub fn of_tenant(&self, tenant: u32) -> usize {
        self.of_tenant[tenant as usize] as usize
    }
}

fn named_tenants(scenario: &Scenario) -> BTreeSet<TenantSlug> {
    let expect = &scenario.expect;
    let recover = expect.recover.iter().flat_map(|recover| &recover.that);
    expect
        .always
        .iter()
        .chain(&expect.baseline)
        .chain(&expect.inject)
        .chain(recover)
        .chain(&expect.cost)
        .flat_map(measured)
        .filter_map(|who| match who {
            Who::Tenant(slug) => Some(slug),
            _ => None,
        })
        .collect()
}

fn measured(condition: &Condition) -> impl Iterator<Item = Who> {
    let right = match condition.right {
        Bound::Relative { of, .. } => Some(of.who),
        Bound::Constant(_) => None,
    };
    std::iter::once(condition.left.who).chain(right)
}
