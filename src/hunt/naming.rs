//! Which failure mode a leak is: what the probe means by itself, told apart by what the audit says of the same object and
//! by whose rows came back.

use super::finding::Finding;
use super::probe::{Probe, Seen};
use super::seeding::Tenant;

/// A leak of a table's own policies is named after what the audit says of them, where it says something.
pub(super) fn mode(audited: &[Finding], probe: &Probe, seen: &Seen) -> &'static str {
    const PREDICATES: [&str; 16] = [
        "F03", "F04", "F07", "F08", "F18", "F19", "F20", "F21", "F22", "F23", "F24", "F25", "F26", "F28", "F31", "F32",
    ];
    let says = |mode: &str| audited.iter().any(|finding| finding.object == probe.object && finding.mode == mode);
    if matches!(probe.mode, "F34" | "F36" | "F38") && says("F37") {
        return "F37";
    }
    // Where a context is left over, rows of its own tenant say that it is: rows of both say that none is asked for.
    let shows = |of: Tenant| seen.rows.iter().any(|(row, _)| of.is_in(row));
    let is_open = probe.mode == "F55" && shows(Tenant::A) && shows(Tenant::B);
    // Who never said a tenant and sees one's rows has a tenant by default.
    if probe.mode == "F18" && probe.state == "never set" && shows(Tenant::A) != shows(Tenant::B) {
        return "F60";
    }
    if !is_open && !matches!(probe.mode, "F01" | "F15" | "F16") {
        return probe.mode;
    }
    let said = audited.iter().filter(|finding| finding.object == probe.object);
    let mode = said.map(|finding| finding.mode.as_str()).find(|mode| PREDICATES.contains(mode));
    let otherwise = if is_open { "F57" } else { probe.mode };
    mode.and_then(|mode| PREDICATES.into_iter().find(|known| *known == mode)).unwrap_or(otherwise)
}
