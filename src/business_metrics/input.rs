//! What a model is given, checked, and what is wrong with it, by name.

/// The largest amount that a model may return: what [`super::MicroDollars`] can count.
pub(super) const MAX_USD: f64 = 9.2e12;

/// An input that a model cannot be asked with. Names the key.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct InputError {
    /// The input, such as `records_per_tenant`, or an assumption's key.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: InputProblem,
}

/// What is wrong with an input.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InputProblem {
    /// NaN or an infinity.
    #[error("is not a finite number")]
    NotFinite,
    /// Below zero.
    #[error("must not be negative: {0}")]
    Negative(f64),
    /// Zero, where that means nothing.
    #[error("must not be zero")]
    Zero,
    /// Above one, where one is all.
    #[error("is a share and must not exceed 1: {0}")]
    AboveOne(f64),
    /// So large that the result is beyond what can be counted.
    #[error("is so large that the result exceeds $9.2 trillion: {0:.3e}")]
    TooLarge(f64),
    /// More than a simulation should be asked for.
    #[error("is more than can be simulated: {0:.3e}")]
    TooMany(f64),
    /// A range whose ends are not where they should be.
    #[error("needs low <= mode <= high: {low}, {mode}, {high}")]
    OutOfOrder {
        /// Lowest.
        low: f64,
        /// Most plausible.
        mode: f64,
        /// Highest.
        high: f64,
    },
}

impl InputProblem {
    pub(super) fn of(self, key: &'static str) -> InputError {
        InputError { key, problem: self }
    }
}

/// A finite number of zero or more.
pub(super) fn amount(key: &'static str, value: f64) -> Result<f64, InputError> {
    match value {
        value if !value.is_finite() => Err(InputProblem::NotFinite.of(key)),
        value if value < 0.0 => Err(InputProblem::Negative(value).of(key)),
        value => Ok(value),
    }
}

/// A finite number above zero.
pub(super) fn positive(key: &'static str, value: f64) -> Result<f64, InputError> {
    match amount(key, value)? {
        0.0 => Err(InputProblem::Zero.of(key)),
        value => Ok(value),
    }
}

/// A number between zero and one.
pub(super) fn share(key: &'static str, value: f64) -> Result<f64, InputError> {
    match amount(key, value)? {
        value if value > 1.0 => Err(InputProblem::AboveOne(value).of(key)),
        value => Ok(value),
    }
}

/// A result in dollars; `key` is the input that drives it, `value` what it was.
pub(super) fn dollars(key: &'static str, value: f64, usd: f64) -> Result<f64, InputError> {
    if usd.is_finite() && usd.abs() <= MAX_USD { Ok(usd) } else { Err(InputProblem::TooLarge(value).of(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of bad number is refused with its key and its reason, and good ones come back unchanged.
    #[test]
    fn bad_inputs_are_named() {
        assert_eq!((amount("n", 0.0), positive("n", 2.0), share("p", 1.0)), (Ok(0.0), Ok(2.0), Ok(1.0)));
        let said = |result: Result<f64, InputError>| result.unwrap_err().to_string();
        assert_eq!(said(amount("minutes", -3.0)), "`minutes` must not be negative: -3");
        assert_eq!(said(amount("minutes", f64::NAN)), "`minutes` is not a finite number");
        assert_eq!(said(positive("records", 0.0)), "`records` must not be zero");
        assert_eq!(said(share("severity", 1.5)), "`severity` is a share and must not exceed 1: 1.5");
        assert!(said(dollars("records", 1e300, f64::INFINITY)).starts_with("`records` is so large"));
        assert!(dollars("records", 1.0, 9.3e12).is_err() && dollars("records", 1.0, -9.1e12).is_ok());
    }
}
