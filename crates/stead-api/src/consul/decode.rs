use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Unexpected, Visitor};
use serde_json::Value;

/// Why an input is not what was expected.
///
/// A text that is no JSON names the line and column; JSON of another shape names the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    path: Vec<String>,
    message: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.path.iter().rev().enumerate() {
            let dot = if place > 0 { "." } else { "" };
            write!(f, "{dot}{part}")?;
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: Vec::new(),
            message: message.to_string(),
        }
    }
}

impl DecodeError {
    fn at(mut self, part: &str) -> Self {
        self.path.push(part.to_owned());
        self
    }
}

/// Reads JSON as Consul does: struct keys match in any case and the last of several wins, unknown
/// keys are ignored, a `null` is as if the key were absent. Keys of maps are kept as they are.
///
/// The fields of `T` are to be named in lower case.
pub fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, DecodeError> {
    let value: Value = serde_json::from_slice(json).map_err(de::Error::custom)?;
    T::deserialize(Lenient(value))
}

struct Lenient(Value);

impl IntoDeserializer<'_, DecodeError> for Lenient {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A value that adds its key to the errors below it.
struct Keyed(String, Value);

impl IntoDeserializer<'_, DecodeError> for Keyed {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! under_key {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            Lenient(self.1).$method(visitor).map_err(|error| error.at(&self.0))
        }
    )*};
}

impl<'de> Deserializer<'de> for Keyed {
    type Error = DecodeError;

    under_key! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit
        deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        Lenient(self.1)
            .deserialize_unit_struct(name, visitor)
            .map_err(|error| error.at(&self.0))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        Lenient(self.1)
            .deserialize_newtype_struct(name, visitor)
            .map_err(|error| error.at(&self.0))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        Lenient(self.1)
            .deserialize_tuple(len, visitor)
            .map_err(|error| error.at(&self.0))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        Lenient(self.1)
            .deserialize_tuple_struct(name, len, visitor)
            .map_err(|error| error.at(&self.0))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        Lenient(self.1)
            .deserialize_struct(name, fields, visitor)
            .map_err(|error| error.at(&self.0))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        Lenient(self.1)
            .deserialize_enum(name, variants, visitor)
            .map_err(|error| error.at(&self.0))
    }
}

macro_rules! plain {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.0.$method(visitor).map_err(de::Error::custom)
        }
    )*};
}

impl<'de> Deserializer<'de> for Lenient {
    type Error = DecodeError;

    plain! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            value => visitor.visit_some(Lenient(value)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.0
            .deserialize_unit_struct(name, visitor)
            .map_err(de::Error::custom)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Lenient)))
            }
            other => other.deserialize_any(visitor).map_err(de::Error::custom),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0 {
            Value::Object(entries) => visitor.visit_map(MapDeserializer::new(
                entries
                    .into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| (key.clone(), Keyed(key, value))),
            )),
            other => other.deserialize_any(visitor).map_err(de::Error::custom),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.0 {
            Value::Object(entries) => {
                let fields: BTreeMap<String, Keyed> = entries
                    .into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| (key.to_lowercase(), Keyed(key, value)))
                    .collect();
                visitor.visit_map(MapDeserializer::new(fields.into_iter()))
            }
            other => Err(de::Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.0
            .deserialize_enum(name, variants, visitor)
            .map_err(de::Error::custom)
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(_) => Unexpected::Other("number"),
        Value::String(value) => Unexpected::Str(value),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, rename_all = "lowercase")]
    struct Inner {
        port: u16,
        tags: Vec<String>,
        meta: BTreeMap<String, String>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, rename_all = "lowercase")]
    struct Outer {
        name: String,
        inner: Option<Inner>,
        list: Vec<Inner>,
    }

    #[test]
    fn struct_keys_match_in_any_case_and_map_keys_are_kept() {
        let json = br#"{"NAME":"a","iNNer":{"Port":7,"TAGS":null,"Meta":{"Key":"v","nil":null}},
            "List":[{"port":1}],"unknown":[{}]}"#;
        let outer: Outer = decode(json).unwrap();
        let inner = outer.inner.unwrap();
        assert_eq!(
            (outer.name.as_str(), inner.port, outer.list[0].port),
            ("a", 7, 1)
        );
        assert_eq!(inner.meta, BTreeMap::from([("Key".into(), "v".into())]));
    }

    #[test]
    fn malformed_json_names_line_and_column() {
        let error = decode::<Outer>(b"{\n  \"name\": }").unwrap_err();
        assert!(error.to_string().contains("line 2 column 11"), "{error}");
    }

    #[test]
    fn a_wrong_type_names_the_key() {
        let error = decode::<Outer>(br#"{"Inner":{"Port":"x"}}"#).unwrap_err();
        assert!(error.to_string().starts_with("Inner.Port: "), "{error}");
        let error = decode::<Outer>(br#"{"Inner":{"Meta":{"k":1}}}"#).unwrap_err();
        assert!(error.to_string().starts_with("Inner.Meta.k: "), "{error}");
        assert!(decode::<Outer>(b"[]").is_err() && decode::<Outer>(b"3").is_err());
    }
}
