//! The decoder's ground: a value with its place in the file, and the traits each type of a
//! definition implements. A decoder never stops at the first error: it notes a fault, goes on
//! with the default and finds the rest.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Faults};
use super::path::Path;
use super::value::{Argv, ArgvError, ByteSize, Period};
use super::words::{
    ErrorControl, ProcessType, Profile, Ready, RestartWhen, SidType, Signal, Start, WordError,
};
use crate::definition::RecoveryAction;
use crate::definition::sections::RecoveryActionError;
use crate::name::{CheckName, EnvironmentName, NameError, ServiceName, StackName};

/// A key of a section, as the decoder knows it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What the value is: `a length of time`.
    pub(crate) kind: &'static str,
    pub(crate) meaning: &'static str,
    /// The default as TOML; `None`: there is none.
    pub(crate) default: fn() -> Option<String>,
    pub(crate) required: bool,
    /// The keys below, where the value is a section.
    pub(crate) keys: &'static [Key],
    /// Whether the value is a list of such sections.
    pub(crate) list: bool,
}

/// A type that a value of the file can be.
pub(crate) trait Decode: Sized {
    /// What it is, for errors and the documentation: `a length of time`.
    const KIND: &'static str;
    /// The keys it has, if it is a section.
    const KEYS: &'static [Key] = &[];
    /// Whether it is a list of sections.
    const LIST: bool = false;

    /// The value, unless it is faulty: then at least one fault is noted.
    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self>;
}

/// A value, where it stands and what it is called.
pub(crate) struct Node<'a> {
    pub(crate) value: &'a DeValue<'a>,
    /// Where the value stands.
    pub(crate) span: Range<usize>,
    /// Where its key stands; for an element of a list, the value itself.
    pub(crate) key_span: Range<usize>,
    pub(crate) path: Path,
    /// The elements before it, where it is one of a list.
    pub(crate) before: &'a [Spanned<DeValue<'a>>],
}

impl<'a> Node<'a> {
    pub(crate) fn of_key(
        key: &Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
        parent: &Path,
    ) -> Self {
        Self {
            value: value.get_ref(),
            span: value.span(),
            key_span: key.span(),
            path: parent.key(key.get_ref()),
            before: &[],
        }
    }

    /// The value as a table, or a fault.
    pub(crate) fn table(&self, faults: &mut Faults) -> Option<&'a DeTable<'a>> {
        if let DeValue::Table(table) = self.value {
            return Some(table);
        }
        self.wrong_type("a table", faults);
        None
    }

    /// The value below `name`, decoded; `None` when there is none or it is faulty.
    pub(crate) fn get<T: Decode>(
        &self,
        table: &'a DeTable<'a>,
        name: &str,
        faults: &mut Faults,
    ) -> Option<T> {
        let (key, value) = table.get_key_value(name)?;
        T::decode(&Node::of_key(key, value, &self.path), faults)
    }

    /// Notes each key of `table` that is none of `known`.
    pub(crate) fn refuse_unknown(&self, table: &DeTable<'_>, known: &[Key], faults: &mut Faults) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.iter().any(|known| known.name == name) {
                continue;
            }
            let message = if self.path.is_root() {
                format!("unknown key `{}`", name.escape_debug())
            } else {
                format!("unknown key `{}` in {}", name.escape_debug(), self.path)
            };
            faults.add(
                Fault::new(self.path.key(name), message)
                    .at(key.span())
                    .suggest(nearest(name, known.iter().map(|known| known.name))),
            );
        }
    }

    pub(crate) fn wrong_type(&self, wanted: &str, faults: &mut Faults) {
        let found = match self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        faults.add(
            Fault::new(
                self.path.clone(),
                format!("{} must be {wanted}, not {found}", self.path),
            )
            .at(self.span.clone()),
        );
    }

    pub(crate) fn fault(&self, message: impl Display) -> Fault {
        Fault::new(self.path.clone(), format!("{}: {message}", self.path)).at(self.span.clone())
    }

    fn elements(&self) -> Option<impl Iterator<Item = Node<'a>>> {
        let DeValue::Array(array) = self.value else {
            return None;
        };
        let path = self.path.clone();
        Some(array.iter().enumerate().map(move |(index, value)| Node {
            value: value.get_ref(),
            span: value.span(),
            key_span: value.span(),
            path: path.index(index),
            before: &array[..index],
        }))
    }
}

/// The word among `known` that `word` is likely meant to be.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    /// Below this, two words have little in common but their length.
    const LIKELY: f64 = 0.75;
    /// Nobody means a word of forty letters by one of a thousand, and the search is quadratic.
    const WORD_MAX: usize = 128;
    if word.len() > WORD_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= LIKELY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known.to_owned())
}

/// An error of a text's parser, with what was likely meant.
trait Explained: Display {
    fn suggestion(&self) -> Option<String> {
        None
    }
}

impl Explained for super::value::PeriodError {}
impl Explained for super::value::ByteSizeError {}
impl Explained for NameError {}
impl Explained for RecoveryActionError {}
impl Explained for WordError {
    fn suggestion(&self) -> Option<String> {
        nearest(&self.word, self.allowed.iter().copied())
    }
}

macro_rules! texts {
    ($($type:ty: $kind:expr;)+) => {$(
        impl Decode for $type {
            const KIND: &'static str = $kind;

            fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
                let DeValue::String(text) = node.value else {
                    node.wrong_type(Self::KIND, faults);
                    return None;
                };
                text.parse()
                    .map_err(|error| {
                        let suggestion = Explained::suggestion(&error);
                        faults.add(node.fault(error).suggest(suggestion));
                    })
                    .ok()
            }
        }
    )+};
}

texts! {
    Period: "a length of time, like \"10s\"";
    StackName: "a name";
    EnvironmentName: "a name";
    ServiceName: "the name of a service";
    CheckName: "a name";
    RecoveryAction: "a recovery action, like \"restart/1s\"";
    Start: "automatic, delayed, manual or disabled";
    Ready: "spawned, notify or healthy";
    RestartWhen: "always, on-failure or never";
    Profile: "off, standard or strict";
    SidType: "none, unrestricted or restricted";
    ErrorControl: "ignore, normal, severe or critical";
    ProcessType: "background, standard, adaptive or interactive";
    Signal: "the name of a signal, like \"SIGTERM\"";
}

impl Decode for String {
    const KIND: &'static str = "text";

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let DeValue::String(text) = node.value else {
            node.wrong_type(Self::KIND, faults);
            return None;
        };
        if text.contains('\0') {
            faults.add(node.fault("the text has a NUL byte, which no program can be given"));
            return None;
        }
        Some(text.to_string())
    }
}

impl Decode for bool {
    const KIND: &'static str = "true or false";

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        if let DeValue::Boolean(value) = node.value {
            return Some(*value);
        }
        node.wrong_type(Self::KIND, faults);
        None
    }
}

macro_rules! integers {
    ($($type:ty: $kind:literal;)+) => {$(
        impl Decode for $type {
            const KIND: &'static str = $kind;

            fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
                let DeValue::Integer(number) = node.value else {
                    node.wrong_type(Self::KIND, faults);
                    return None;
                };
                let value = <$type>::from_str_radix(number.as_str(), number.radix()).ok();
                if value.is_none() {
                    faults.add(node.fault(format_args!(
                        "{number} is out of range; it must be from {} to {}",
                        <$type>::MIN,
                        <$type>::MAX,
                    )));
                }
                value
            }
        }
    )+};
}

integers! {
    u16: "a whole number from 0 to 65535";
    u32: "a whole number, not negative";
    u64: "a whole number, not negative";
    i32: "a whole number";
}

impl Decode for f64 {
    const KIND: &'static str = "a number";

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let value = match node.value {
            DeValue::Float(number) => number.as_str().parse::<Self>().ok(),
            DeValue::Integer(number) => i32::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(Self::from),
            _ => {
                node.wrong_type(Self::KIND, faults);
                return None;
            }
        };
        if value.is_none() {
            faults.add(node.fault("the number is out of range"));
        }
        value
    }
}

impl Decode for ByteSize {
    const KIND: &'static str = "a size, like \"10MiB\"";

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        match node.value {
            DeValue::String(text) => text
                .parse()
                .map_err(|error| faults.add(node.fault(error)))
                .ok(),
            DeValue::Integer(number) => {
                let bytes = i64::from_str_radix(number.as_str(), number.radix())
                    .ok()
                    .and_then(|bytes| u64::try_from(bytes).ok());
                if bytes.is_none() {
                    faults.add(node.fault(format_args!("{number} is no number of bytes")));
                }
                bytes.map(Self::from_bytes)
            }
            _ => {
                node.wrong_type(Self::KIND, faults);
                None
            }
        }
    }
}

impl Decode for Argv {
    const KIND: &'static str = "a list of texts: the program and its arguments";

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(elements) = node.elements() else {
            let noted = faults.len();
            node.wrong_type(Self::KIND, faults);
            if matches!(node.value, DeValue::String(_)) {
                faults.hint_since(
                    noted,
                    "no shell is involved: write each argument as a text of its own, like [\"./orders\", \"--port\", \"7001\"]",
                );
            }
            return None;
        };
        let mut words = Vec::new();
        let mut spans = Vec::new();
        for element in elements {
            let DeValue::String(text) = element.value else {
                element.wrong_type("text", faults);
                continue;
            };
            words.push(text.to_string());
            spans.push((element.path, element.span));
        }
        // Words that are no texts were noted above; what is left may look empty because of that.
        let whole = node
            .value
            .as_array()
            .is_some_and(|all| all.len() == words.len());
        match Self::new(words) {
            Ok(argv) => whole.then_some(argv),
            Err(ArgvError::Empty | ArgvError::EmptyProgram) if !whole => None,
            Err(error) => {
                let at = match error {
                    ArgvError::Empty => None,
                    ArgvError::EmptyProgram => spans.first(),
                    ArgvError::Nul { index } => spans.get(index),
                };
                let (path, span) = at
                    .cloned()
                    .unwrap_or((node.path.clone(), node.span.clone()));
                faults.add(Fault::new(path.clone(), format!("{path}: {error}")).at(span));
                None
            }
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    const KIND: &'static str = T::KIND;
    const KEYS: &'static [Key] = T::KEYS;
    const LIST: bool = T::LIST;

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        T::decode(node, faults).map(Some)
    }
}

/// A type that stands in lists, and what a list of it is called.
pub(crate) trait Listed: Decode {
    const LIST_KIND: &'static str;
}

macro_rules! listed {
    ($($type:ty: $kind:literal;)+) => {$(
        impl Listed for $type {
            const LIST_KIND: &'static str = $kind;
        }
    )+};
}

listed! {
    String: "a list of texts";
    i32: "a list of whole numbers";
    ServiceName: "a list of names of services";
    Argv: "a list of commands, each a list of texts";
    RecoveryAction: "a list of recovery actions, like [\"restart/1s\"]";
    super::check::Check: "a list of tables";
}

impl<T: Listed> Decode for Vec<T> {
    const KIND: &'static str = T::LIST_KIND;
    const KEYS: &'static [Key] = T::KEYS;
    const LIST: bool = !T::KEYS.is_empty();

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(elements) = node.elements() else {
            node.wrong_type(Self::KIND, faults);
            return None;
        };
        let mut places = Vec::new();
        let mut values = Self::new();
        let mut count = 0;
        for (place, element) in elements.enumerate() {
            count += 1;
            if let Some(value) = T::decode(&element, faults) {
                values.push(value);
                places.push(place);
            }
        }
        if places.len() < count {
            faults.note_gaps(node.path.clone(), places);
        }
        Some(values)
    }
}

impl Decode for BTreeMap<String, String> {
    const KIND: &'static str = "a table of texts";

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let table = node.table(faults)?;
        let mut map = Self::new();
        for (key, value) in table {
            let entry = Node::of_key(key, value, &node.path);
            if key.get_ref().contains('\0') {
                faults.add(
                    Fault::new(entry.path, format!("{}: a name has a NUL byte", node.path))
                        .at(key.span()),
                );
                continue;
            }
            let noted = faults.len();
            if let Some(text) = String::decode(&entry, faults) {
                map.insert(key.get_ref().to_string(), text);
            } else if let DeValue::Integer(number) = entry.value {
                faults.hint_since(noted, format!("write it as text: \"{number}\""));
            } else if let DeValue::Boolean(word) = entry.value {
                faults.hint_since(noted, format!("write it as text: \"{word}\""));
            }
        }
        Some(map)
    }
}
