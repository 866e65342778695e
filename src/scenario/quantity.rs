//! Values with their unit: `500ms`, `400/s`, `20%`, `10_000`.

use std::time::Duration;

/// The longest time that the format can say: a year.
pub(super) const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Units of time and their length in nanoseconds.
const TIME_UNITS: [(&str, f64); 6] = [("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3_600e9)];

/// What is wrong with a value, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }
}

/// A number and what follows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Written<'a> {
    pub(super) number: f64,
    /// The number as written, without `_`.
    pub(super) unit: &'a str,
}

/// Reads a number without sign (`12`, `1.5`, `10_000`) and takes the rest as its unit.
pub(super) fn written(text: &str) -> Option<Written<'_>> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let sound = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.ends_with(|c: char| c.is_ascii_digit());
    let number: f64 = digits.replace('_', "").parse().ok()?;
    (sound && number.is_finite()).then_some(Written { number, unit: unit.trim() })
}

/// A length of time of an option, or what is wrong with it and what to write.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    time(text).map_err(|wrong| match wrong.help {
        Some(help) => format!("{}: {help}", wrong.message),
        None => wrong.message,
    })
}

/// A length of time.
pub(super) fn time(text: &str) -> Result<Duration, Wrong> {
    let unknown = |number: &str| {
        Wrong::new(
            format!("`{text}` is no length of time"),
            format!("write a number and us, ms, s, min or h, such as \"{number}ms\""),
        )
    };
    let Some(Written { number, unit }) = written(text) else { return Err(unknown("500")) };
    let Some((_, nanos)) = TIME_UNITS.iter().find(|(name, _)| *name == unit) else {
        let close = match unit {
            "" => {
                let help = format!("write \"{number}ms\" or \"{number}s\"");
                return Err(Wrong::new(format!("`{text}` has no unit"), help));
            }
            "m" => Some("min"),
            "sec" | "secs" | "second" | "seconds" => Some("s"),
            "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => Some("ms"),
            "mins" | "minute" | "minutes" => Some("min"),
            "hour" | "hours" | "hr" => Some("h"),
            other => crate::diagnostics::closest(other, TIME_UNITS.iter().map(|(name, _)| *name)),
        };
        return Err(match close {
            Some(unit) => Wrong::new(format!("`{text}` is no length of time"), format!("write \"{number}{unit}\"")),
            None => unknown(&number.to_string()),
        });
    };
    let nanos = (number * nanos).round();
    if nanos > MAX_TIME.as_nanos() as f64 {
        return Err(Wrong::new(format!("`{text}` is longer than a year"), "nothing here can take that long"));
    }
    Ok(Duration::from_nanos(nanos as u64))
}

/// A share as percentage; 1.0 is 100%.
pub(super) fn share(text: &str) -> Result<f64, Wrong> {
    match written(text) {
        Some(Written { number, unit: "%" }) if number <= 100.0 => Ok(number / 100.0),
        Some(Written { unit: "%", .. }) => Err(Wrong::new(format!("`{text}` is over 100%"), "a share is 0% to 100%")),
        Some(Written { number, unit: "" }) if number <= 1.0 => Err(Wrong::new(
            format!("`{text}` has no unit"),
            format!("a share is a percentage: write \"{}%\"", trimmed(number * 100.0)),
        )),
        Some(Written { number, unit: "" }) if number <= 100.0 => {
            Err(Wrong::new(format!("`{text}` has no unit"), format!("write \"{number}%\"")))
        }
        _ => Err(Wrong::new(format!("`{text}` is no share"), "write a percentage, such as \"20%\"")),
    }
}

/// A rate per second.
pub(super) fn rate(text: &str) -> Result<f64, Wrong> {
    match written(text) {
        Some(Written { number, unit }) if unit.replace(' ', "") == "/s" => Ok(number),
        Some(Written { number, .. }) => {
            Err(Wrong::new(format!("`{text}` is no rate"), format!("write \"{number}/s\" (per second)")))
        }
        None => Err(Wrong::new(format!("`{text}` is no rate"), "write a number per second, such as \"400/s\"")),
    }
}

/// Units of sizes and their number of bytes.
const SIZE_UNITS: [(&str, f64); 7] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];
/// The largest size that the format can say: 1 TB.
const MAX_SIZE: f64 = 1e12;

/// A size in bytes, at least one.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    let unit = |name: &str| SIZE_UNITS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes);
    let Some(Written { number, unit: name }) = written(text) else {
        return Err(Wrong::new(format!("`{text}` is no size"), "write a number and its unit, such as \"64KiB\""));
    };
    let Some(bytes) = unit(name).map(|bytes| (number * bytes).round()) else {
        let close = SIZE_UNITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(known, _)| *known);
        let help = format!("write \"{number}{}\"", close.unwrap_or("KiB"));
        return Err(Wrong::new(format!("`{text}` is no size"), help));
    };
    match bytes {
        ..1.0 => Err(Wrong::new(format!("`{text}` is less than a byte"), "write \"1B\" or more")),
        ..=MAX_SIZE => Ok(bytes as u64),
        _ => Err(Wrong::new(format!("`{text}` is too large"), "write \"1000GB\" or less")),
    }
}

/// A size per second.
pub(super) fn size_rate(text: &str) -> Result<u64, Wrong> {
    let trimmed = text.trim();
    match trimmed.strip_suffix("/s").map(size) {
        Some(Ok(bytes)) => Ok(bytes),
        _ => {
            let number = written(trimmed).map_or(100.0, |written| written.number);
            let unit = SIZE_UNITS.iter().map(|(unit, _)| *unit).find(|unit| trimmed.contains(unit) && *unit != "B");
            let help = format!("write \"{number}{}/s\"", unit.unwrap_or("KiB"));
            Err(Wrong::new(format!("`{text}` is no size per second"), help))
        }
    }
}

/// A length of time in the largest unit that says it exactly.
pub(super) fn say(time: Duration) -> String {
    let nanos = time.as_nanos();
    for (unit, size) in [("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)] {
        if nanos > 0 && nanos.is_multiple_of(size) {
            return format!("{}{unit}", nanos / size);
        }
    }
    if nanos == 0 { "0s".to_owned() } else { format!("{}us", trimmed(nanos as f64 / 1e3)) }
}

/// A number as TOML writes it for people: `10_000`.
pub(super) fn marked(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// A number without noise of binary fractions.
fn trimmed(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every unit, decimals and marks between digits are understood.
    #[test]
    fn units_are_understood() {
        let millis = |text| time(text).unwrap().as_micros() as f64 / 1e3;
        assert_eq!(
            ["250us", "250µs", "500ms", "2s", "1.5 s", "45min", "1h", "1_500ms"].map(millis),
            [0.25, 0.25, 500.0, 2e3, 1.5e3, 45.0 * 60e3, 3_600e3, 1.5e3]
        );
        assert_eq!(
            (share("12.5%"), share("100 %"), rate("400/s"), rate("0.5 / s")),
            (Ok(0.125), Ok(1.0), Ok(400.0), Ok(0.5))
        );
    }

    /// A wrong unit is answered with the value to write.
    #[test]
    fn wrong_units_are_answered_with_the_right_one() {
        let help = |wrong: Wrong| wrong.help.unwrap();
        assert_eq!(help(time("500msec").unwrap_err()), "write \"500ms\"");
        assert_eq!(help(time("5m").unwrap_err()), "write \"5min\"");
        assert_eq!(help(time("500").unwrap_err()), "write \"500ms\" or \"500s\"");
        assert_eq!(help(share("0.2").unwrap_err()), "a share is a percentage: write \"20%\"");
        assert_eq!(help(share("20").unwrap_err()), "write \"20%\"");
        assert!(share("120%").unwrap_err().message.contains("over 100%"));
        assert_eq!(help(rate("400").unwrap_err()), "write \"400/s\" (per second)");
        for nonsense in ["", "ms", "-1s", "1e9s", "1..2s", "_1s", "1_s", "NaNs", "infs", "99999999h", ".5s"] {
            assert!(time(nonsense).is_err(), "{nonsense}");
        }
    }

    proptest! {
        /// What a time or a share is said as, is read as the same.
        #[test]
        fn what_is_said_is_read(micros in 0u64..10_000_000_000, permille in 0u32..=1000) {
            let length = Duration::from_micros(micros);
            prop_assert_eq!(time(&say(length)).unwrap(), length);
            let percent = f64::from(permille) / 10.0;
            let written = format!("{percent}%");
            prop_assert!((share(&written).unwrap() * 1000.0 - f64::from(permille)).abs() < 1e-9);
        }

        /// No text makes a reader panic or give a number out of range.
        #[test]
        fn no_text_panics(text in ".{0,20}") {
            prop_assert!(time(&text).is_ok_and(|time| time <= MAX_TIME) || time(&text).is_err());
            prop_assert!(share(&text).is_ok_and(|share| (0.0..=1.0).contains(&share)) || share(&text).is_err());
            prop_assert!(rate(&text).is_ok_and(|rate| rate.is_finite() && rate >= 0.0) || rate(&text).is_err());
        }
    }
}
