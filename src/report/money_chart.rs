//! Two drawings of money as SVG that stands alone: how often a year loses more than so much, and what a price hangs on.
//! Colours follow the page that they stand in, and are readable on white where there is none.

use maud::{Markup, html};

use crate::business_metrics::MicroDollars;
use crate::pricing::{CurvePoint, PricedSwing, Year};

use super::model::RunReport;
use super::text::{short, visible};
use super::words;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const PLOT: f64 = 210.0;
const BAR: f64 = 22.0;
const INK: &str = "var(--soft,#5d5a54)";
const GRID: &str = "var(--line,#e3e0da)";
/// One colour for each curve of a drawing.
const COLOURS: [&str; 3] = ["var(--p99,#1f4e8c)", "var(--victims,#b3500b)", "var(--pass,#1a6b3c)"];
const FONT: &str = "12px system-ui,sans-serif";

/// What is drawn beside loss exceedance curves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Simulated years, for the band that chance in the simulation leaves (95%); none without.
    pub years: Option<u64>,
    /// What one year in twenty may lose at most; no line without.
    pub tolerance: Option<MicroDollars>,
}

/// Loss exceedance curves by name, both axes logarithmic; nothing if no curve has a point.
pub fn loss_curve_svg(curves: &[(&str, &[CurvePoint])], marks: Marks) -> Option<String> {
    loss_curve(curves, marks).map(|drawing| visible(&drawing.into_string()).into_owned())
}

/// A year's curves with their bands and what may be lost; nothing if no curve has a point.
pub fn loss_curve_of(year: &Year) -> Option<String> {
    year_curve(year).map(|drawing| visible(&drawing.into_string()).into_owned())
}

/// The curves and the tolerance of a year, and the bars of what its price hangs on, each as a file of its own; nothing for
/// what there is nothing to draw of.
pub fn money_drawings(report: &RunReport) -> Vec<(&'static str, String)> {
    let Some(year) = &report.year else { return Vec::new() };
    let bars = words::hangs_on(report, year).and_then(|hangs| tornado_svg(hangs.around, hangs.swings));
    let drawings = [("loss-exceedance.svg", loss_curve_of(year)), ("tornado.svg", bars)];
    drawings.into_iter().filter_map(|(name, svg)| Some((name, visible(&svg?).into_owned()))).collect()
}

/// A year's curves with everything beside them.
pub(super) fn year_curve(year: &Year) -> Option<Markup> {
    let curves = words::curves(year);
    let curves: Vec<(&str, &[CurvePoint])> = curves.iter().map(|(name, points)| (name.as_str(), *points)).collect();
    let tolerance = (year.tolerance > MicroDollars::ZERO).then_some(year.tolerance);
    loss_curve(&curves, Marks { years: Some(year.years), tolerance })
}

/// Where the true share lies with 95% confidence if so many simulated years gave this one: the binomial's normal
/// approximation, cut off at a tenth of a year so that a logarithmic axis can hold it.
fn band(share: f64, years: u64) -> (f64, f64) {
    let half = 1.96 * (share * (1.0 - share) / years as f64).sqrt();
    ((share - half).max(0.1 / years as f64), (share + half).min(1.0))
}

/// The assumptions that move a price, as bars around it; nothing without one.
pub fn tornado_svg(cost: MicroDollars, swings: &[PricedSwing]) -> Option<String> {
    tornado(cost, swings).map(Markup::into_string)
}

pub(super) fn loss_curve(curves: &[(&str, &[CurvePoint])], marks: Marks) -> Option<Markup> {
    let drawn = || curves.iter().filter(|(_, points)| points.iter().any(|p| p.loss > MicroDollars::ZERO));
    let points =
        || drawn().flat_map(|(_, points)| points.iter()).filter(|p| p.loss > MicroDollars::ZERO && p.share > 0.0);
    let tolerance = marks.tolerance.map(|most| most.usd());
    let x = Decades::of(points().map(|point| point.loss.usd()).chain(tolerance))?;
    let y = Decades::of(points().map(|point| point.share))?;
    let place = |point: &CurvePoint| {
        let across = LEFT + x.place(point.loss.usd()) * (WIDTH - LEFT - RIGHT);
        (across, TOP + PLOT - y.place(point.share) * PLOT)
    };
    let path = |points: &[CurvePoint]| {
        let inside = points.iter().filter(|p| p.loss > MicroDollars::ZERO && p.share > 0.0);
        let parts: Vec<String> = inside.map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        parts.join(" ")
    };
    // There along the upper edge and back along the lower one.
    let around = |points: &[CurvePoint], years: u64| {
        let inside: Vec<_> = points.iter().filter(|p| p.loss > MicroDollars::ZERO && p.share > 0.0).collect();
        let at = |point: &CurvePoint, share: f64| place(&CurvePoint { share, ..*point });
        let upper = inside.iter().map(|point| at(point, band(point.share, years).1));
        let lower = inside.iter().rev().map(|point| at(point, band(point.share, years).0));
        upper.chain(lower).map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
    };
    let height = TOP + PLOT + 40.0 + 18.0 * drawn().count() as f64;
    Some(html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) } role="img" style={ "font:" (FONT) ";max-width:100%" } {
            title { "How often a year loses more than an amount" }
            @for power in y.powers() {
                @let at = TOP + PLOT - y.place(10f64.powi(power)) * PLOT;
                line x1=(LEFT) x2=(WIDTH - RIGHT) y1=(fixed(at)) y2=(fixed(at)) stroke=(GRID) {}
                text x=(LEFT - 8.0) y=(fixed(at + 4.0)) text-anchor="end" fill=(INK) { (once_in(power)) }
            }
            @for power in x.powers() {
                @let at = LEFT + x.place(10f64.powi(power)) * (WIDTH - LEFT - RIGHT);
                line x1=(fixed(at)) x2=(fixed(at)) y1=(TOP) y2=(TOP + PLOT) stroke=(GRID) {}
                text x=(fixed(at)) y=(TOP + PLOT + 18.0) text-anchor=(if power == x.high { "end" } else { "middle" }) fill=(INK) { (dollars(power)) }
            }
            text x=(LEFT) y=(TOP + PLOT + 36.0) fill=(INK) { "loss of a year; left: years that lose more" }
            @if let Some(most) = marks.tolerance.filter(|most| *most > MicroDollars::ZERO) {
                @let (across, down) = place(&CurvePoint { loss: most, share: 0.05 });
                line x1=(fixed(across)) x2=(fixed(across)) y1=(TOP) y2=(TOP + PLOT) stroke=(INK) stroke-dasharray="5 4" {}
                circle cx=(fixed(across)) cy=(fixed(down)) r="4" fill="none" stroke=(INK) stroke-width="2" {
                    title { "one year in twenty may lose " (most) " at most" }
                }
                text x=(fixed(across - 6.0)) y=(TOP + PLOT - 8.0) text-anchor="end" fill=(INK) { "1 in 20 at most " (most) }
            }
            @for (place, (name, points)) in drawn().enumerate() {
                @let colour = COLOURS[place % COLOURS.len()];
                @if let Some(years) = marks.years {
                    polygon points=(around(points, years)) fill=(colour) fill-opacity="0.15" stroke="none" {}
                }
                polyline points=(path(points)) fill="none" stroke=(colour) stroke-width="2" {}
                text x=(LEFT) y=(TOP + PLOT + 54.0 + 18.0 * place as f64) fill=(colour) { "— " (name) }
            }
        }
    })
}

pub(super) fn tornado(cost: MicroDollars, swings: &[PricedSwing]) -> Option<Markup> {
    let ends = || swings.iter().flat_map(|swing| [swing.at_low.usd(), swing.at_high.usd()]).chain([cost.usd()]);
    let (low, high) = ends().fold((f64::MAX, f64::MIN), |(low, high), end| (low.min(end), high.max(end)));
    if swings.is_empty() || high <= low {
        return None;
    }
    const NAMES: f64 = 190.0;
    let across = |usd: f64| NAMES + (usd - low) / (high - low) * (WIDTH - NAMES - RIGHT);
    let bottom = TOP + BAR * swings.len() as f64;
    Some(html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (bottom + 26.0) } role="img" style={ "font:" (FONT) ";max-width:100%" } {
            title { "What the price hangs on" }
            @for (place, swing) in swings.iter().enumerate() {
                @let (from, to) = (swing.at_low.min(swing.at_high).usd(), swing.at_low.max(swing.at_high).usd());
                @let top = TOP + BAR * place as f64;
                text x=(NAMES - 8.0) y=(top + 14.0) text-anchor="end" fill=(INK) { (short(&swing.key, 28)) }
                rect x=(fixed(across(from))) y=(top + 2.0) width=(fixed((across(to) - across(from)).max(1.0))) height=(BAR - 6.0) fill=(COLOURS[0]) {
                    title { (swing.key) ": " (swing.at_low) " at " (swing.low) ", " (swing.at_high) " at " (swing.high) }
                }
            }
            line x1=(fixed(across(cost.usd()))) x2=(fixed(across(cost.usd()))) y1=(TOP) y2=(bottom) stroke=(COLOURS[1]) stroke-width="2" {}
            text x=(NAMES) y=(bottom + 18.0) fill=(INK) { (MicroDollars::from_usd(low)) }
            text x=(WIDTH - RIGHT) y=(bottom + 18.0) text-anchor="end" fill=(INK) { (MicroDollars::from_usd(high)) }
        }
    })
}

/// Whole decades that hold all values.
struct Decades {
    low: i32,
    high: i32,
}

impl Decades {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (min, max) = values.fold((f64::MAX, 0.0f64), |(min, max), value| (min.min(value), max.max(value)));
        if !(max > 0.0 && min > 0.0 && max.is_finite()) {
            return None;
        }
        let low = min.log10().floor() as i32;
        Some(Self { low, high: (max.log10().ceil() as i32).max(low + 1) })
    }

    fn place(&self, value: f64) -> f64 {
        ((value.log10() - f64::from(self.low)) / f64::from(self.high - self.low)).clamp(0.0, 1.0)
    }

    fn powers(&self) -> std::ops::RangeInclusive<i32> {
        self.low..=self.high
    }
}

/// A share of years as people say it: `all years`, `1 in 10`.
fn once_in(power: i32) -> String {
    if power >= 0 {
        "all years".to_owned()
    } else {
        format!("1 in {}", crate::wording::count(10u64.pow(power.unsigned_abs().min(18))))
    }
}

/// A power of ten as money: `$10`, `$1k`, `$10M`.
fn dollars(power: i32) -> String {
    let (unit, of) = match power {
        ..3 => ("", 0),
        3..6 => ("k", 3),
        6..9 => ("M", 6),
        9..12 => ("B", 9),
        12.. => ("T", 12),
    };
    if power < 0 { format!("$1e{power}") } else { format!("${}{unit}", 10u64.pow((power - of).unsigned_abs().min(18))) }
}

fn fixed(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Vec<CurvePoint> {
        points.iter().map(|(usd, share)| CurvePoint { loss: MicroDollars::from_usd(*usd), share: *share }).collect()
    }

    /// A curve has an axis of whole decades on both sides, and a line for each name; no curve, no drawing.
    #[test]
    fn curves_are_drawn_over_decades() {
        let (before, after) = (curve(&[(1e4, 0.5), (1e6, 0.05)]), curve(&[(1e4, 0.1), (1e5, 0.01)]));
        let svg = loss_curve_svg(&[("before", &before), ("after <b>", &after)], Marks::default()).unwrap();
        for part in ["$10k", "$1M", "1 in 10<", "1 in 100<", "— before", "after &lt;b&gt;"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert_eq!(loss_curve_svg(&[("none", &[])], Marks::default()), None);
        assert_eq!(loss_curve_svg(&[("zero", &curve(&[(0.0, 1.0)]))], Marks::default()), None);
    }

    /// With marks there is a band around each curve, wider where fewer years speak, and a line at what may be lost.
    #[test]
    fn marks_are_drawn() {
        let points = curve(&[(1e4, 0.5), (1e6, 0.001)]);
        let marks = Marks { years: Some(10_000), tolerance: Some(MicroDollars::from_usd(2e6)) };
        let svg = loss_curve_svg(&[("the vendor", &points)], marks).unwrap();
        assert!(
            svg.contains("<polygon") && svg.contains("1 in 20 at most $2,000,000") && !svg.contains("NaN"),
            "{svg}"
        );
        let relative = |share| band(share, 10_000).1 / share;
        assert!(relative(0.001) > relative(0.5) && band(0.0001, 10_000).0 > 0.0);
    }

    /// The drawings of a report are the curve and the bars, each complete in itself; a report of nothing has none.
    #[test]
    fn a_report_has_its_drawings() {
        let drawings = money_drawings(&crate::report::sample::mixed());
        assert_eq!(drawings.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["loss-exceedance.svg", "tornado.svg"]);
        assert!(drawings.iter().all(|(_, svg)| svg.starts_with("<svg xmlns") && svg.ends_with("</svg>")));
        assert!(money_drawings(&crate::report::assemble(vec![], vec![])).is_empty());
    }

    /// A tornado has a bar for each assumption and says its ends; without a swing there is none.
    #[test]
    fn a_tornado_has_a_bar_for_each_assumption() {
        let swing = |key: &str, low: i64, high: i64| PricedSwing {
            key: key.into(),
            low: 0.1,
            high: 0.9,
            at_low: MicroDollars(low * 1_000_000),
            at_high: MicroDollars(high * 1_000_000),
        };
        let cost = MicroDollars::from_usd(8_002.0);
        let svg = tornado_svg(cost, &[swing("a", 2_000, 20_000), swing("b", 9_000, 7_000)]).unwrap();
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains("$2,000") && svg.contains("$20,000") && !svg.contains("NaN"));
        assert_eq!(tornado_svg(cost, &[]), None);
        assert_eq!(tornado_svg(cost, &[swing("a", 8_002, 8_002)]), None);
    }
}
