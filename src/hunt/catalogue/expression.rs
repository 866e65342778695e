//! The boolean structure of a policy's condition, as Postgres prints it.

/// A condition has at most this many branches that are looked at.
pub(in crate::hunt) const MOST_BRANCHES: usize = 16;

/// The conjunctions whose disjunction the expression is.
pub(in crate::hunt) fn disjuncts(expression: &str) -> Vec<Vec<String>> {
    let text = bare(expression);
    let any = split(text, " OR ");
    if any.len() > 1 {
        let mut all: Vec<Vec<String>> = any.into_iter().flat_map(disjuncts).collect();
        all.truncate(MOST_BRANCHES);
        return all;
    }
    let every = split(text, " AND ");
    if every.len() == 1 {
        return arms(text).map_or_else(|| vec![vec![text.to_owned()]], |arms| of_arms(&arms));
    }
    let mut product: Vec<Vec<String>> = vec![Vec::new()];
    for part in every {
        let part = disjuncts(part);
        product = product
            .iter()
            .flat_map(|left| part.iter().map(move |right| [left.clone(), right.clone()].concat()))
            .collect();
        product.truncate(MOST_BRANCHES);
    }
    product
}

/// Without the parentheses around the whole.
pub(in crate::hunt) fn bare(text: &str) -> &str {
    let mut text = text.trim();
    while text.starts_with('(') && closing(text) == Some(text.len() - 1) {
        text = text[1..text.len() - 1].trim();
    }
    text
}

/// Where the parenthesis at the start is closed.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Splits at a separator that stands outside of parentheses and quotes.
pub(in crate::hunt) fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let (mut depth, mut quoted, mut start) = (0usize, false, 0);
    let mut parts = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b' ' if !quoted && depth == 0 && at >= start && text[at..].starts_with(separator) => {
                parts.push(&text[start..at]);
                start = at + separator.len();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// An arm of a CASE: when, then.
type Arm = (Option<String>, String);

/// What a CASE stands for: each arm with its own condition and without those before it.
fn of_arms(arms: &[Arm]) -> Vec<Vec<String>> {
    let (mut all, mut before): (Vec<Vec<String>>, Vec<String>) = (Vec::new(), Vec::new());
    for (when, then) in arms {
        let whens = when.as_deref().map_or_else(|| vec![vec![]], disjuncts);
        let thens = match bare(then) {
            "true" => vec![vec![]],
            "false" | "NULL::boolean" => vec![],
            then => disjuncts(then),
        };
        let pairs = whens.iter().flat_map(|when| thens.iter().map(move |then| (when, then)));
        all.extend(pairs.map(|(when, then)| [before.clone(), when.clone(), then.clone()].concat()));
        before.extend(when.as_ref().map(|when| format!("NOT ({when})")));
    }
    all.truncate(MOST_BRANCHES);
    if all.is_empty() { vec![vec!["false".to_owned()]] } else { all }
}

/// The arms of a text that is one CASE with conditions; the one of ELSE has none.
fn arms(text: &str) -> Option<Vec<Arm>> {
    let words = words(text);
    let mut depth = 0usize;
    // Keywords of the outermost CASE: word, where it begins.
    let mut marks = Vec::new();
    for (word, at) in words {
        depth += usize::from(word == "CASE");
        if depth == 1 && ["CASE", "WHEN", "THEN", "ELSE", "END"].contains(&word) {
            marks.push((word, at));
        }
        depth = depth.checked_sub(usize::from(word == "END"))?;
    }
    let is_whole = marks.first()? == &("CASE", 0) && marks.last()? == &("END", text.len() - "END".len());
    // CASE value WHEN …: what it compares is not put together here.
    let has_conditions = marks.get(1)?.0 == "WHEN" && text["CASE".len()..marks[1].1].trim().is_empty();
    if depth != 0 || !is_whole || !has_conditions {
        return None;
    }
    let (mut arms, mut when) = (Vec::new(), None);
    for pair in marks.windows(2) {
        let [(word, at), (_, end)] = pair else { continue };
        let part = text[at + word.len()..*end].trim().to_owned();
        match *word {
            "WHEN" => when = Some(part),
            "THEN" => arms.push((Some(when.take()?), part)),
            "ELSE" => arms.push((None, part)),
            _ => {}
        }
    }
    Some(arms)
}

/// Words outside of parentheses and quotes, and where each begins.
fn words(text: &str) -> Vec<(&str, usize)> {
    let (mut depth, mut quoted, mut start) = (0usize, false, None);
    let mut words = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        let is_part = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        if is_part && !quoted && depth == 0 {
            start.get_or_insert(at);
            continue;
        }
        words.extend(start.take().map(|start| (&text[start..at], start)));
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    words.extend(start.map(|start| (&text[start..], start)));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str) -> Vec<String> {
        disjuncts(expression).into_iter().map(|branch| branch.join(" & ")).collect()
    }

    /// A CASE reads as the branches that it stands for: what denies is none.
    #[test]
    fn a_case_has_branches() {
        for (expression, wanted) in [
            ("CASE\n    WHEN (a = ''::text) THEN false\n    ELSE (t = a)\nEND", vec!["NOT ((a = ''::text)) & t = a"]),
            (
                "CASE\n    WHEN (a = 'x'::text) THEN true\n    WHEN (b AND c) THEN d\n    ELSE (t = a)\nEND",
                vec![
                    "a = 'x'::text",
                    "NOT ((a = 'x'::text)) & b & c & d",
                    "NOT ((a = 'x'::text)) & NOT ((b AND c)) & t = a",
                ],
            ),
            ("CASE WHEN a THEN CASE WHEN b THEN c ELSE false END ELSE NULL::boolean END", vec!["a & b & c"]),
            ("(x AND CASE WHEN a THEN true ELSE b END)", vec!["x & a", "x & NOT (a) & b"]),
            ("CASE WHEN a THEN false END", vec!["false"]),
            ("CASE a WHEN 1 THEN true ELSE false END", vec!["CASE a WHEN 1 THEN true ELSE false END"]),
            ("(CASE WHEN a THEN 1 ELSE 2 END = 1)", vec!["CASE WHEN a THEN 1 ELSE 2 END = 1"]),
        ] {
            assert_eq!(of(expression), wanted, "{expression}");
        }
    }

    /// What is no expression is one condition, and no panic.
    #[test]
    fn anything_is_read() {
        for text in
            ["CASE", "END", "CASE END", "CASE WHEN", "CASE WHEN a THEN b", "END CASE WHEN x", "CASE WHEN a ELSE b END"]
        {
            assert_eq!(of(text).len(), 1, "{text}");
        }
    }
}
