//! F73: holes of the server itself that reach past row security, by the minor version that closed them.
//!
//! Source: the PostgreSQL project's security page and release notes.

/// A hole, and the first minor version of each major version without it. A major version that is not named and is older
/// than the newest named one has it; one that is newer never had it.
struct Hole {
    cve: &'static str,
    what: &'static str,
    fixed: &'static [(u32, u32)],
    /// Major versions before this one never had it.
    since: u32,
}

const HOLES: &[Hole] = &[
    Hole {
        cve: "CVE-2017-15099",
        what: "INSERT ... ON CONFLICT DO UPDATE passed by policies",
        fixed: &[(10, 1)],
        since: 10,
    },
    Hole {
        cve: "CVE-2019-10130",
        what: "selectivity estimators gave hidden values to leaky operators",
        fixed: &[(10, 8), (11, 3)],
        since: 10,
    },
    Hole {
        cve: "CVE-2023-2455",
        what: "policies ignored a change of user after inlining",
        fixed: &[(11, 20), (12, 15), (13, 11), (14, 8), (15, 3)],
        since: 10,
    },
    Hole { cve: "CVE-2023-39418", what: "MERGE passed by UPDATE and SELECT policies", fixed: &[(15, 4)], since: 15 },
    Hole {
        cve: "CVE-2024-10976",
        what: "row security below sub-queries ignored a change of user",
        fixed: &[(12, 21), (13, 17), (14, 14), (15, 9), (16, 5), (17, 1)],
        since: 10,
    },
    Hole {
        cve: "CVE-2025-8713",
        what: "statistics leaked through views, partitions and children",
        fixed: &[(13, 22), (14, 19), (15, 14), (16, 10), (17, 6)],
        since: 10,
    },
];

/// The holes of a server, by its `server_version_num` (`150002` is 15.2), each in a sentence, with the version to go to.
pub(in crate::hunt) fn holes(version_num: i32) -> Vec<(String, String)> {
    let Ok(number) = u32::try_from(version_num) else { return Vec::new() };
    let (major, minor) = (number / 10_000, number % 10_000);
    let open = HOLES.iter().filter_map(|hole| {
        let newest = hole.fixed.iter().map(|(major, _)| *major).max()?;
        let fixed = hole.fixed.iter().find(|(of, _)| *of == major).map(|(_, minor)| *minor);
        let is_open = match fixed {
            Some(fixed) => minor < fixed,
            None => major < newest,
        };
        let to = fixed.map_or_else(|| "a supported major version".to_owned(), |minor| format!("{major}.{minor}"));
        (major >= hole.since && is_open).then(|| (format!("{}: {}", hole.cve, hole.what), to))
    });
    open.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cves(version_num: i32) -> Vec<String> {
        let all = holes(version_num).into_iter();
        all.map(|(text, to)| format!("{} {to}", text.split(':').next().unwrap_or_default())).collect()
    }

    /// A hole is there before the version that closed it and gone from it on; majors that never had it are left alone.
    #[test]
    fn versions_are_compared() {
        assert_eq!(
            cves(150_002),
            ["CVE-2023-2455 15.3", "CVE-2023-39418 15.4", "CVE-2024-10976 15.9", "CVE-2025-8713 15.14"]
        );
        assert_eq!(cves(150_013), ["CVE-2025-8713 15.14"]);
        assert!(cves(150_014).is_empty() && cves(170_006).is_empty() && cves(180_000).is_empty());
        assert_eq!(cves(160_004), ["CVE-2024-10976 16.5", "CVE-2025-8713 16.10"]);
        assert_eq!(cves(100_000).len(), 5);
        assert!(cves(110_022).contains(&"CVE-2024-10976 a supported major version".to_owned()));
        assert!(cves(-1).is_empty());
    }
}
