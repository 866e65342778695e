//! `--baseline`: known findings, by fingerprint, each with the reason why it is accepted.

use serde::Deserialize;

use crate::hunt::report::HuntReport;

/// A list of accepted findings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The accepted findings.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
}

/// One accepted finding.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The finding's fingerprint, from hunt.json.
    pub fingerprint: String,
    /// Why it is accepted.
    pub reason: String,
}

impl Baseline {
    /// Reads it.
    ///
    /// # Errors
    /// The parser's message, or which entry has no reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let baseline: Baseline = toml::from_str(text).map_err(|error| error.to_string())?;
        match baseline.accepted.iter().find(|accepted| accepted.reason.trim().is_empty()) {
            Some(accepted) => Err(format!("{} is accepted without a reason", accepted.fingerprint)),
            None => Ok(baseline),
        }
    }

    /// Marks what is accepted. Returns fingerprints that no finding has: they can be taken out.
    pub fn apply(&self, report: &mut HuntReport) -> Vec<String> {
        let mut unused = Vec::new();
        for Accepted { fingerprint, reason } in &self.accepted {
            let mut known = false;
            for finding in report.findings.iter_mut().filter(|finding| finding.fingerprint == *fingerprint) {
                finding.accepted = Some(reason.clone());
                known = true;
            }
            if !known {
                unused.push(fingerprint.clone());
            }
        }
        unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is accepted without a reason, and an unknown key is refused.
    #[test]
    fn a_reason_is_needed() {
        let entry = "[[accepted]]\nfingerprint = 'abc'\n";
        assert!(Baseline::parse(&format!("{entry}reason = ' '")).unwrap_err().contains("abc"));
        assert!(Baseline::parse(entry).is_err() && Baseline::parse("accept = []").is_err());
        assert_eq!(Baseline::parse(&format!("{entry}reason = 'public by design'")).unwrap().accepted.len(), 1);
    }
}
