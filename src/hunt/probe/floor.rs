//! Restrictive policies, which are a floor below the permissive ones. What no permissive policy opens shows nothing about
//! the floor, so one is opened for the probe: then the floor alone must hide another tenant's rows.

use super::context::read_sql;
use super::probe::{Look, Oracle, Probe, READ_REFUSALS};
use super::state::State;
use crate::hunt::catalogue::{Catalogue, Policy};
use crate::hunt::finding::Severity;
use crate::hunt::seeding::Tenancy;

/// Reads a table with a floor beside a policy that opens every row.
pub(in crate::hunt) fn floor(catalogue: &Catalogue, tenancy: &Tenancy, id: i64, state: &State) -> Option<Probe> {
    let relation = &catalogue.relations[&id];
    let mut floors = catalogue.objects.restrictive(id, "r").into_iter();
    if !relation.row_security || !floors.any(|policy| is_for_tenants(policy, tenancy)) {
        return None;
    }
    let mut probe = state.probe(&relation.name, "SELECT beside an open policy", "F17");
    (probe.severity, probe.title) = (Severity::Drift, "a restrictive policy holds nothing back");
    probe.refusals = READ_REFUSALS;
    probe.before = vec![format!("CREATE POLICY hunt_open ON {} USING (true)", relation.name)];
    probe.oracle = Oracle::Shown { looks: vec![Look::Query(read_sql(relation)?)], foreign: state.foreign() };
    Some(probe)
}

/// Whether a restrictive policy means to tell tenants apart: it asks for the tenant's column, or for nothing at all. One
/// that asks for a second factor or for an archived row is no tenants' floor.
fn is_for_tenants(policy: &Policy, tenancy: &Tenancy) -> bool {
    let Some(using) = policy.using.as_deref().filter(|using| *using != "true") else { return true };
    let mut words = using.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.any(|word| tenancy.columns.iter().any(|column| column == word))
}
