//! A text that a regular expression matches, for CHECK constraints and domains that ask for one. Knows what such
//! constraints use: literals, classes, groups with alternatives, and quantifiers; of each it takes the first choice.

/// A repeated part is written at most this often.
const MOST_REPEATS: usize = 64;

/// A text that the pattern matches; `None` for what it does not know.
pub(super) fn matching(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let pattern = pattern.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(pattern);
    let mut left = pattern.chars().collect::<Vec<_>>().into_iter().peekable();
    let text = alternatives(&mut left, 0)?;
    left.next().is_none().then_some(text)
}

type Left = std::iter::Peekable<std::vec::IntoIter<char>>;

/// The first alternative; the others are read and left out.
fn alternatives(left: &mut Left, depth: usize) -> Option<String> {
    let first = sequence(left, depth)?;
    while left.next_if_eq(&'|').is_some() {
        sequence(left, depth)?;
    }
    Some(first)
}

fn sequence(left: &mut Left, depth: usize) -> Option<String> {
    let mut text = String::new();
    while let Some(&next) = left.peek() {
        if next == '|' || (next == ')' && depth > 0) {
            break;
        }
        left.next();
        let part = match next {
            '(' if depth < 8 => {
                if left.next_if_eq(&'?').is_some() {
                    left.next_if_eq(&':')?;
                }
                let group = alternatives(left, depth + 1)?;
                left.next_if_eq(&')')?;
                group
            }
            '[' => class(left)?.to_string(),
            '.' => "a".to_owned(),
            '\\' => escaped(left.next()?)?.to_string(),
            '(' | ')' | '*' | '+' | '?' | '{' => return None,
            '^' | '$' => String::new(),
            literal => literal.to_string(),
        };
        text.push_str(&part.repeat(repeats(left)?));
    }
    Some(text)
}

fn escaped(letter: char) -> Option<char> {
    match letter {
        'd' => Some('1'),
        'w' => Some('a'),
        's' => Some(' '),
        letter if letter.is_alphanumeric() => None,
        literal => Some(literal),
    }
}

/// The first character of a class, or one that is not in a negated one.
fn class(left: &mut Left) -> Option<char> {
    let negated = left.next_if_eq(&'^').is_some();
    let (mut first, mut members) = (None, String::new());
    loop {
        let member = match left.next()? {
            ']' if first.is_some() => break,
            '\\' => escaped(left.next()?)?,
            '[' if left.next_if_eq(&':').is_some() => {
                let name: String = std::iter::from_fn(|| left.next_if(|c| *c != ':')).collect();
                left.next()?;
                left.next_if_eq(&']')?;
                match name.as_str() {
                    "digit" => '1',
                    "upper" => 'A',
                    "space" => ' ',
                    _ => 'a',
                }
            }
            member => member,
        };
        members.push(member);
        first.get_or_insert(member);
    }
    match negated {
        true => "a1A_ ".chars().find(|c| !members.contains(*c)),
        false => first,
    }
}

/// How often the part before is written: the fewest times that the quantifier allows, but once where it may.
fn repeats(left: &mut Left) -> Option<usize> {
    match left.peek() {
        Some('?' | '*' | '+') => {
            left.next();
            Some(1)
        }
        Some('{') => {
            left.next();
            let bounds: String = std::iter::from_fn(|| left.next_if(|c| *c != '}')).collect();
            left.next()?;
            let fewest: usize = bounds.split(',').next()?.trim().parse().ok()?;
            (fewest <= MOST_REPEATS).then_some(fewest.max(usize::from(bounds.contains(','))))
        }
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What constraints ask for is written; what is not understood is refused, and no panic.
    #[test]
    fn patterns_have_a_text() {
        for (pattern, text) in [
            ("^[A-Z]{2}-[0-9]{4}$", Some("AA-0000")),
            ("^[^@]+@[^@]+\\.[a-z]{2,}$", Some("a@a.aa")),
            ("^(red|green)( dark)?$", Some("red dark")),
            ("^\\d{3}-\\w+$", Some("111-a")),
            ("^[[:upper:]]{3}$", Some("AAA")),
            ("^(?:a|b)$", Some("a")),
            ("(", None),
            ("[", None),
            ("a{", None),
            ("*", None),
            ("\\", None),
            ("^[]a]$", Some("]")),
        ] {
            assert_eq!(matching(pattern).as_deref(), text, "{pattern}");
        }
    }
}
