//! The text of a registry dump: keys, values, and the bytes they hold.
//!
//! After "Registration entries (.reg) files" of Microsoft's documentation, version 5 and 4.

use crate::ImportError;

/// One key with its values.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) line: usize,
    /// Without the root: `SYSTEM\CurrentControlSet\…`.
    pub(super) path: String,
    pub(super) values: Vec<Value>,
}

/// A value of a key.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) line: usize,
    /// Empty: the key's default value.
    pub(super) name: String,
    pub(super) data: Data,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Data {
    Text(String),
    Texts(Vec<String>),
    Number(u64),
    Bytes(usize),
}

impl Data {
    /// As one text, whatever it is.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Texts(texts) => texts.join(" "),
            Self::Number(number) => number.to_string(),
            Self::Bytes(count) => format!("{count} bytes"),
        }
    }
}

/// How the dump's bytes are text: version 4 has one for each character.
#[derive(Clone, Copy)]
enum Width {
    Narrow,
    Wide,
}

pub(super) fn is_dump(text: &str) -> bool {
    width(text).is_some()
}

fn width(text: &str) -> Option<Width> {
    let first = text.lines().next()?.trim();
    if first.starts_with("Windows Registry Editor Version 5") {
        Some(Width::Wide)
    } else if first == "REGEDIT4" {
        Some(Width::Narrow)
    } else {
        None
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<Key>, ImportError> {
    let text = text.trim_start();
    let width = width(text).ok_or_else(|| {
        ImportError::syntax(
            1,
            "a dump begins with \"Windows Registry Editor Version 5.00\"",
        )
    })?;
    let mut keys: Vec<Key> = Vec::new();
    let mut lines = text.lines().enumerate().skip(1);
    while let Some((index, first)) = lines.next() {
        let number = index + 1;
        let trimmed = first.trim();
        if trimmed.is_empty() || trimmed.starts_with(';') {
            continue;
        }
        if let Some(path) = trimmed.strip_prefix('[') {
            let path = path
                .strip_suffix(']')
                .ok_or_else(|| ImportError::syntax(number, "a key has a `[` without a `]`"))?;
            if path.starts_with('-') {
                return Err(ImportError::syntax(
                    number,
                    "the dump deletes a key; export it anew",
                ));
            }
            let path = path.split_once('\\').map_or("", |(_, path)| path);
            keys.push(Key {
                line: number,
                path: path.to_owned(),
                values: Vec::new(),
            });
            continue;
        }
        let mut whole = trimmed.to_owned();
        // A quoted text ends in its line, as does a number; bytes go on after a backslash.
        while whole.ends_with('\\') {
            whole.pop();
            let Some((_, next)) = lines.next() else {
                return Err(ImportError::syntax(number, "the file ends within a value"));
            };
            whole.push_str(next.trim());
        }
        // Texts with line breaks are quoted over lines.
        while is_open(&whole) {
            let Some((_, next)) = lines.next() else {
                return Err(ImportError::syntax(number, "a text has no closing quote"));
            };
            whole.push('\n');
            whole.push_str(next);
        }
        let (name, data) = value(whole.trim(), width).ok_or_else(|| {
            ImportError::syntax(number, "this is no value: a value is \"name\"=data")
        })?;
        let key = keys
            .last_mut()
            .ok_or_else(|| ImportError::syntax(number, "a value stands before the first key"))?;
        if let Some(data) = data {
            key.values.push(Value {
                line: number,
                name,
                data,
            });
        }
    }
    Ok(keys)
}

/// Whether a quote is still to come.
fn is_open(text: &str) -> bool {
    let mut open = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if open => {
                characters.next();
            }
            '"' => open = !open,
            _ => {}
        }
    }
    open
}

/// The name and the data; no data where the value is to be deleted.
fn value(text: &str, width: Width) -> Option<(String, Option<Data>)> {
    let (name, rest) = match text.strip_prefix('@') {
        Some(rest) => (String::new(), rest),
        None => quoted(text)?,
    };
    let data = rest.trim_start().strip_prefix('=')?.trim();
    if data == "-" {
        return Some((name, None));
    }
    if data.starts_with('"') {
        let (text, rest) = quoted(data)?;
        return rest
            .trim()
            .is_empty()
            .then_some((name, Some(Data::Text(text))));
    }
    let (kind, data) = data.split_once(':')?;
    let data = match kind {
        "dword" => Data::Number(u32::from_str_radix(data.trim(), 16).ok()?.into()),
        "hex(1)" | "hex(2)" => Data::Text(
            texts(&bytes(data)?, width)?
                .into_iter()
                .next()
                .unwrap_or_default(),
        ),
        "hex(7)" => Data::Texts(texts(&bytes(data)?, width)?),
        "hex(4)" => Data::Number(u32::from_le_bytes(bytes(data)?.try_into().ok()?).into()),
        "hex(b)" => Data::Number(u64::from_le_bytes(bytes(data)?.try_into().ok()?)),
        _ if kind.starts_with("hex") => Data::Bytes(bytes(data)?.len()),
        _ => return None,
    };
    Some((name, Some(data)))
}

/// The text in quotes at the start, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let mut found = String::new();
    let mut characters = rest.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((found, &rest[index + 1..])),
            '\\' => found.push(characters.next()?.1),
            other => found.push(other),
        }
    }
    None
}

fn bytes(data: &str) -> Option<Vec<u8>> {
    data.split(',')
        .map(str::trim)
        .filter(|byte| !byte.is_empty())
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect()
}

/// The texts between NULs, up to the first empty one that ends the list.
fn texts(bytes: &[u8], width: Width) -> Option<Vec<String>> {
    let units: Vec<u16> = match width {
        Width::Wide => bytes
            .chunks(2)
            .map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
            .collect::<Option<_>>()?,
        Width::Narrow => bytes.iter().map(|byte| u16::from(*byte)).collect(),
    };
    units
        .split(|unit| *unit == 0)
        .filter(|text| !text.is_empty())
        .map(|text| String::from_utf16(text).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(line: &str) -> Data {
        let text =
            format!("Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\a]\n{line}\n");
        parse(&text).unwrap().remove(0).values.remove(0).data
    }

    #[test]
    fn every_kind_of_value() {
        for (line, expected) in [
            (r#""a"="C:\\x \"y\"""#, Data::Text(r#"C:\x "y""#.into())),
            (r#""a"=dword:0000ea60"#, Data::Number(60_000)),
            (
                r#""a"=hex(b):00,00,00,00,01,00,00,00"#,
                Data::Number(1 << 32),
            ),
            (
                r#""a"=hex(2):25,00,78,00,25,00,00,00"#,
                Data::Text("%x%".into()),
            ),
            (
                "\"a\"=hex(7):61,00,3d,00,31,00,00,00,\\\n  62,00,00,00,00,00",
                Data::Texts(vec!["a=1".into(), "b".into()]),
            ),
            (r#""a"=hex:80,51,01,00"#, Data::Bytes(4)),
            ("\"a\"=\"two\nlines\"", Data::Text("two\nlines".into())),
        ] {
            assert_eq!(data(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_dump_is_told_with_its_line() {
        for (text, line) in [
            ("hello", 1),
            ("REGEDIT4\n\"a\"=\"b\"", 2),
            ("REGEDIT4\n[HKEY_LOCAL_MACHINE\\a", 2),
            ("REGEDIT4\n[-HKEY_LOCAL_MACHINE\\a]", 2),
            ("REGEDIT4\n[a]\n\"a\"=\"b", 3),
            ("REGEDIT4\n[a]\n\"a\"=hex(7):61,\\", 3),
            ("REGEDIT4\n[a]\n\"a\"=float:1", 3),
            ("REGEDIT4\n[a]\n\n\"a\"=dword:xyz", 4),
        ] {
            match parse(text) {
                Err(ImportError::Syntax { line: at, .. }) => assert_eq!(at, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
