//! What one condition of a policy asks, read in the form in which Postgres prints it.

use crate::hunt::catalogue::{bare, split_outside};

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

/// Whether it reads a setting or a role.
pub(super) fn asks_context(text: &str) -> bool {
    let text = text.to_lowercase();
    ["current_setting(", "current_user", "session_user", "pg_has_role("].iter().any(|word| text.contains(word))
}

/// Whether it reads a table or calls a function that may.
pub(super) fn looks_elsewhere(text: &str) -> bool {
    let mut before = String::new();
    for c in outside_of_quotes(text).chars() {
        if c == '(' {
            let word: String =
                before.chars().rev().take_while(|c| c.is_alphanumeric() || "_.\"".contains(*c)).collect();
            let word: String = word.chars().rev().collect::<String>().to_lowercase();
            if !word.is_empty() && !BLIND.contains(&word.as_str()) {
                return true;
            }
        }
        before.push(c);
    }
    has_word(text, "SELECT")
}

/// Whether a name stands in it.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let text = outside_of_quotes(text);
    match word.chars().all(is_part) {
        true => text.split(|c| !is_part(c)).any(|part| part == word),
        false => text.contains(&format!("\"{}\"", word.replace('"', "\"\""))),
    }
}

/// The setting that it compares with a constant, or takes for a truth value: whoever can set it can make it hold.
pub(super) fn flag(atom: &str) -> Option<&str> {
    let atom = bare(atom);
    let is_truth = atom.contains("::boolean");
    let compared = match split_outside(atom, " = ")[..] {
        [left, right] if is_constant(right) => left,
        [left, right] if is_constant(left) => right,
        [whole] if is_truth => whole,
        _ => return None,
    };
    let (before, rest) = compared.split_once("current_setting('")?;
    // An operator means that it is more than the setting.
    let is_plain = before.replace("COALESCE", "").replace("NULLIF", "").chars().all(|c| c == '(');
    rest.split_once('\'').map(|(name, _)| name).filter(|_| is_plain)
}

/// `'on'::text`, `true`; not the empty text, which says that there is no value.
fn is_constant(text: &str) -> bool {
    let text = bare(text);
    let quoted = matches!(text.split('\'').collect::<Vec<_>>()[..], ["", _, after] if after.is_empty() || after.starts_with("::"));
    text == "true" || (quoted && !is_empty(text))
}

fn is_empty(text: &str) -> bool {
    let text = bare(text);
    text.starts_with("''") && text[2..].chars().next().is_none_or(|c| c == ':')
}

/// Whether it holds where no tenant is set: what the session says is missing or empty, or a row's own value stands in
/// for it.
pub(super) fn is_unset(atom: &str, columns: &[String]) -> bool {
    let atom = bare(atom);
    let says_who = |operand: &str| {
        let operand = without_alias(operand);
        let reads_session = operand.to_lowercase().contains("current_setting(") || operand.contains("uid()");
        // A function may have the name of a column.
        let names = operand.replace("uid()", "");
        reads_session && !has_word(&names, "FROM") && !columns.iter().any(|column| has_word(&names, column))
    };
    if let Some(operand) = atom.strip_suffix(" IS NULL") {
        return says_who(operand);
    }
    let [left, right] = split_outside(atom, " = ")[..] else { return false };
    if is_empty(right) || is_empty(left) {
        return says_who(if is_empty(right) { left } else { right });
    }
    // tenant_id = COALESCE(…, tenant_id)
    [(left, right), (right, left)].into_iter().any(|(row, session)| {
        let falls_back =
            bare(session).strip_suffix(')').is_some_and(|text| text.ends_with(&format!(", {}", bare(row))));
        bare(session).starts_with("COALESCE(") && falls_back && session.contains("current_setting(")
    })
}

/// `( SELECT f() AS f)` without the name that Postgres gives its result.
fn without_alias(text: &str) -> String {
    let text = bare(text);
    match text.rsplit_once(" AS ") {
        Some((before, name)) if text.starts_with("SELECT ") && !name.contains(' ') => before.to_owned(),
        _ => text.to_owned(),
    }
}

fn outside_of_quotes(text: &str) -> String {
    text.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A missing context is told from a missing value of the row, in the forms that Postgres prints.
    #[test]
    fn missing_contexts_are_told() {
        let columns = ["tenant_id", "uid", "deleted_at"].map(str::to_owned);
        for unset in [
            "(current_setting('app.t'::text, true) IS NULL)",
            "NULLIF(current_setting('app.t'::text, true), ''::text) IS NULL",
            "(NULLIF(current_setting('app.t'::text, true), ''::text))::uuid IS NULL",
            "COALESCE(current_setting('app.t'::text, true), ''::text) = ''::text",
            "''::text = current_setting('app.t'::text, true)",
            "auth.uid() IS NULL",
            "( SELECT auth.uid() AS uid) IS NULL",
            "tenant_id = COALESCE((NULLIF(current_setting('app.t'::text, true), ''::text))::uuid, tenant_id)",
        ] {
            assert!(is_unset(unset, &columns), "{unset}");
        }
        for set in [
            "tenant_id = (NULLIF(current_setting('app.t'::text, true), ''::text))::uuid",
            "deleted_at IS NULL",
            "current_setting('app.t'::text, true) IS NOT NULL",
            "NOT (current_setting('app.t'::text, true) IS NULL)",
            "current_setting('app.t'::text, true) <> ''::text",
            "COALESCE(current_setting('app.t'::text, true), (tenant_id)::text) IS NULL",
            "( SELECT m.x FROM m WHERE (m.uid = auth.uid())) IS NULL",
        ] {
            assert!(!is_unset(set, &columns), "{set}");
        }
    }

    /// A setting that equals a constant is a flag; one that is empty, or is compared with the row, is none.
    #[test]
    fn flags_are_told() {
        for (atom, setting) in [
            ("(current_setting('app.bypass'::text, true) = 'on'::text)", Some("app.bypass")),
            ("((current_setting('app.bypass'::text, true))::boolean = true)", Some("app.bypass")),
            ("(NULLIF(current_setting('app.bypass'::text, true), ''::text))::boolean", Some("app.bypass")),
            ("COALESCE(current_setting('app.mode'::text, true), 'x'::text) = 'admin'::text", Some("app.mode")),
            ("current_setting('app.t'::text, true) = ''::text", None),
            ("tenant_id = (current_setting('app.t'::text, true))::uuid", None),
            ("status = 'on'::text", None),
            ("((tenant_id)::text || current_setting('app.t'::text, true)) = 'a'::text", None),
        ] {
            assert_eq!(flag(atom), setting, "{atom}");
        }
    }
}
