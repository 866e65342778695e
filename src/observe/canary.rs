//! Canaries: text that names its owner, planted in every seeded row.
//!
//! A canary tells whose a row is even where no tenant column comes back (views, aggregates, error messages).

use crate::scenario::TenantSlug;

const OPEN: &str = "canary:";

/// The canary of one row, such as `canary:growth-3:documents:17;`.
pub fn canary(owner: TenantSlug, table: &str, row: u64) -> String {
    format!("{OPEN}{owner}:{table}:{row};")
}

/// The owner of the first canary in a text, if there is one. Allocates nothing but the parsed slug.
pub fn owner_in(text: &str) -> Option<TenantSlug> {
    let (_, rest) = text.split_once(OPEN)?;
    let (slug, _) = rest.split_once(':')?;
    slug.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A canary names its owner wherever it stands in a text, and text without one names nobody.
    #[test]
    fn a_canary_names_its_owner() {
        let slug: TenantSlug = "enterprise-12".parse().unwrap();
        let text = format!("Quarterly plan {} and more", canary(slug, "documents", 4));
        assert_eq!(owner_in(&text), Some(slug));
        assert_eq!(owner_in("nothing here"), None);
        assert_eq!(owner_in("canary:nobody:documents:1;"), None);
    }
}
