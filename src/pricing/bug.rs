//! Which findings are a planted bug's doing, and which would be there without it.

use crate::oracle::{Finding, Severity};

/// Whether a run plants a bug that was found.
pub(super) fn plants(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.planted)
}

/// Requests that fail or are slow beside a planted bug are its doing, whether the scenario names them or not. A leak or a
/// lost write that the scenario does not name is news even there.
pub(super) fn is_of_the_bug(finding: &Finding, plants: bool) -> bool {
    finding.planted || plants && matches!(finding.severity, Severity::Availability | Severity::Performance)
}
