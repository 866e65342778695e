//! What a mistyped word may have been meant to be.

/// The candidate that is close enough to be a typing mistake, if there is one.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // Long words cost time, and nobody mistypes a key into a kilobyte.
    if word.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let longer = word.chars().count().max(candidate.chars().count());
            // One slip in three letters.
            *distance <= longer.div_ceil(3) && *distance < longer
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean ...?", or the candidates when none is close and they are few.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(candidate) = closest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{candidate}`?"));
    }
    let quoted: Vec<String> = candidates.iter().map(|candidate| format!("`{candidate}`")).collect();
    match quoted.as_slice() {
        [] => None,
        [only] => Some(format!("only {only} can stand here")),
        [rest @ .., last] => Some(format!("use {} or {last}", rest.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slips are recognised; a word that resembles nothing lists what there is instead of a wild guess.
    #[test]
    fn slips_are_recognised_and_wild_guesses_are_not_made() {
        let keys = ["seed", "stack", "fleet", "timeout", "acquire_timeout"];
        for (slip, meant) in
            [("sede", "seed"), ("Stack", "stack"), ("timeuot", "timeout"), ("aquire_timeout", "acquire_timeout")]
        {
            assert_eq!(closest(slip, keys), Some(meant), "{slip}");
        }
        assert_eq!(closest("x", ["a"]), None);
        assert_eq!(did_you_mean("zzz", ["seed", "stack"]).unwrap(), "use `seed` or `stack`");
        assert_eq!(did_you_mean("zzz", []), None);
    }
}
