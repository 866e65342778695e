//! Jain's fairness index.

/// `(sum x)^2 / (n * sum x^2)` over what each party got: 1 if all got the same, `1/n` if one got everything.
///
/// R. Jain, D. Chiu and W. Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource Allocation in
/// Shared Computer Systems" (1984). `None` if there are no parties, or nobody got anything.
pub fn jain(parts: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (n, sum, squares) =
        parts.into_iter().fold((0u64, 0.0, 0.0), |(n, sum, squares), x| (n + 1, sum + x, squares + x * x));
    (squares > 0.0).then(|| (sum * sum / (n as f64 * squares)).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The two ends of the scale, and the two cases that have none.
    #[test]
    fn equal_parts_are_fair_and_one_winner_is_not() {
        assert_eq!(jain([3.0; 8]), Some(1.0));
        assert_eq!(jain([5.0, 0.0, 0.0, 0.0]), Some(0.25));
        assert_eq!((jain([]), jain([0.0, 0.0])), (None, None));
    }

    proptest! {
        /// The index lies between 1/n and 1 and does not depend on the unit.
        #[test]
        fn the_index_has_no_unit(parts in prop::collection::vec(0.0f64..1e6, 1..40), factor in 0.001f64..1e3) {
            let Some(index) = jain(parts.iter().copied()) else { return Ok(()) };
            prop_assert!((1.0 / parts.len() as f64 - 1e-12..=1.0).contains(&index));
            let scaled = jain(parts.iter().map(|x| x * factor)).unwrap();
            prop_assert!((index - scaled).abs() < 1e-9);
        }
    }
}
