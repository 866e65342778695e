//! The decoder: tables, lists and what may stand in them, with every mistake written down.

use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::{Problems, did_you_mean};
use crate::scenario::quantity::Wrong;

/// A value of the TOML parse tree.
pub(super) type Node<'a> = Spanned<DeValue<'a>>;

/// Something that can stand in a scenario file.
pub(in crate::scenario) trait Decode: Sized + JsonSchema {
    /// Reads a value. `None` if it is wrong, which has been written down then.
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self>;

    /// What to write, such as `a length of time, such as "500ms"`.
    fn shape() -> String;

    /// The keys, if it is a table or a list of tables.
    fn keys() -> Option<&'static [Key]> {
        None
    }
}

/// A key of a table, for the schema and the reference.
pub(in crate::scenario) struct Key {
    pub(in crate::scenario) name: &'static str,
    pub(in crate::scenario) need: Need,
    /// TOML text.
    pub(in crate::scenario) default: Option<&'static str>,
    pub(in crate::scenario) doc: &'static [&'static str],
    pub(in crate::scenario) shape: fn() -> String,
    pub(in crate::scenario) keys: fn() -> Option<&'static [Key]>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Key {
    /// A key whose values have this type.
    pub(super) const fn of<T: Decode>(
        name: &'static str,
        need: Need,
        default: Option<&'static str>,
        doc: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            need,
            default,
            doc,
            shape: T::shape,
            keys: T::keys,
            schema: |generator| generator.subschema_for::<T>(),
        }
    }

    /// The documentation as one line.
    pub(in crate::scenario) fn description(&self) -> String {
        joined(self.doc)
    }
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) enum Need {
    /// It must.
    Required,
    /// It need not, and has no value then.
    Optional,
    /// It need not, and has its default value then.
    Default,
}

/// What the file says about a key.
#[derive(Debug)]
pub(in crate::scenario) enum Entry<T> {
    /// Nothing.
    Absent,
    /// Nothing; this is what it means then.
    Default(T),
    /// Something wrong, or nothing although it must; it has been written down.
    Wrong,
    /// This, at this place.
    Given(Spanned<T>),
}

impl<T> Entry<T> {
    /// The value, if there is a sound one.
    pub(in crate::scenario) fn get(&self) -> Option<&T> {
        match self {
            Entry::Given(value) => Some(value.get_ref()),
            Entry::Default(value) => Some(value),
            Entry::Absent | Entry::Wrong => None,
        }
    }

    /// The value with its place, if the file gives a sound one.
    pub(in crate::scenario) fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Entry::Given(value) => Some(value),
            _ => None,
        }
    }

    /// Where the value stands, if the file gives a sound one.
    pub(in crate::scenario) fn span(&self) -> Option<Range<usize>> {
        self.given().map(Spanned::span)
    }

    /// Whether the file says nothing, neither right nor wrong.
    pub(in crate::scenario) fn is_absent(&self) -> bool {
        matches!(self, Entry::Absent | Entry::Default(_))
    }
}

/// A table that is being read.
pub(super) struct Fields<'a, 'b> {
    table: &'a DeTable<'b>,
    span: Range<usize>,
}

impl<'a, 'b> Fields<'a, 'b> {
    /// The table of a node, after a look at its keys.
    pub(super) fn of(node: &'a Node<'b>, keys: &[Key], shape: &str, problems: &mut Problems) -> Option<Self> {
        let DeValue::Table(table) = node.get_ref() else {
            wrong_type(node, shape, problems);
            return None;
        };
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !keys.iter().any(|known| known.name == name) {
                let help = did_you_mean(name, keys.iter().map(|known| known.name));
                problems.at(key.span(), format!("unknown key `{name}`")).maybe_help(help);
            }
        }
        Some(Self { table, span: node.span() })
    }

    /// What the table says about a key.
    pub(super) fn entry<T: Decode>(&self, key: &Key, problems: &mut Problems) -> Entry<T> {
        if let Some(node) = self.table.get(key.name) {
            return match T::decode(node, problems) {
                Some(value) => Entry::Given(Spanned::new(node.span(), value)),
                None => Entry::Wrong,
            };
        }
        match (key.need, key.default) {
            (Need::Required, _) => {
                let help = format!("write `{} = …`: {}", key.name, (key.shape)());
                problems.at(self.span.clone(), format!("the key `{}` is missing", key.name)).help(help);
                Entry::Wrong
            }
            (Need::Default, Some(default)) => Entry::Default(default_value(default)),
            (Need::Optional | Need::Default, _) => Entry::Absent,
        }
    }
}

/// The value of a default, which is written as in a file.
fn default_value<T: Decode>(text: &str) -> T {
    let mut problems = Problems::of(std::path::Path::new("default"), text);
    let value = DeValue::parse(text).ok().and_then(|node| T::decode(&node, &mut problems));
    value.expect("the defaults are sound, as a test shows that decodes each of them")
}

/// Writes down that a value is of the wrong type.
pub(super) fn wrong_type(node: &Node<'_>, shape: &str, problems: &mut Problems) {
    let found = match node.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    problems.at(node.span(), format!("{found} cannot stand here")).help(format!("write {shape}"));
}

/// Writes down what is wrong with a value.
pub(super) fn tell(span: Range<usize>, wrong: Wrong, problems: &mut Problems) {
    problems.at(span, wrong.message).maybe_help(wrong.help);
}

/// At most `MAX` values, each with its place.
#[derive(Debug)]
pub(in crate::scenario) struct List<T, const MAX: usize>(pub(in crate::scenario) Vec<Spanned<T>>);

impl<T: Decode, const MAX: usize> Decode for List<T, MAX> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Array(items) = node.get_ref() else {
            match (node.get_ref(), T::keys()) {
                (DeValue::Table(_), Some(_)) => {
                    let help = "there can be several: write the heading with two brackets, `[[…]]`";
                    problems.at(node.span(), "a table cannot stand here").help(help);
                }
                _ => wrong_type(node, &Self::shape(), problems),
            }
            return None;
        };
        if items.len() > MAX {
            let message = format!("the list has {} entries", items.len());
            problems.at(node.span(), message).help(format!("{MAX} are allowed"));
            return None;
        }
        let before = problems.len();
        let decoded: Vec<_> =
            items.iter().filter_map(|item| Some(Spanned::new(item.span(), T::decode(item, problems)?))).collect();
        // A list with holes would mean something else; a table with mistakes is no hole.
        (T::keys().is_some() || problems.len() == before).then_some(Self(decoded))
    }

    fn shape() -> String {
        match T::keys() {
            Some(_) => format!("tables, each {}", T::shape()),
            None => format!("a list in brackets; each entry is {}", T::shape()),
        }
    }

    fn keys() -> Option<&'static [Key]> {
        T::keys()
    }
}

impl<T: Decode, const MAX: usize> JsonSchema for List<T, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "array", "items": items, "maxItems": MAX })
    }
}

/// The schema of a table.
pub(super) fn table_schema(doc: &[&str], keys: &[Key], generator: &mut SchemaGenerator) -> Schema {
    let mut properties = Map::new();
    for key in keys {
        let mut schema = (key.schema)(generator);
        schema.insert("description".into(), key.description().into());
        if let Some(default) = key.default.and_then(json_of) {
            schema.insert("default".into(), default);
        }
        properties.insert(key.name.into(), schema.to_value());
    }
    let required: Vec<&str> = keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    let mut schema = schemars::json_schema!({
        "description": joined(doc), "type": "object", "properties": properties, "additionalProperties": false
    });
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    schema
}

/// TOML text as JSON.
fn json_of(toml: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {toml}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

fn joined(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares tables: for each, a type with one [`Entry`] per key, its decoder, its schema and its keys.
macro_rules! tables {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident ($shape:literal) {
            $( $(#[doc = $key_doc:literal])* $need:ident $key:literal $field:ident: $type:ty $(= $default:literal)?; )*
        }
    )*) => { $(
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(in crate::scenario) struct $name {
            $( $(#[doc = $key_doc])* pub(in crate::scenario) $field: Entry<$type>, )*
        }

        impl $name {
            const DOC: &'static [&'static str] = &[$($doc),*];
            const KEYS: &'static [Key] = &[
                $( Key::of::<$type>($key, Need::$need, tables!(@default $($default)?), &[$($key_doc),*]) ),*
            ];
        }

        impl Decode for $name {
            fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
                let fields = Fields::of(node, Self::KEYS, $shape, problems)?;
                let mut keys = Self::KEYS.iter();
                let mut next = || keys.next().expect("there are as many keys as fields");
                Some(Self { $( $field: fields.entry(next(), problems), )* })
            }

            fn shape() -> String {
                $shape.to_owned()
            }

            fn keys() -> Option<&'static [Key]> {
                Some(Self::KEYS)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                table_schema(Self::DOC, Self::KEYS, generator)
            }
        }
    )* };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

pub(super) use tables;
