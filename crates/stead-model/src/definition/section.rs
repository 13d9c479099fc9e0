//! The macro that makes a section: one list of fields gives the struct, its defaults, its JSON,
//! its table of keys and its decoder, so that none of them can drift from another.

/// Declares a section. Each line is a key: what it means, its name, its type, its default. A
/// section with a `required` key has no `Default` but a constructor that takes that key.
macro_rules! section {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $($(#[doc = $key_doc:literal])+ $key:ident : $type:ty = $default:expr;)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $vis struct $name {
            $($(#[doc = $key_doc])+ $vis $key: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::definition::decode::Decode for $name {
            const KIND: &'static str = "a table";
            const KEYS: &'static [$crate::definition::decode::Key] = &[
                $($crate::definition::section::key!(
                    false, $key, $type, $default, $($key_doc),+
                ),)+
            ];

            fn decode(
                node: &$crate::definition::decode::Node<'_>,
                faults: &mut $crate::definition::error::Faults,
            ) -> Option<Self> {
                let table = node.table(faults)?;
                node.refuse_unknown(table, Self::KEYS, faults);
                Some(Self {
                    $($key: node
                        .get(table, stringify!($key), faults)
                        .unwrap_or_else(|| $default),)+
                })
            }
        }
    };
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $(#[doc = $required_doc:literal])+ required $required:ident : $required_type:ty;
            $($(#[doc = $key_doc:literal])+ $key:ident : $type:ty = $default:expr;)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis struct $name {
            $(#[doc = $required_doc])+ $vis $required: $required_type,
            $($(#[doc = $key_doc])+ $vis $key: $type,)+
        }

        impl $name {
            /// Everything but what is given is at its default.
            pub fn new($required: $required_type) -> Self {
                Self { $required, $($key: $default,)+ }
            }
        }

        impl $crate::definition::decode::Decode for $name {
            const KIND: &'static str = "a table";
            const KEYS: &'static [$crate::definition::decode::Key] = &[
                $crate::definition::section::key!(
                    true, $required, $required_type, unreachable!(), $($required_doc),+
                ),
                $($crate::definition::section::key!(
                    false, $key, $type, $default, $($key_doc),+
                ),)+
            ];

            fn decode(
                node: &$crate::definition::decode::Node<'_>,
                faults: &mut $crate::definition::error::Faults,
            ) -> Option<Self> {
                let table = node.table(faults)?;
                let noted = faults.len();
                node.refuse_unknown(table, Self::KEYS, faults);
                let name = stringify!($required);
                if !table.contains_key(name) && !faults.suggested_since(noted, name) {
                    let message = format!("{} has no `{name}`", node.path);
                    let missing = $crate::definition::error::Fault::new(node.path.clone(), message);
                    faults.add(missing.at(node.key_span.clone()));
                }
                let $required = node
                    .get(table, name, faults)
                    .unwrap_or_else(<$required_type>::placeholder);
                $(let $key = node
                    .get(table, stringify!($key), faults)
                    .unwrap_or_else(|| $default);)+
                Some(Self { $required, $($key,)+ })
            }
        }
    };
}

macro_rules! key {
    (true, $key:ident, $type:ty, $default:expr, $($doc:literal),+) => {
        $crate::definition::section::key!(@ true, || None, $key, $type, $($doc),+)
    };
    (false, $key:ident, $type:ty, $default:expr, $($doc:literal),+) => {
        $crate::definition::section::key!(@ false, || {
            let default: $type = $default;
            $crate::definition::section::shown(&default)
        }, $key, $type, $($doc),+)
    };
    (@ $required:literal, $shown:expr, $key:ident, $type:ty, $($doc:literal),+) => {
        $crate::definition::decode::Key {
            name: stringify!($key),
            kind: <$type as $crate::definition::decode::Decode>::KIND,
            meaning: concat!($($doc),+),
            default: $shown,
            required: $required,
            keys: <$type as $crate::definition::decode::Decode>::KEYS,
            list: <$type as $crate::definition::decode::Decode>::LIST,
        }
    };
}

/// A default as the file would write it; `None` for what is absent by default.
pub(super) fn shown(default: &impl serde::Serialize) -> Option<String> {
    toml::Value::try_from(default)
        .ok()
        .map(|value| value.to_string())
}

pub(super) use {key, section};
