//! Values that make a branch of a policy true.
//!
//! A row that satisfies `status = 'open'` is what shows that `tenant = … OR status = 'open'` leaks. What cannot be
//! read is left out: the branch then has no row of its own, and nothing is claimed of it.

use super::expression::{bare, disjuncts, split};

/// SQL NULL among values that are texts: no text of Postgres holds this character.
pub(in crate::hunt) const NULL: &str = "\0";

/// A column, and a value that makes a condition on it true.
pub(in crate::hunt) type Assignment = (String, String);

/// The assignments of each branch that needs some; `columns` are those of the policy's own table.
pub(in crate::hunt) fn branches(expression: &str, columns: &[String]) -> Vec<Vec<Assignment>> {
    let mut found: Vec<Vec<Assignment>> = Vec::new();
    for branch in disjuncts(expression) {
        let assignments: Vec<Assignment> = branch.iter().filter_map(|atom| assignment(atom, columns)).collect();
        if !assignments.is_empty() && !found.contains(&assignments) {
            found.push(assignments);
        }
    }
    found
}

fn assignment(atom: &str, columns: &[String]) -> Option<Assignment> {
    let atom = bare(atom);
    let is = |name: &str, value: &str| {
        let name = name.trim().trim_matches('"');
        let name = bare(name).split("::").next().unwrap_or_default().trim_matches(['(', ')', '"']);
        columns.iter().find(|column| *column == name).map(|column| (column.clone(), value.to_owned()))
    };
    if let Some(name) = atom.strip_suffix(" IS NULL") {
        return is(name, NULL);
    }
    if let Some(name) = atom.strip_prefix("NOT ") {
        return is(name, "false");
    }
    if let Some(known) = is(atom, "true").filter(|_| !atom.contains(' ')) {
        return Some(known);
    }
    for operator in [" = ANY ", " ~~ ", " >= ", " <= ", " = ", " > ", " < "] {
        let [left, right] = split(atom, operator)[..] else { continue };
        let (name, other, turned) = match (is(left, ""), is(right, "")) {
            (Some((name, _)), None) => (name, right, false),
            (None, Some((name, _))) => (name, left, true),
            _ => return None,
        };
        let value = satisfying(operator.trim(), other, turned)?;
        return Some((name, value));
    }
    None
}

/// A value on the left of the operator that holds with this on its right; `turned` if they stand the other way round.
/// Only constants and the present moment are understood.
fn satisfying(operator: &str, other: &str, turned: bool) -> Option<String> {
    let other = bare(other);
    let is_now = other.starts_with("now()") || other.starts_with("CURRENT_");
    let is_constant = other.starts_with(['\'', '-']) || other.starts_with("ARRAY['") || other.starts_with("('{");
    let number = other.split("::").next().and_then(|text| text.trim_matches(['(', ')', '\'']).parse::<i64>().ok());
    if !(is_now || is_constant || number.is_some()) {
        return None;
    }
    let above = match operator {
        ">" | ">=" => !turned,
        "<" | "<=" => turned,
        _ => {
            let text = literal(other).map(|text| text.replace(['%', '{'], ""));
            let first = text.and_then(|text| text.split([',', '}']).next().map(str::to_owned));
            return first.or(number.map(|number| number.to_string()));
        }
    };
    Some(match (number, above) {
        (Some(number), true) => number.saturating_add(1).to_string(),
        (Some(number), false) => number.saturating_sub(1).to_string(),
        // Now, or a day: far after or long before it.
        (None, true) => "2999-01-01".to_owned(),
        (None, false) => "1999-01-01".to_owned(),
    })
}

/// The first quoted literal.
fn literal(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('\'')?;
    rest.split_once('\'').map(|(text, _)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str) -> Vec<Vec<Assignment>> {
        let columns = ["tid", "status", "is_public", "seats", "until", "deleted_at"].map(str::to_owned);
        branches(expression, &columns)
    }

    fn pair(name: &str, value: &str) -> Assignment {
        (name.to_owned(), value.to_owned())
    }

    /// Each branch that names a column of the table has the values that make it true, in the forms that Postgres prints.
    #[test]
    fn branches_are_satisfied() {
        for (expression, wanted) in [
            ("((tid = ( SELECT ctx() AS ctx)) OR (status = 'open'::text))", vec![vec![pair("status", "open")]]),
            ("(is_public OR (NOT is_public))", vec![vec![pair("is_public", "true")], vec![pair("is_public", "false")]]),
            ("(tid IS NULL)", vec![vec![pair("tid", NULL)]]),
            (
                "((seats > 3) AND ((status)::text = 'a OR b'::text))",
                vec![vec![pair("seats", "4"), pair("status", "a OR b")]],
            ),
            ("(until > now())", vec![vec![pair("until", "2999-01-01")]]),
            ("(now() > until)", vec![vec![pair("until", "1999-01-01")]]),
            ("(status = ANY (ARRAY['x'::text, 'y'::text]))", vec![vec![pair("status", "x")]]),
            ("(status ~~ 'pub%'::text)", vec![vec![pair("status", "pub")]]),
            (
                "((is_public OR (seats = 1)) AND (deleted_at IS NULL))",
                vec![
                    vec![pair("is_public", "true"), pair("deleted_at", NULL)],
                    vec![pair("seats", "1"), pair("deleted_at", NULL)],
                ],
            ),
            ("(tid = (NULLIF(current_setting('app.t'::text, true), ''::text))::uuid)", vec![]),
            ("true", vec![]),
        ] {
            assert_eq!(of(expression), wanted, "{expression}");
        }
    }

    /// What is no expression gives nothing, and no panic.
    #[test]
    fn anything_is_read() {
        for text in ["", "(", "')", "((a) OR", "é = 'x", " OR  OR ", "NOT "] {
            assert!(of(text).len() <= 1, "{text}");
        }
    }
}
