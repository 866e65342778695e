//! A small hunt for the tests of renderers.

use std::collections::BTreeMap;

use super::{Cell, Coverage, Discovered, HuntReport, Outcome, bound, family};
use crate::hunt::finding::{Finding, Severity, Status};
use crate::hunt::search::Search;

/// A hunt with these cells (object, verb, state, outcome) and findings. A cell that leaks belongs to the finding of its
/// object and family of verbs.
pub(super) fn hunted(cells: &[(&str, &str, &str, Outcome)], findings: Vec<Finding>) -> HuntReport {
    let cells = cells.iter().map(|(object, verb, state, outcome)| Cell {
        object: (*object).to_owned(),
        verb: (*verb).to_owned(),
        context_state: (*state).to_owned(),
        outcome: *outcome,
        reason: None,
        finding: findings.iter().filter(|_| *outcome == Outcome::Leaking).find_map(|finding| {
            let same = finding.object == *object && finding.verb.as_deref().map(family) == Some(family(verb));
            same.then(|| finding.fingerprint.clone())
        }),
    });
    let coverage = Coverage::of(cells.collect(), &[]);
    let discovered = Discovered {
        app_role: "app".to_owned(),
        acts_as: "app".to_owned(),
        app_role_candidates: vec!["app".to_owned()],
        context: "none".to_owned(),
        settings: vec![],
        tenant_table: None,
        tenant_columns: BTreeMap::new(),
        created_roles: vec![],
        server_version: "17.6".to_owned(),
        live_server_version: None,
        control_visible: 1,
        control_tables: 1,
    };
    let search = Search { seed: 1, wanted: 0, played: 0, cut: None, sequences: vec![] };
    HuntReport { schema_version: 1, discovered, bound: bound(&coverage), coverage, search, price: None, findings }
}

/// What a probe found, or the catalogue says if it names no verb.
pub(super) fn found(mode: &str, severity: Severity, object: &str, title: &str, verb: Option<&str>) -> Finding {
    let status = if verb.is_some() { Status::Confirmed } else { Status::Static };
    let mut finding = Finding::new(mode, severity, status, object, title);
    finding.verb = verb.map(str::to_owned);
    finding.context_state = verb.map(|_| "own tenant".to_owned());
    finding
}
