//! Single values: texts, names, numbers with their units, words of closed lists.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::DeValue;

use super::table::{Decode, Fields, Node, tell, wrong_type};
use crate::diagnostics::{Problems, did_you_mean};
use crate::scenario::model::TenantSlug;
use crate::scenario::quantity::{self, Wrong, marked};
use crate::scenario::vocabulary::{FINDING_CODES, Word, spellings, word};

/// Longest `why`.
const MAX_TEXT: usize = 4_000;
/// Longest name and tag.
const MAX_NAME: usize = 64;
/// The first major version with `security_invoker` views, which the reference schema needs.
const OLDEST_POSTGRES: u32 = 15;

/// A value that is written as a TOML string.
trait Spelled: Sized {
    /// What to write.
    fn spelling() -> String;

    fn read(text: &str) -> Result<Self, Wrong>;

    fn schema() -> Schema;
}

macro_rules! spelled {
    ($($name:ident),*) => { $(
        impl Decode for $name {
            fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
                decode_spelled(node, problems)
            }

            fn shape() -> String {
                Self::spelling()
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                Self::schema()
            }
        }
    )* };
}

spelled!(Text, Tag, Postgres, Length, Percentage, PerSecond, Size, SizePerSecond, Sqlstate, Slug, Code);

fn decode_spelled<T: Spelled>(node: &Node<'_>, problems: &mut Problems) -> Option<T> {
    let text = match node.get_ref() {
        DeValue::String(text) => text.as_ref(),
        // A number without quotes: say what it should have been.
        DeValue::Integer(_) | DeValue::Float(_) => {
            let number = problems.text().get(node.span()).unwrap_or_default().to_owned();
            match T::read(&number) {
                Err(wrong) => tell(node.span(), wrong, problems),
                Ok(_) => problems.at(node.span(), "a number cannot stand here").help(format!("write \"{number}\"")),
            }
            return None;
        }
        _ => {
            wrong_type(node, &T::spelling(), problems);
            return None;
        }
    };
    T::read(text).map_err(|wrong| tell(node.span(), wrong, problems)).ok()
}

/// Prose.
#[derive(Debug)]
pub(in crate::scenario) struct Text(pub(in crate::scenario) String);

impl Spelled for Text {
    fn spelling() -> String {
        "a text in quotes".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        match text.trim() {
            "" => Err(Wrong::new("the text is empty", "say it in a sentence")),
            long if long.len() > MAX_TEXT => {
                Err(Wrong::new("the text is too long", format!("{MAX_TEXT} bytes are allowed")))
            }
            text => Ok(Self(text.to_owned())),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A plain name, which can be a file name: `[a-z0-9][a-z0-9-]{0,63}`.
#[derive(Debug)]
pub(in crate::scenario) struct Tag(pub(in crate::scenario) String);

impl Spelled for Tag {
    fn spelling() -> String {
        "a plain name of small letters, digits and `-`, in quotes".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.len() <= MAX_NAME && text.starts_with(plain) && text.chars().all(|c| plain(c) || c == '-') {
            return Ok(Self(text.to_owned()));
        }
        let mut name: String = text
            .to_ascii_lowercase()
            .chars()
            .map(|c| if plain(c) { c } else { '-' })
            .skip_while(|c| *c == '-')
            .take(MAX_NAME)
            .collect();
        name.truncate(name.trim_end_matches('-').len());
        let help = match name.as_str() {
            "" => "use up to 64 small letters, digits and `-`, not `-` first".to_owned(),
            name => format!("write \"{name}\""),
        };
        Err(Wrong::new("this is no plain name", help))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$" })
    }
}

/// A major version of PostgreSQL.
#[derive(Debug)]
pub(in crate::scenario) struct Postgres(pub(in crate::scenario) String);

impl Spelled for Postgres {
    fn spelling() -> String {
        "a major version, such as \"17\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        let major = text.split('.').next().unwrap_or_default();
        match text.parse::<u32>() {
            Ok(version @ OLDEST_POSTGRES..=99) if version.to_string() == text => Ok(Self(text.to_owned())),
            Ok(0..OLDEST_POSTGRES) => Err(Wrong::new(
                format!("PostgreSQL {text} is too old"),
                format!("the reference schema needs {OLDEST_POSTGRES} or later (security_invoker views)"),
            )),
            _ if major != text && major.parse::<u32>().is_ok_and(|major| major >= OLDEST_POSTGRES) => {
                Err(Wrong::new("only the major version can be chosen", format!("write \"{major}\"")))
            }
            _ => Err(Wrong::new(format!("`{text}` is no major version"), "write for example \"17\"")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^(1[5-9]|[2-9][0-9])$" })
    }
}

/// A length of time.
#[derive(Debug)]
pub(in crate::scenario) struct Length(pub(in crate::scenario) Duration);

impl Spelled for Length {
    fn spelling() -> String {
        "a length of time, such as \"500ms\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        quantity::time(text).map(Self)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*(us|µs|ms|s|min|h)\s*$" })
    }
}

/// A share.
#[derive(Debug)]
pub(in crate::scenario) struct Percentage(pub(in crate::scenario) f64);

impl Spelled for Percentage {
    fn spelling() -> String {
        "a percentage, such as \"20%\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        quantity::share(text).map(Self)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*%\s*$" })
    }
}

/// A rate.
#[derive(Debug)]
pub(in crate::scenario) struct PerSecond(pub(in crate::scenario) f64);

impl Spelled for PerSecond {
    fn spelling() -> String {
        "a rate per second, such as \"400/s\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        quantity::rate(text).map(Self)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*/\s*s\s*$" })
    }
}

/// A number of bytes.
#[derive(Debug)]
pub(in crate::scenario) struct Size(pub(in crate::scenario) u64);

impl Spelled for Size {
    fn spelling() -> String {
        "a size, such as \"64KiB\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        quantity::size(text).map(Self)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*([kMG]?B|[KMG]iB)\s*$" })
    }
}

/// A number of bytes per second.
#[derive(Debug)]
pub(in crate::scenario) struct SizePerSecond(pub(in crate::scenario) u64);

impl Spelled for SizePerSecond {
    fn spelling() -> String {
        "a size per second, such as \"100KiB/s\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        quantity::size_rate(text).map(Self)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*[0-9][0-9_]*(\.[0-9_]+)?\s*([kMG]?B|[KMG]iB)\s*/s\s*$" })
    }
}

/// The code of an error.
#[derive(Debug)]
pub(in crate::scenario) struct Sqlstate(pub(in crate::scenario) String);

impl Spelled for Sqlstate {
    fn spelling() -> String {
        "the SQLSTATE of an error, such as \"40001\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        let plain = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        // Success, warning, no data.
        let error = !["00", "01", "02"].iter().any(|class| text.starts_with(class));
        match (plain, error) {
            (true, true) => Ok(Self(text.to_owned())),
            (true, false) => {
                Err(Wrong::new(format!("{text} is no error"), "write one such as \"40001\" (serialization failure)"))
            }
            _ => {
                Err(Wrong::new(format!("`{text}` is no SQLSTATE"), "write five digits and capitals, such as \"40001\""))
            }
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Z]{5}$" })
    }
}

/// A tenant of the fleet.
#[derive(Debug)]
pub(in crate::scenario) struct Slug(pub(in crate::scenario) TenantSlug);

impl Spelled for Slug {
    fn spelling() -> String {
        "a tenant, such as \"enterprise-1\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        text.parse().map(Self).map_err(|_| {
            Wrong::new(format!("`{text}` is no tenant"), "write a tier and a number from 1, such as \"enterprise-1\"")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^(starter|growth|enterprise)-[1-9][0-9]*$" })
    }
}

/// The code of a finding.
#[derive(Debug)]
pub(in crate::scenario) struct Code(pub(in crate::scenario) &'static str);

impl Spelled for Code {
    fn spelling() -> String {
        "the code of a finding, such as \"TC-L01\"".into()
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        FINDING_CODES.into_iter().find(|code| *code == text).map(Self).ok_or_else(|| {
            let help = did_you_mean(text, FINDING_CODES);
            Wrong { message: format!("there is no finding `{text}`"), help }
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": FINDING_CODES })
    }
}

/// A word of a closed list.
#[derive(Debug)]
pub(in crate::scenario) struct OneOf<W>(pub(in crate::scenario) W);

impl<W: Word> Decode for OneOf<W> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let DeValue::String(text) = node.get_ref() else {
            wrong_type(node, &Self::shape(), problems);
            return None;
        };
        let found = word(text);
        if found.is_none() {
            let help = did_you_mean(text, spellings::<W>());
            problems.at(node.span(), format!("there is no {} `{text}`", W::NOUN)).maybe_help(help);
        }
        found.map(Self)
    }

    fn shape() -> String {
        let words: Vec<String> = spellings::<W>().map(|word| format!("\"{word}\"")).collect();
        match words.len() {
            0..=4 => format!("one of {}", words.join(", ")),
            _ => format!("a {}, such as {}", W::NOUN, words[0]),
        }
    }
}

impl<W: Word> JsonSchema for OneOf<W> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        W::NOUN.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = spellings::<W>().collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// A whole number within limits.
#[derive(Debug)]
pub(in crate::scenario) struct Whole<const MIN: u64, const MAX: u64>(pub(in crate::scenario) u64);

impl<const MIN: u64, const MAX: u64> Decode for Whole<MIN, MAX> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let integer = match node.get_ref() {
            DeValue::Integer(integer) => integer,
            DeValue::String(text) if text.parse::<u64>().is_ok() => {
                problems.at(node.span(), "a number has no quotes").help(format!("write {text}"));
                return None;
            }
            _ => {
                wrong_type(node, &Self::shape(), problems);
                return None;
            }
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| (MIN..=MAX).contains(number));
        if number.is_none() {
            let written = problems.text().get(node.span()).unwrap_or_default();
            problems.at(node.span(), format!("{written} is out of range")).help(format!("write {}", Self::shape()));
        }
        number.map(Self)
    }

    fn shape() -> String {
        format!("a whole number from {} to {}", marked(MIN), marked(MAX))
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("From{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A number of 0 or more.
#[derive(Debug)]
pub(in crate::scenario) struct Factor(pub(in crate::scenario) f64);

impl Decode for Factor {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let number = match node.get_ref() {
            DeValue::Integer(integer) => {
                u64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|number| number as f64)
            }
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => {
                wrong_type(node, &Self::shape(), problems);
                return None;
            }
        };
        let number = number.filter(|number: &f64| number.is_finite() && *number >= 0.0);
        if number.is_none() {
            let written = problems.text().get(node.span()).unwrap_or_default();
            problems.at(node.span(), format!("{written} is out of range")).help("write a number of 0 or more");
        }
        number.map(Self)
    }

    fn shape() -> String {
        "a number".into()
    }
}

impl JsonSchema for Factor {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Factor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

/// A table without keys, for what has nothing to set.
#[derive(Debug)]
pub(in crate::scenario) struct Nothing;

impl Decode for Nothing {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        Fields::of(node, &[], &Self::shape(), problems).map(|_| Self)
    }

    fn shape() -> String {
        "{}".into()
    }
}

impl JsonSchema for Nothing {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Nothing".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": false })
    }
}
