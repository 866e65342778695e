//! F18 and F22: branches of a policy's condition that ask for no tenant.
//!
//! `tenant = … AND draft OR public` reads as if the tenant were asked for in both cases, and is not. What calls a
//! function of the schema or looks at another table may ask there, so nothing is claimed of it.

/// Functions and forms that know no tenant, in lower case.
const BLIND: [&str; 24] = [
    "abs",
    "any",
    "btrim",
    "char_length",
    "coalesce",
    "current_setting",
    "date_part",
    "date_trunc",
    "greatest",
    "has",
    "in",
    "least",
    "left",
    "length",
    "lower",
    "not",
    "now",
    "nullif",
    "numeric",
    "or",
    "pg_has_role",
    "split_part",
    "upper",
    "varying",
];

/// The branch, and the mode of what is wrong with it.
pub(in crate::hunt) fn open_branches(
    branches: &[Vec<String>],
    columns: &[String],
    tenant_columns: &[String],
) -> Vec<(&'static str, String)> {
    if branches.len() < 2 {
        return Vec::new();
    }
    let texts: Vec<String> = branches.iter().map(|branch| branch.join(" AND ")).collect();
    let is_tenants = |text: &str| tenant_columns.iter().any(|column| has_word(text, column)) || asks_context(text);
    if !texts.iter().any(|text| is_tenants(text) || looks_elsewhere(text)) {
        return Vec::new();
    }
    let wrong = |text: &String| {
        let own = columns.iter().any(|column| has_word(text, column));
        match (looks_elsewhere(text), asks_context(text), own) {
            (true, ..) => None,
            // A flag is F20's.
            (_, true, false) if !is_flag(text) => Some("F18"),
            (_, false, true) if !is_tenants(text) => Some("F22"),
            _ => None,
        }
    };
    texts.iter().filter_map(|text| wrong(text).map(|mode| (mode, text.clone()))).collect()
}

fn asks_context(text: &str) -> bool {
    let text = text.to_lowercase();
    ["current_setting(", "current_user", "session_user", "pg_has_role("].iter().any(|word| text.contains(word))
}

/// A setting that equals a literal.
fn is_flag(text: &str) -> bool {
    text.contains("current_setting(") && text.contains(" = '") && !text.contains("= ''") && !text.contains("IS NULL")
}

/// Whether it reads a table or calls a function that may.
fn looks_elsewhere(text: &str) -> bool {
    let mut before = String::new();
    for c in outside_of_quotes(text).chars() {
        if c == '(' {
            let word: String = before.chars().rev().take_while(|c| c.is_alphanumeric() || "_.".contains(*c)).collect();
            let word: String = word.chars().rev().collect::<String>().to_lowercase();
            if !word.is_empty() && !BLIND.contains(&word.as_str()) {
                return true;
            }
        }
        before.push(c);
    }
    has_word(text, "SELECT")
}

fn outside_of_quotes(text: &str) -> String {
    text.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    outside_of_quotes(text).split(|c| !is_part(c)).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modes(branches: &[&[&str]]) -> Vec<&'static str> {
        let branches: Vec<Vec<String>> =
            branches.iter().map(|branch| branch.iter().map(|atom| (*atom).to_owned()).collect()).collect();
        let columns = ["tenant_id", "status", "is_public"].map(str::to_owned);
        open_branches(&branches, &columns, &columns[..1]).into_iter().map(|(mode, _)| mode).collect()
    }

    const MINE: &str = "tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid";

    /// A branch without the tenant is found beside one that has it, and so is one that does not look at the row.
    #[test]
    fn branches_without_tenant_are_found() {
        assert_eq!(modes(&[&[MINE, "status = 'draft'::text"], &["status = 'notice'::text"]]), ["F22"]);
        assert_eq!(modes(&[&[MINE], &["is_public"]]), ["F22"]);
        assert_eq!(modes(&[&[MINE], &["CURRENT_USER = SESSION_USER"]]), ["F18"]);
        assert_eq!(modes(&[&[MINE], &["NOT pg_has_role(CURRENT_USER, 'tenant'::name, 'USAGE'::text)"]]), ["F18"]);
    }

    /// What asks for the tenant, may ask elsewhere, is a flag, or stands alone is left alone.
    #[test]
    fn others_are_left_alone() {
        assert!(modes(&[&["is_public"]]).is_empty());
        assert!(modes(&[&["is_public"], &["status = 'open'::text"]]).is_empty());
        assert!(modes(&[&[MINE], &["auth.is_admin()"]]).is_empty());
        assert!(modes(&[&[MINE], &["EXISTS ( SELECT 1 FROM shares s WHERE s.id = status)"]]).is_empty());
        assert!(modes(&[&[MINE], &["current_setting('app.bypass'::text, true) = 'on'::text"]]).is_empty());
        assert!(modes(&[&[MINE], &["tenant_id = '00000000-0000-0000-0000-000000000001'::uuid"]]).is_empty());
        assert!(modes(&[&[MINE], &["status = 'is_public('::text", MINE]]).is_empty());
    }
}
