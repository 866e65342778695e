//! Numbers as people read them: thousands marks, units, significant digits. Sentences of every room use these.

/// A count with thousands marks: `12,345`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 row`, `12,345 rows`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(n))
}

/// A length of time in three significant digits and the unit that suits it: `850 µs`, `12.4 ms`, `6 s`, `2 min 5 s`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..999_500 => format!("{} ms", digits(us as f64 / 1e3)),
        999_500..60_000_000 => format!("{} s", digits(us as f64 / 1e6)),
        _ => {
            let s = us.saturating_add(500_000) / 1_000_000;
            match (s / 3_600, s / 60 % 60, s % 60) {
                (0, min, 0) => format!("{min} min"),
                (0, min, s) => format!("{min} min {s} s"),
                (h, min, _) => format!("{} h {min} min", count(h)),
            }
        }
    }
}

/// A moment of the run: `2.31 s`. Never changes its unit, so that a column of them can be compared.
pub(crate) fn moment(us: u64) -> String {
    format!("{:.2} s", us as f64 / 1e6)
}

/// A share as percentage in three significant digits: `0.0242%`, `3.1%`, `42%`.
pub(crate) fn share(share: f64) -> String {
    percent(share, f64::round)
}

/// A share that is an upper bound: rounded up, so that the printed bound still is one.
pub(crate) fn upper_share(share: f64) -> String {
    percent(share, f64::ceil)
}

fn percent(share: f64, round: fn(f64) -> f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() || percent <= 0.0 {
        return "0%".to_owned();
    }
    // Decimals that leave three significant digits; a percentage of 100 needs none.
    let decimals = (2.0 - percent.log10().floor()).clamp(0.0, 15.0) as usize;
    let scale = 10f64.powi(decimals as i32);
    // A millionth of the last digit is noise of binary fractions, not a reason to round up.
    let rounded = round(percent * scale - 1e-6) / scale;
    format!("{}%", trim_zeros(&format!("{rounded:.decimals$}")))
}

/// Three significant digits without trailing zeros: `12.4`, `6`, `0.25`.
pub(crate) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

/// A number with at most three decimals.
pub(crate) fn trimmed(value: f64) -> String {
    trim_zeros(&format!("{value:.3}")).to_owned()
}

fn trim_zeros(fixed: &str) -> &str {
    if fixed.contains('.') { fixed.trim_end_matches('0').trim_end_matches('.') } else { fixed }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers read as a person would write them, at every change of unit.
    #[test]
    fn numbers_have_marks_and_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([plural(0, "row"), plural(1, "row"), plural(2, "row")], ["0 rows", "1 row", "2 rows"]);
        let shown = [0, 850, 1_000, 12_400, 999_499, 999_500, 6_000_000, 59_940_000, 125_000_000, 120_000_000];
        let expected = ["0 µs", "850 µs", "1 ms", "12.4 ms", "999 ms", "1 s", "6 s", "59.9 s", "2 min 5 s", "2 min"];
        assert_eq!(shown.map(duration), expected);
        assert_eq!(duration(7_260_000_000), "2 h 1 min");
        assert_eq!([0.5, 0.125, 12.0].map(trimmed), ["0.5", "0.125", "12"]);
    }

    /// A printed upper bound is never below the bound, and an ordinary share is rounded to the nearest.
    #[test]
    fn bounds_round_up_and_shares_to_the_nearest() {
        assert_eq!([0.000_242_1, 0.001_230_1, 2.995_7e-6].map(upper_share), ["0.0243%", "0.124%", "0.0003%"]);
        assert_eq!([0.05, 0.995, 0.999_91].map(upper_share), ["5%", "99.5%", "100%"]);
        assert_eq!([0.0, 0.000_242_1, 0.031, 0.42, 1.0].map(share), ["0%", "0.0242%", "3.1%", "42%", "100%"]);
        assert_eq!([f64::NAN, -1.0].map(share), ["0%", "0%"]);
    }
}
