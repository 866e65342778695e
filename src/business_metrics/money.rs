//! Exact money: integer micro-dollars.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

use serde::{Deserialize, Serialize};

use crate::wording::count;

const MICROS: u64 = 1_000_000;
/// From here on cents are noise.
const WHOLE_DOLLARS_FROM: u64 = 1_000 * MICROS;

/// An amount of US dollars in millionths, exact under addition. Saturates at the ends of `i64` (±9.2 trillion dollars).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct MicroDollars(pub i64);

impl MicroDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount, in which sums and prices saturate.
    pub const MAX: Self = Self(i64::MAX);

    /// Rounds a model's result once, half away from zero. A NaN is zero.
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * MICROS as f64).round() as i64)
    }

    /// The amount in dollars.
    pub fn usd(self) -> f64 {
        self.0 as f64 / MICROS as f64
    }
}

impl Add for MicroDollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for MicroDollars {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for MicroDollars {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for MicroDollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for MicroDollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for MicroDollars {
    /// Dollars with thousands marks, and cents only where they matter: `$1,200,000`, `$8,002`, `$95`, `-$199.60`,
    /// `$0.12`; below a cent two significant digits, `$0.0042`, so that a small amount never reads as none. From
    /// $1,000 on rounded to the dollar, below that to the cent, half away from zero. Honours width and alignment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let decimals = decimals(micros);
        let unit = 10u64.pow(6 - decimals);
        // In units of the last digit that is shown.
        let rounded = (micros + unit / 2) / unit;
        let (dollars, fraction) = (rounded / 10u64.pow(decimals), rounded % 10u64.pow(decimals));
        let mut text = format!("{sign}${}", count(dollars));
        if fraction > 0 {
            text.push_str(&format!(".{fraction:0width$}", width = decimals as usize));
        }
        f.pad(&text)
    }
}

/// Decimals that are shown.
fn decimals(micros: u64) -> u32 {
    match micros {
        WHOLE_DOLLARS_FROM.. => 0,
        10_000.. => 2,
        1_000.. => 4,
        100.. => 5,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Amounts read as a person would write them, at every change of precision.
    #[test]
    fn amounts_read_as_people_write_them() {
        let shown = |usd| MicroDollars::from_usd(usd).to_string();
        for (usd, text) in [
            (1_200_000.0, "$1,200,000"),
            (8_002.0, "$8,002"),
            (1_734_579.43, "$1,734,579"),
            (999.994, "$999.99"),
            (999.996, "$1,000"),
            (95.0, "$95"),
            (-199.6, "-$199.60"),
            (1.158, "$1.16"),
            (0.12, "$0.12"),
            (0.0042, "$0.0042"),
            (0.000_001, "$0.000001"),
            (0.0, "$0"),
        ] {
            assert_eq!(shown(usd), text, "{usd}");
        }
        assert_eq!(format!("{:>8}|{:<6}|", MicroDollars::from_usd(12.5), MicroDollars::ZERO), "  $12.50|$0    |");
        assert_eq!((MicroDollars::MAX.to_string(), MicroDollars(i64::MIN).to_string()).0, "$9,223,372,036,855");
    }

    proptest! {
        /// Addition is exact and saturates instead of wrapping, and no amount but zero reads as zero.
        #[test]
        fn money_is_exact(a: i64, b: i64) {
            let sum = MicroDollars(a) + MicroDollars(b);
            prop_assert_eq!(i128::from(sum.0), (i128::from(a) + i128::from(b)).clamp(i64::MIN.into(), i64::MAX.into()));
            prop_assert_eq!(MicroDollars(a).to_string().ends_with("$0"), a == 0);
        }
    }
}
