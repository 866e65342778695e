//! Reads a condition: `p99(victims, inject) < 4 * p99(baseline)`.
//!
//! ```text
//! condition := measure operator bound
//! measure   := metric [ "(" argument { "," argument } ")" ]
//! argument  := all | tier | victims | aggressor | tenant | phase | error kind
//! operator  := "==" | "!=" | "<" | "<=" | ">" | ">="
//! bound     := number unit | [ number "*" ] measure
//! ```
//!
//! Whether a condition can be evaluated where it stands is decided in [`super::check`].

use std::ops::Range;

use super::condition::{Bound, Comparison, Condition, ErrorKind, Measure, Metric, Quantity, Unit, Who};
use super::model::{Phase, TenantSlug, Tier};
use super::quantity::{self, Written, Wrong};
use super::vocabulary::{spellings, word};
use crate::diagnostics::did_you_mean;

/// Longest condition. The longest of the catalogue has 40 characters.
const MAX_LENGTH: usize = 400;
/// Operators, longer ones first.
const OPERATORS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// A condition and where its parts stand, in bytes of its text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed {
    pub(super) condition: Condition,
    pub(super) left: MeasureSpans,
    /// The measure of the right side, if it has one.
    pub(super) right: Option<MeasureSpans>,
    /// The whole right side.
    pub(super) bound: Range<usize>,
}

/// Where the parts of a measure stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MeasureSpans {
    pub(super) metric: Range<usize>,
    pub(super) who: Option<Range<usize>>,
    pub(super) phase: Option<Range<usize>>,
}

/// A mistake and where it stands.
pub(super) type Mistake = (Range<usize>, Wrong);

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Parsed, Mistake> {
    if text.len() > MAX_LENGTH {
        return Err((0..text.len(), Wrong { message: "the condition is too long".into(), help: None }));
    }
    let mut reader = Reader { text, at: 0 };
    let (left, left_spans) = reader.measure()?;
    let op = reader.operator(left.metric)?;
    reader.skip_space();
    let bound = reader.at..text.trim_end().len().max(reader.at);
    let (right, right_spans) = reader.bound(left.metric)?;
    let condition = Condition { text: text.trim().to_owned(), left, op, right };
    Ok(Parsed { condition, left: left_spans, right: right_spans, bound })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    /// A name: letters, digits, `_` and, inside it, `-`.
    fn name(&mut self) -> (&'a str, Range<usize>) {
        self.skip_space();
        let length =
            self.rest().find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(self.rest().len());
        let span = self.at..self.at + length;
        self.at = span.end;
        (&self.text[span.clone()], span)
    }

    fn measure(&mut self) -> Result<(Measure, MeasureSpans), Mistake> {
        let (name, span) = self.name();
        let Some(metric) = word::<Metric>(name) else {
            let help = did_you_mean(name, spellings::<Metric>());
            return Err(match name {
                "" => (self.here(), Wrong { message: "a condition begins with a metric".into(), help }),
                _ => (span, Wrong { message: format!("there is no metric `{name}`"), help }),
            });
        };
        let mut measure = Measure { metric, who: Who::All, phase: None, kind: None };
        let mut spans = MeasureSpans { metric: span, who: None, phase: None };
        if self.take("(") {
            loop {
                self.argument(&mut measure, &mut spans)?;
                if self.take(")") {
                    break;
                }
                if !self.take(",") {
                    return Err((self.here(), Wrong::new("the bracket is not closed", "write `,` or `)`")));
                }
            }
        }
        Ok((measure, spans))
    }

    fn argument(&mut self, measure: &mut Measure, spans: &mut MeasureSpans) -> Result<(), Mistake> {
        let (name, span) = self.name();
        let metric = measure.metric.name();
        let counts_errors = matches!(measure.metric, Metric::Errors | Metric::ErrorRate);
        let twice = |what: &str| {
            Err((span.clone(), Wrong::new(format!("`{metric}` has two {what}"), format!("leave `{name}` out"))))
        };
        if let Some(kind) = word::<ErrorKind>(name) {
            if !counts_errors {
                let message = format!("`{metric}` does not tell kinds of errors apart");
                return Err((span, Wrong::new(message, "`errors` and `error_rate` do")));
            }
            return match measure.kind.replace(kind) {
                Some(_) => twice("error kinds"),
                None => Ok(()),
            };
        }
        if let Some(phase) = word::<Phase>(name) {
            spans.phase = Some(span.clone());
            return match measure.phase.replace(phase) {
                Some(_) => twice("phases"),
                None => Ok(()),
            };
        }
        let Some(who) = who(name) else {
            return Err((span, unknown_selector(name, counts_errors)));
        };
        measure.who = who;
        match spans.who.replace(span.clone()) {
            Some(_) => twice("selectors"),
            None => Ok(()),
        }
    }

    fn operator(&mut self, metric: Metric) -> Result<Comparison, Mistake> {
        self.skip_space();
        let start = self.at;
        let length = self.rest().find(|c| !matches!(c, '=' | '<' | '>' | '!' | '~' | '≤' | '≥' | '≠'));
        let token = &self.rest()[..length.unwrap_or(self.rest().len())];
        if let Some((_, op)) = OPERATORS.iter().find(|(symbol, _)| *symbol == token) {
            self.at += token.len();
            return Ok(*op);
        }
        let help = match token {
            "=" | "===" => "write `==`".to_owned(),
            "=<" | "≤" => "write `<=`".to_owned(),
            "=>" | "≥" => "write `>=`".to_owned(),
            "<>" | "≠" => "write `!=`".to_owned(),
            _ => "write ==, !=, <, <=, > or >=".to_owned(),
        };
        let message = match token {
            "" => format!("`{}` is compared with nothing", metric.name()),
            other => format!("`{other}` does not compare"),
        };
        let span = if token.is_empty() { self.here() } else { start..start + token.len() };
        Err((span, Wrong::new(message, help)))
    }

    fn bound(&mut self, left: Metric) -> Result<(Bound, Option<MeasureSpans>), Mistake> {
        self.skip_space();
        let start = self.at;
        let length = self.rest().find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
        let number = &self.rest()[..length.unwrap_or(self.rest().len())];
        let factor =
            quantity::written(number).filter(|_| self.text[start + number.len()..].trim_start().starts_with('*'));
        if factor.is_none() && !self.rest().starts_with(|c: char| c.is_ascii_alphabetic()) {
            let constant = self.rest().trim_end();
            let span = start..start + constant.len();
            self.at = self.text.len();
            return match constant_of(left, constant) {
                Ok(quantity) => Ok((Bound::Constant(quantity), None)),
                Err(wrong) => Err((if constant.is_empty() { self.here() } else { span }, wrong)),
            };
        }
        let factor = match factor {
            Some(Written { number: factor, .. }) => {
                self.at += number.len();
                self.take("*");
                factor
            }
            None => 1.0,
        };
        let (of, spans) = self.measure()?;
        self.skip_space();
        let written = &self.text[spans.metric.start..self.at];
        if let Some(times) = self.rest().strip_prefix('*') {
            let help = format!("write the factor first: `{} * {}`", times.trim(), written.trim());
            return Err((self.at..self.text.len(), Wrong::new("the factor stands behind", help)));
        }
        if !self.rest().is_empty() {
            return Err((
                self.at..self.text.len(),
                Wrong::new("nothing can follow here", "one condition is one comparison; write two conditions"),
            ));
        }
        if of.metric.unit() != left.unit() {
            let (left_unit, right_unit) = (phrase(left.unit()), phrase(of.metric.unit()));
            let message = format!("`{}` is {left_unit}, `{}` is {right_unit}", left.name(), of.metric.name());
            let alike = Metric::ALL.iter().filter(|metric| metric.unit() == left.unit());
            let alike: Vec<_> = alike.map(|metric| format!("`{}`", metric.name())).collect();
            return Err((spans.metric, Wrong::new(message, format!("it compares with {}", alike.join(", ")))));
        }
        if factor <= 0.0 {
            return Err((start..start + number.len(), Wrong::new("the factor is zero", "write a factor above zero")));
        }
        Ok((Bound::Relative { factor, of }, Some(spans)))
    }

    /// One character at the reader's place, or the end of the text.
    fn here(&self) -> Range<usize> {
        self.at..self.at + self.rest().chars().next().map_or(0, char::len_utf8)
    }
}

fn who(name: &str) -> Option<Who> {
    match name {
        "all" => Some(Who::All),
        "victims" => Some(Who::Victims),
        "aggressor" => Some(Who::Aggressor),
        name => word::<Tier>(name).map(Who::Tier).or_else(|| name.parse::<TenantSlug>().ok().map(Who::Tenant)),
    }
}

fn unknown_selector(name: &str, counts_errors: bool) -> Wrong {
    let kinds = spellings::<ErrorKind>().filter(|_| counts_errors);
    let words: Vec<&str> = ["all", "victims", "aggressor"]
        .into_iter()
        .chain(spellings::<Tier>())
        .chain(spellings::<Phase>())
        .chain(kinds)
        .collect();
    let tier = name.rsplit_once('-').and_then(|(tier, _)| word::<Tier>(tier));
    let help = match crate::diagnostics::closest(name, words.iter().copied()) {
        _ if tier.is_some() => "the tenants of a tier count from 1, such as enterprise-1".to_owned(),
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("use {} or a tenant such as enterprise-1", words.join(", ")),
    };
    Wrong::new(format!("`{name}` selects nothing"), help)
}

fn phrase(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "a count",
        Unit::Share => "a share",
        Unit::Time => "a length of time",
        Unit::PerSecond => "a rate",
        Unit::Usd => "an amount of dollars",
    }
}

fn constant_of(metric: Metric, text: &str) -> Result<Quantity, Wrong> {
    let name = metric.name();
    if text.is_empty() {
        return Err(Wrong::new(format!("`{name}` is compared with nothing"), example(metric)));
    }
    if text.starts_with('-') {
        return Err(Wrong::new(format!("`{name}` is never negative"), example(metric)));
    }
    let plain = |text: &str| quantity::written(text).filter(|written| written.unit.is_empty()).map(|w| w.number);
    let wrong_unit = |wrong: Wrong| {
        let help = match quantity::written(text) {
            // A number with a unit of another kind: the value itself cannot be meant.
            Some(Written { unit, .. }) if other_kind(metric.unit(), unit) => example(metric),
            // What a string of the file would need quotes for needs none inside a condition.
            _ => wrong.help.unwrap_or_default().replace('"', "`"),
        };
        Wrong::new(format!("`{name}` is {}, `{text}` is none", phrase(metric.unit())), help)
    };
    match metric.unit() {
        Unit::Count => plain(text).map(Quantity::Count).ok_or_else(|| wrong_unit(Wrong::new("", example(metric)))),
        Unit::Share => match plain(text).filter(|number| metric == Metric::Fairness && *number <= 1.0) {
            Some(index) => Ok(Quantity::Share(index)),
            None => quantity::share(text).map(Quantity::Share).map_err(|wrong| match wrong.message.contains("over") {
                true => wrong,
                false => wrong_unit(wrong),
            }),
        },
        Unit::Time => quantity::time(text).map(Quantity::Time).map_err(wrong_unit),
        Unit::PerSecond => quantity::rate(text).map(Quantity::PerSecond).map_err(wrong_unit),
        Unit::Usd => {
            let number = text.strip_prefix('$').or_else(|| text.strip_suffix('$')).unwrap_or(text);
            plain(number).map(Quantity::Usd).ok_or_else(|| wrong_unit(Wrong::new("", example(metric))))
        }
    }
}

/// Whether a unit is a sound one of another kind.
fn other_kind(wanted: Unit, unit: &str) -> bool {
    let kind = match unit {
        "%" => Unit::Share,
        "/s" => Unit::PerSecond,
        "$" => Unit::Usd,
        unit if quantity::time(&format!("1{unit}")).is_ok() => Unit::Time,
        _ => return false,
    };
    kind != wanted
}

fn example(metric: Metric) -> String {
    let value = match metric.unit() {
        Unit::Count => "== 0",
        Unit::Share => "< 5%",
        Unit::Time => "< 40ms",
        Unit::PerSecond => "> 300/s",
        Unit::Usd => "< 10_000",
    };
    format!("write for example `{} {value}`", metric.name())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn condition(text: &str) -> Condition {
        parse(text).unwrap_or_else(|(_, wrong)| panic!("{text}: {wrong:?}")).condition
    }

    fn mistake(text: &str) -> String {
        let (span, Wrong { message, help }) = parse(text).expect_err(text);
        format!("{}: {message}; {}", &text[span], help.unwrap_or_default())
    }

    /// Every form of the grammar means what it says.
    #[test]
    fn conditions_are_read() {
        let read = condition("leaked_rows == 0");
        assert_eq!((read.left.metric, read.op), (Metric::LeakedRows, Comparison::Equal));
        assert_eq!(read.right, Bound::Constant(Quantity::Count(0.0)));
        let read = condition(" p99( victims , inject ) < 4*p99(baseline) ");
        assert_eq!((read.left.who, read.left.phase), (Who::Victims, Some(Phase::Inject)));
        assert!(matches!(read.right, Bound::Relative { factor: 4.0, of } if of.phase == Some(Phase::Baseline)));
        assert_eq!(condition("error_rate(timeout) < 5%").left.kind, Some(ErrorKind::Timeout));
        let tenant = "enterprise-2".parse().unwrap();
        assert_eq!(condition("errors(pool-timeout, enterprise-2) <= 1_000").left.who, Who::Tenant(tenant));
        for (text, quantity) in [
            ("p50 < 40ms", Quantity::Time(Duration::from_millis(40))),
            ("max < 1.5s", Quantity::Time(Duration::from_millis(1_500))),
            ("rate(growth) >= 300/s", Quantity::PerSecond(300.0)),
            ("fairness > 0.9", Quantity::Share(0.9)),
            ("bypass_share == 0%", Quantity::Share(0.0)),
            ("cost_usd < 10_000", Quantity::Usd(10_000.0)),
            ("cost_usd != $0.5", Quantity::Usd(0.5)),
        ] {
            assert_eq!(condition(text).right, Bound::Constant(quantity), "{text}");
        }
        assert!(matches!(condition("p99 <= p99(baseline)").right, Bound::Relative { factor: 1.0, .. }));
    }

    /// Each mistake is named, pointed at and answered.
    #[test]
    fn mistakes_are_answered() {
        let answers: Vec<String> = [
            "leaked_row == 0",
            "",
            "p99(victim) < 1s",
            "p99(enterprise-0) < 1s",
            "p99(timeout) < 1s",
            "errors(timeout, other) == 0",
            "p99(victims, growth) < 1s",
            "p99(victims < 1s",
            "leaked_rows = 0",
            "leaked_rows => 0",
            "leaked_rows",
            "leaked_rows <",
            "p99 < 40",
            "p99 < 40msec",
            "p99 < 5%",
            "error_rate < 0.05",
            "error_rate < 150%",
            "leaked_rows < 5ms",
            "leaked_rows == -1",
            "rate > 300",
            "p99 < 4 * error_rate",
            "p99 < p99(baseline) * 4",
            "p99 < 0 * p99(baseline)",
            "p99 < p99(baseline) and leaked_rows == 0",
            "cost_usd < 10_000 EUR",
        ]
        .map(mistake)
        .into();
        insta::assert_snapshot!(answers.join("\n"));
    }

    proptest! {
        /// No text makes the reader panic, and every span of a mistake lies inside the text.
        #[test]
        fn no_text_panics(text in "([a-z_0-9]{1,9}|[(),*%<>=! µ$/-]){0,14}") {
            match parse(&text) {
                Ok(parsed) => prop_assert!(text.get(parsed.bound).is_some()),
                Err((span, _)) => prop_assert!(text.get(span).is_some()),
            }
        }
    }
}
