//! F30: settings whose names differ by a slip of the finger, of which one is never set.

/// Pairs of names that are nearly the same: one edit in five characters, and two at most.
pub(in crate::hunt) fn near_duplicates(names: &[String]) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    for (place, one) in names.iter().enumerate() {
        for other in &names[place + 1..] {
            let distance = strsim::damerau_levenshtein(one, other);
            let numbered = one.trim_end_matches(|c: char| c.is_ascii_digit())
                == other.trim_end_matches(|c: char| c.is_ascii_digit());
            if (1..=2).contains(&distance) && distance * 5 <= one.len().min(other.len()) && !numbered {
                pairs.push((one.as_str(), other.as_str()));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_near(one: &str, other: &str) -> bool {
        !near_duplicates(&[one.to_owned(), other.to_owned()]).is_empty()
    }

    /// A slip is found; names that are meant to differ are left alone.
    #[test]
    fn slips_are_told_from_names() {
        for (one, other) in [
            ("app.tenant_id", "app.tenantid"),
            ("app.tenant_id", "app.tenant_ID"),
            ("request.jwt.claim", "request.jwt.claims"),
            ("app.tenant_id", "app.tenatn_id"),
        ] {
            assert!(are_near(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("app.tenant_id", "app.user_id"),
            ("app.a", "app.b"),
            ("app.tenant_id", "app.tenant_id"),
            ("app.region1", "app.region2"),
            ("app.role", "app.mode"),
        ] {
            assert!(!are_near(one, other), "{one} {other}");
        }
    }
}
