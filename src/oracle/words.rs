//! Numbers as sentences show them. Reports have their own, below this module in the flow of data.

/// A count with thousands marks: `12,345`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A count and its noun: `1 row`, `12,345 rows`.
pub(super) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A length of time: `850 µs`, `12.4 ms`, `1.25 s`.
pub(super) fn micros(us: f64) -> String {
    match us {
        _ if us < 1e3 => format!("{us:.0} µs"),
        _ if us < 1e6 => format!("{} ms", trimmed(us / 1e3)),
        _ => format!("{} s", trimmed(us / 1e6)),
    }
}

/// A moment of the run: `4.30 s`.
pub(super) fn moment(us: u64) -> String {
    format!("{:.2} s", us as f64 / 1e6)
}

/// A share: `0.024%`, `12.5%`.
pub(super) fn share(share: f64) -> String {
    percent(share, f64::round)
}

/// A share that is an upper bound: rounded up, so that it still is one.
pub(super) fn upper_share(share: f64) -> String {
    percent(share, f64::ceil)
}

/// A number with at most three decimals.
pub(super) fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Three significant digits below 100%.
fn percent(share: f64, round: fn(f64) -> f64) -> String {
    let percent = share * 100.0;
    if percent.is_nan() || percent <= 0.0 {
        return "0%".to_owned();
    }
    let decimals = (2.0 - percent.log10().floor()).clamp(0.0, 15.0) as usize;
    let scale = 10f64.powi(decimals as i32);
    let text = format!("{:.decimals$}", round(percent * scale) / scale);
    match text.contains('.') {
        true => format!("{}%", text.trim_end_matches('0').trim_end_matches('.')),
        false => format!("{text}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers keep their size: no digit is lost to grouping or trimming, and an upper bound is never rounded down.
    #[test]
    fn numbers_read_as_they_are() {
        assert_eq!([count(7), count(1_000), count(12_345_678)], ["7", "1,000", "12,345,678"]);
        assert_eq!([plural(1, "row"), plural(0, "row")], ["1 row", "0 rows"]);
        assert_eq!([micros(850.0), micros(12_400.0), micros(1_250_000.0)], ["850 µs", "12.4 ms", "1.25 s"]);
        assert_eq!([share(0.0), share(0.000_24), share(0.1), share(1.0)], ["0%", "0.024%", "10%", "100%"]);
        assert_eq!([upper_share(0.001_230_1), upper_share(2.995_7e-6)], ["0.124%", "0.0003%"]);
    }
}
