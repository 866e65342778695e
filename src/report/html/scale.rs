//! Axes: where a value stands, and which values are worth a number.

/// The axis of latencies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From zero; for values within two decades.
    Linear {
        /// The value at the top.
        top: f64,
        /// Between two numbers.
        step: f64,
    },
    /// Whole decades; for values that span more.
    Log {
        /// Power of ten at the bottom.
        low: i32,
        /// Power of ten at the top.
        high: i32,
    },
}

impl Scale {
    /// The scale that suits the values: logarithmic if they span more than two decades. Zeros count as 1 µs.
    pub(super) fn of(values: impl Iterator<Item = u64>) -> Self {
        let (min, max) = values.fold((u64::MAX, 1), |(min, max), v| (min.min(v.max(1)), max.max(v)));
        let (min, max) = (min.min(max) as f64, max as f64);
        if max / min > 100.0 {
            return Scale::Log { low: min.log10().floor() as i32, high: max.log10().ceil() as i32 };
        }
        let step = nice(max / 4.0);
        Scale::Linear { top: (max / step).ceil() * step, step }
    }

    pub(super) fn is_log(self) -> bool {
        matches!(self, Scale::Log { .. })
    }

    /// Height of a value, 0 at the bottom and 1 at the top.
    pub(super) fn place(self, us: f64) -> f64 {
        let place = match self {
            Scale::Linear { top, .. } => us / top,
            Scale::Log { low, high } => (us.max(1.0).log10() - f64::from(low)) / f64::from(high - low),
        };
        place.clamp(0.0, 1.0)
    }

    /// The values that get a line and a number.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Scale::Linear { top, step } => (0..=(top / step).round() as u32).map(|i| f64::from(i) * step).collect(),
            Scale::Log { low, high } => (low..=high).map(|power| 10f64.powi(power)).collect(),
        }
    }
}

/// Seconds between two numbers of the time axis so that there are at most about `wanted`.
pub(super) fn seconds_step(seconds: f64, wanted: f64) -> f64 {
    const STEPS: [f64; 13] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0];
    let least = seconds / wanted;
    STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(|| nice(least))
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `value`.
fn nice(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|v| *v >= value * 0.999_999).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two decades are linear and start at zero; more are logarithmic and end on decades that enclose all values.
    #[test]
    fn the_axis_suits_the_range() {
        assert_eq!(Scale::of([100, 10_000].into_iter()), Scale::Linear { top: 10_000.0, step: 2_500.0 });
        assert_eq!(Scale::of([1_500, 2_400_000].into_iter()), Scale::Log { low: 3, high: 7 });
        assert_eq!(Scale::of(std::iter::empty()).place(0.0), 0.0);
        let log = Scale::Log { low: 3, high: 7 };
        assert_eq!((log.place(1e3), log.place(1e5), log.place(1e7)), (0.0, 0.5, 1.0));
    }

    /// The numbers of an axis are few and round, however long the run.
    #[test]
    fn ticks_are_few_and_round() {
        for (seconds, step) in [(13.0, 2.0), (0.4, 0.1), (3_600.0, 300.0), (100_000.0, 10_000.0)] {
            assert_eq!(seconds_step(seconds, 12.0), step, "{seconds}");
        }
        for max in [1u64, 7, 99, 6_100, 999_999, 12_345_678] {
            let ticks = Scale::of([max].into_iter()).ticks();
            assert!((3..=6).contains(&ticks.len()), "{max}: {ticks:?}");
        }
    }
}
