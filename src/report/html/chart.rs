//! Latency over time as inline SVG: what the faults did to everyone's requests, and when.

use maud::{Markup, html};

use crate::oracle::{FaultSummary, Judgement, TimelinePoint};
use crate::report::text::short;
use crate::wording::{count, digits, duration, moment, plural};

use super::scale::{Scale, seconds_step};

/// Points of a line at most; a longer run is drawn in groups of slices, each shown by its worst.
const MAX_POINTS: usize = 600;

/// A drawing's size in its own units. Two are made of each chart, and the style sheet shows one, because text that is
/// scaled down with a wide drawing cannot be read on a phone.
#[derive(Clone, Copy)]
struct Canvas {
    class: &'static str,
    width: f64,
    height: f64,
    left: f64,
    x_ticks: f64,
    name_chars: usize,
}

const WIDE: Canvas =
    Canvas { class: "chart wide", width: 904.0, height: 330.0, left: 62.0, x_ticks: 12.0, name_chars: 40 };
const NARROW: Canvas =
    Canvas { class: "chart narrow", width: 350.0, height: 270.0, left: 52.0, x_ticks: 5.0, name_chars: 16 };

const RIGHT: f64 = 10.0;
const TOP: f64 = 24.0;
/// Height of one fault's name.
const NAME: f64 = 13.0;
/// Names in a chart at most; the others are in the table of faults.
const MAX_NAMES: usize = 4;
const LANE: f64 = 13.0;
const LANE_GAP: f64 = 6.0;
/// Two lanes, the numbers of the x axis and its title.
const BELOW_PLOT: f64 = FIRST_LANE + 2.0 * (LANE + LANE_GAP) + 34.0;
/// Below the axis, whose lowest number needs the room.
const FIRST_LANE: f64 = 10.0;

/// The chart of one scenario with its legend; nothing if there is no slice to draw.
pub(super) fn chart(judgement: &Judgement, id: &str) -> Markup {
    let (points, grouped) = thin_out(&judgement.timeline);
    let Some(span) = span(&points) else {
        return html! { p.soft.small { "No request was sent, so there is no latency to draw." } };
    };
    let victims = points.iter().any(|point| point.victims_p99_us.is_some());
    let scale = Scale::of(points.iter().flat_map(|p| [p.p50_us, p.p99_us, p.victims_p99_us]).flatten());
    let drawing = Drawing { judgement, points: &points, span, scale, grouped };
    html! {
        figure {
            figcaption {
                b { "Latency from intended start" @if drawing.scale.is_log() { " (logarithmic)" } }
                span.key.p50 { "p50" } span.key.p99 { "p99" }
                @if victims { span.key.victims { "victims' p99" } }
                @if !judgement.faults.is_empty() { span.key.fault { "fault on" } }
            }
            (drawing.svg(WIDE, &format!("{id}-w")))
            (drawing.svg(NARROW, &format!("{id}-n")))
        }
    }
}

struct Drawing<'a> {
    judgement: &'a Judgement,
    points: &'a [TimelinePoint],
    /// First and last moment, microseconds.
    span: (u64, u64),
    scale: Scale,
    /// Slices in one point.
    grouped: usize,
}

impl Drawing<'_> {
    fn svg(&self, canvas: Canvas, id: &str) -> Markup {
        let (title, desc) = (format!("{id}-title"), format!("{id}-desc"));
        let view_box = format!("0 0 {} {}", canvas.width, canvas.height);
        html! {
            svg class=(canvas.class) viewBox=(view_box) role="img" aria-labelledby={ (title) " " (desc) } {
                title id=(title) { "Latency over time" }
                desc id=(desc) { (self.describe()) }
                (self.windows(canvas)) (self.y_axis(canvas)) (self.x_axis(canvas))
                (self.line(canvas, "p50", |point| point.p50_us))
                (self.line(canvas, "p99", |point| point.p99_us))
                (self.line(canvas, "victims", |point| point.victims_p99_us))
                (self.phases(canvas)) (self.window_names(canvas))
                (self.lane(canvas, 0, "errors", "error", |point| point.errors))
                (self.lane(canvas, 1, "leaks", "foreign row", |point| point.leaked_rows))
            }
        }
    }

    /// The chart in words, for those who cannot see it.
    fn describe(&self) -> String {
        let worst = |of: fn(&TimelinePoint) -> Option<u64>| {
            let peak = self.points.iter().filter_map(|p| of(p).map(|us| (us, p.at_us))).max();
            peak.map_or("no sample".to_owned(), |(us, at)| format!("at most {} (at {})", duration(us), moment(at)))
        };
        let sum = |of: fn(&TimelinePoint) -> u64| self.points.iter().map(of).sum::<u64>();
        let mut text = format!(
            "{} from {} to {}. p50: {}; p99: {}",
            plural(self.judgement.timeline.len() as u64, "slice"),
            moment(self.span.0),
            moment(self.span.1),
            worst(|p| p.p50_us),
            worst(|p| p.p99_us)
        );
        if self.points.iter().any(|p| p.victims_p99_us.is_some()) {
            text.push_str(&format!("; victims' p99: {}", worst(|p| p.victims_p99_us)));
        }
        let (errors, leaks) = (sum(|p| p.errors), sum(|p| p.leaked_rows));
        text.push_str(&format!(". {}, {}.", plural(errors, "error"), plural(leaks, "foreign row")));
        if self.grouped > 1 {
            text.push_str(&format!(" Each point is the worst of {} slices.", self.grouped));
        }
        text
    }

    fn x(&self, canvas: Canvas, at_us: u64) -> f64 {
        let share = (at_us.clamp(self.span.0, self.span.1) - self.span.0) as f64 / (self.span.1 - self.span.0) as f64;
        canvas.left + share * (canvas.width - canvas.left - RIGHT)
    }

    fn y(&self, canvas: Canvas, us: f64) -> f64 {
        let bottom = canvas.height - BELOW_PLOT;
        // The names of the faults have the top for themselves.
        let names = self.on().count().min(MAX_NAMES) as f64 * NAME;
        bottom - self.scale.place(us) * (bottom - TOP - names)
    }

    /// Faults that took effect, and when.
    fn on(&self) -> impl Iterator<Item = (&FaultSummary, u64, u64)> {
        let end = self.span.1;
        let on = move |fault: &FaultSummary| Some((fault.injected_at_us?, fault.healed_at_us.unwrap_or(end)));
        self.judgement.faults.iter().filter_map(move |fault| on(fault).map(|(from, to)| (fault, from, to)))
    }

    /// Where faults were on.
    fn windows(&self, canvas: Canvas) -> Markup {
        let bottom = canvas.height - BELOW_PLOT;
        html! {
            @for (fault, from, to) in self.on() {
                @let (x, end) = (self.x(canvas, from), self.x(canvas, to));
                rect.window x=(n(x)) y=(n(TOP)) width=(n((end - x).max(1.0))) height=(n(bottom - TOP)) {
                    title { (fault.name) ", " (moment(from)) " to " (moment(to)) }
                }
            }
        }
    }

    /// Their names, one below the other, over the lines.
    fn window_names(&self, canvas: Canvas) -> Markup {
        html! {
            @for (row, (fault, from, _)) in self.on().enumerate().take(MAX_NAMES) {
                text.over x=(n(self.x(canvas, from) + 4.0)) y=(n(TOP + 13.0 + NAME * row as f64)) {
                    (short(&fault.name, canvas.name_chars))
                }
            }
        }
    }

    fn y_axis(&self, canvas: Canvas) -> Markup {
        html! {
            @for us in self.scale.ticks() {
                @let y = self.y(canvas, us);
                line.grid x1=(n(canvas.left)) y1=(n(y)) x2=(n(canvas.width - RIGHT)) y2=(n(y)) {}
                text x=(n(canvas.left - 7.0)) y=(n(y + 4.0)) text-anchor="end" { @if us > 0.0 { (duration(us as u64)) } @else { "0" } }
            }
        }
    }

    fn x_axis(&self, canvas: Canvas) -> Markup {
        let (from, to) = self.span;
        let step = seconds_step((to - from) as f64 / 1e6, canvas.x_ticks) * 1e6;
        let first = (from as f64 / step).ceil() as u64;
        let last = (to as f64 / step).floor() as u64;
        let (bottom, numbers) = (canvas.height - BELOW_PLOT, canvas.height - 22.0);
        html! {
            line.axis x1=(n(canvas.left)) y1=(n(bottom)) x2=(n(canvas.width - RIGHT)) y2=(n(bottom)) {}
            @for tick in first..=last {
                @let at = tick as f64 * step;
                @let x = self.x(canvas, at as u64);
                line.axis x1=(n(x)) y1=(n(bottom)) x2=(n(x)) y2=(n(bottom + 4.0)) {}
                text x=(n(x)) y=(n(numbers)) text-anchor="middle" { (digits(at / 1e6)) }
            }
            text x=(n((canvas.left + canvas.width - RIGHT) / 2.0)) y=(n(canvas.height - 5.0)) text-anchor="middle" {
                "seconds since the run started"
            }
        }
    }

    fn phases(&self, canvas: Canvas) -> Markup {
        let bottom = canvas.height - BELOW_PLOT;
        let drawn = self.judgement.phases.iter().filter(|p| p.from_us < self.span.1 && p.to_us > self.span.0);
        html! {
            @for phase in drawn {
                @let (x, end) = (self.x(canvas, phase.from_us), self.x(canvas, phase.to_us));
                @if phase.from_us > self.span.0 {
                    line.phase x1=(n(x)) y1="6" x2=(n(x)) y2=(n(bottom)) {}
                }
                // A name needs about 7 units a letter; one that does not fit is in the table below.
                @if end - x > phase.phase.name().len() as f64 * 7.0 {
                    text.phasename.over x=(n(x + 4.0)) y="16" { (phase.phase.name()) }
                }
            }
        }
    }

    /// One line, with gaps where a slice has no sample; a lone sample is drawn as a dot by its round cap.
    fn line(&self, canvas: Canvas, class: &str, value: fn(&TimelinePoint) -> Option<u64>) -> Markup {
        let mut path = String::new();
        let mut pen_down = false;
        for point in self.points {
            match value(point) {
                None => pen_down = false,
                Some(us) => {
                    let (x, y) = (self.x(canvas, point.at_us), self.y(canvas, us as f64));
                    path.push_str(&format!("{}{x:.1} {y:.1}", if pen_down { "L" } else { "M" }));
                    if !pen_down {
                        path.push_str("h0");
                    }
                    pen_down = true;
                }
            }
        }
        html! { @if !path.is_empty() { path class=(class) d=(path) {} } }
    }

    /// A strip of marks: the taller, the more of the kind happened in that slice.
    fn lane(&self, canvas: Canvas, row: u32, class: &str, noun: &str, value: fn(&TimelinePoint) -> u64) -> Markup {
        let top = canvas.height - BELOW_PLOT + FIRST_LANE + f64::from(row) * (LANE + LANE_GAP);
        let most = self.points.iter().map(value).max().unwrap_or(0);
        let width = ((canvas.width - canvas.left - RIGHT) / self.points.len() as f64 - 0.6).max(1.2);
        html! {
            rect.lane x=(n(canvas.left)) y=(n(top)) width=(n(canvas.width - canvas.left - RIGHT)) height=(n(LANE)) {}
            text x=(n(canvas.left - 7.0)) y=(n(top + 10.5)) text-anchor="end" { (class) }
            @for point in self.points.iter().filter(|point| value(point) > 0) {
                @let height = LANE * (0.35 + 0.65 * (value(point) as f64 / most as f64).sqrt());
                rect class=(class) x=(n(self.x(canvas, point.at_us))) y=(n(top + LANE - height)) width=(n(width)) height=(n(height)) {
                    title { (moment(point.at_us)) ": " (count(value(point))) " " (noun) @if value(point) != 1 { "s" } }
                }
            }
        }
    }
}

/// From the first slice to the end of the last.
fn span(points: &[TimelinePoint]) -> Option<(u64, u64)> {
    let (first, last) = (points.first()?, points.last()?);
    let width = points.get(1).map_or(100_000, |second| second.at_us.saturating_sub(first.at_us));
    Some((first.at_us, last.at_us.saturating_add(width.max(1)).max(first.at_us + 1)))
}

/// At most [`MAX_POINTS`] points and how many slices each stands for: the worst latency, the sum of the counts.
fn thin_out(timeline: &[TimelinePoint]) -> (Vec<TimelinePoint>, usize) {
    let group = timeline.len().div_ceil(MAX_POINTS).max(1);
    let merge = |slices: &[TimelinePoint]| {
        slices.iter().copied().reduce(|a, b| TimelinePoint {
            p50_us: a.p50_us.max(b.p50_us),
            p99_us: a.p99_us.max(b.p99_us),
            victims_p99_us: a.victims_p99_us.max(b.victims_p99_us),
            ok: a.ok + b.ok,
            errors: a.errors + b.errors,
            dropped: a.dropped + b.dropped,
            leaked_rows: a.leaked_rows + b.leaked_rows,
            ..a
        })
    };
    (timeline.chunks(group).filter_map(merge).collect(), group)
}

/// A coordinate with as many decimals as a screen can show.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// A long run is thinned out without losing its worst slice or a single error.
    #[test]
    fn thinning_out_keeps_the_worst() {
        let template = sample::control().judgement.timeline[0];
        let slices: Vec<_> = (0..10_000u64)
            .map(|i| TimelinePoint { at_us: i * 100_000, p99_us: Some(i % 977), errors: 1, ..template })
            .collect();
        let (points, group) = thin_out(&slices);
        assert!(points.len() <= MAX_POINTS && group == 17, "{} points of {group}", points.len());
        assert_eq!(points.iter().map(|p| p.errors).sum::<u64>(), 10_000);
        assert_eq!(points.iter().filter_map(|p| p.p99_us).max(), Some(976));
    }

    /// A slice without samples leaves a gap in the line instead of a false value.
    #[test]
    fn a_slice_without_samples_is_a_gap() {
        let svg = chart(&sample::control().judgement, "x").into_string();
        let p99 = svg.split("class=\"p99\" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(p99.matches('M').count(), 2, "{p99}");
    }

    /// One slice, and no slice at all, are drawn without a division by zero.
    #[test]
    fn tiny_runs_are_drawn() {
        let mut judgement = sample::control().judgement;
        judgement.timeline.truncate(1);
        let svg = chart(&judgement, "x").into_string();
        assert!(svg.contains("<svg") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        judgement.timeline.clear();
        assert!(!chart(&judgement, "x").into_string().contains("<svg"));
    }
}
