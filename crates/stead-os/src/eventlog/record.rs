//! What an event is once `ReportEventW` takes it.

use super::messages::{Event, Level};

/// The most UTF-16 units of all insert strings of an event. `ReportEventW` takes 31,839 for one
/// and about 61,440 bytes for the whole event.
pub const TEXT_MAX: usize = 30_000;

/// The longest name of a source, in UTF-16 units: that of a key of the registry.
pub const SOURCE_MAX: usize = 255;

/// What stands for the end of a text that was too long.
const CUT: char = '…';

/// Why a text cannot be the name of an event source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is nothing.
    #[error("the name of the event source is empty")]
    Empty,
    /// A key of the registry cannot have it in its name.
    #[error("the name of the event source {name:?} has {character:?} in it")]
    Character {
        /// The name.
        name: String,
        /// The character.
        character: char,
    },
    /// It is longer than [`SOURCE_MAX`].
    #[error(
        "the name of the event source has {length} characters; at most {SOURCE_MAX} are allowed"
    )]
    TooLong {
        /// How long it is, in UTF-16 units.
        length: usize,
    },
}

/// Whether `name` can be an event source's: it becomes that of a key of the registry.
pub fn check_source(name: &str) -> Result<(), SourceError> {
    if name.is_empty() {
        return Err(SourceError::Empty);
    }
    if let Some(character) = name.chars().find(|c| *c == '\\' || c.is_control()) {
        return Err(SourceError::Character {
            name: name.to_owned(),
            character,
        });
    }
    let length = name.encode_utf16().count();
    if length > SOURCE_MAX {
        return Err(SourceError::TooLong { length });
    }
    Ok(())
}

/// The arguments of one `ReportEventW`, as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `EVENTLOG_ERROR_TYPE` (1), `EVENTLOG_WARNING_TYPE` (2), `EVENTLOG_INFORMATION_TYPE` (4).
    pub kind: u16,
    /// Always 0: there are no categories.
    pub category: u16,
    /// By which the text is found in the message table: severity and [`Event::id`].
    pub id: u32,
    /// The insert strings: those of [`Event::inserts`], then the rest of what is known.
    pub strings: Vec<String>,
}

impl Call {
    /// An event with its insert strings, in the order of [`Event::inserts`], and whatever else is
    /// known as names and values, which the text ends with, one a line.
    ///
    /// A missing insert string is shown as `?`. The whole is cut to [`TEXT_MAX`].
    pub fn new(event: Event, inserts: &[&str], details: &[(&str, String)]) -> Self {
        let mut room = TEXT_MAX;
        let mut strings = Vec::with_capacity(event.inserts.len() + 1);
        for index in 0..event.inserts.len() {
            let insert = inserts.get(index).copied().unwrap_or("?");
            strings.push(fitting(insert, &mut room));
        }
        let mut rest = String::new();
        for (name, value) in details {
            if rest.is_empty() {
                rest.push_str("\r\n");
            }
            rest.push_str("\r\n");
            rest.push_str(name);
            rest.push_str(": ");
            rest.push_str(value);
        }
        strings.push(fitting(&rest, &mut room));
        Self {
            kind: match event.level {
                Level::Error => 1,
                Level::Warning => 2,
                Level::Information => 4,
            },
            category: 0,
            id: event.message_id(),
            strings,
        }
    }
}

/// The text as an insert string, as much of it as there is room for.
fn fitting(text: &str, room: &mut usize) -> String {
    let mut fitting = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        // A string ends at its NUL.
        let character = if character == '\0' {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        };
        // The viewer takes `%1` and `%%1` within a string for inserts as well, without end.
        let is_insert = character == '%'
            && characters
                .peek()
                .is_some_and(|next| next.is_ascii_digit() || *next == '%');
        let units = character.len_utf16() + usize::from(is_insert);
        if units > room.saturating_sub(1) {
            if *room > 0 {
                fitting.push(CUT);
            }
            *room = 0;
            break;
        }
        *room -= units;
        fitting.push(character);
        if is_insert {
            fitting.push(' ');
        }
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::super::messages::{EVENTS, FAILED, INFORMATION, READY, UNHEALTHY};
    use super::*;

    #[test]
    fn levels_and_numbers() {
        let of = |event| {
            let call = Call::new(event, &[], &[]);
            (call.kind, call.category, call.id)
        };
        assert_eq!(of(READY), (4, 0, 0x4000_0065));
        assert_eq!(of(UNHEALTHY), (2, 0, 0x8000_00c9));
        assert_eq!(of(FAILED), (1, 0, 0xc000_012c));
    }

    #[test]
    fn every_insert_is_there_and_the_rest_follows() {
        let details = [("pid", "12".to_owned()), ("host", "a".to_owned())];
        let call = Call::new(FAILED, &["orders", "exit code 3"], &details);
        assert_eq!(
            call.strings,
            ["orders", "exit code 3", "\r\n\r\npid: 12\r\nhost: a"]
        );
        assert_eq!(
            Call::new(FAILED, &["orders"], &[]).strings,
            ["orders", "?", ""]
        );
    }

    #[test]
    fn no_text_is_taken_for_an_insert() {
        for (text, shown) in [
            ("50%", "50%"),
            ("%1", "% 1"),
            ("%%5", "% % 5"),
            ("%PATH%", "%PATH%"),
            ("a\0b", "a\u{fffd}b"),
        ] {
            assert_eq!(Call::new(INFORMATION, &[text], &[]).strings[0], shown);
        }
    }

    #[test]
    fn a_long_text_is_cut_within_characters() {
        for long in ["x".repeat(40_000), "😀".repeat(20_000), "%1".repeat(20_000)] {
            let call = Call::new(INFORMATION, &[&long], &[("more", "y".to_owned())]);
            let units: usize = call
                .strings
                .iter()
                .map(|it| it.encode_utf16().count())
                .sum();
            assert!((TEXT_MAX - 2..=TEXT_MAX).contains(&units), "{units}");
            assert!(call.strings[0].ends_with(CUT));
        }
        let fits = "x".repeat(TEXT_MAX - 1);
        assert_eq!(Call::new(INFORMATION, &[&fits], &[]).strings[0], fits);
    }

    #[test]
    fn sources() {
        assert_eq!(check_source("Stead orders"), Ok(()));
        assert_eq!(check_source(""), Err(SourceError::Empty));
        assert!(matches!(
            check_source("a\\b"),
            Err(SourceError::Character {
                character: '\\',
                ..
            })
        ));
        let long = "x".repeat(SOURCE_MAX + 1);
        assert_eq!(
            check_source(&long),
            Err(SourceError::TooLong { length: 256 })
        );
    }

    #[test]
    fn the_table_of_events_holds_together() {
        for pair in EVENTS.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} is out of order", pair[1].name);
        }
        for event in EVENTS {
            let last = event.inserts.len() + 1;
            for number in 1..=last {
                let insert = format!("%{number}");
                assert_eq!(event.text.matches(&insert).count(), 1, "{}", event.name);
            }
            assert!(event.text.ends_with(&format!("%{last}")), "{}", event.name);
            assert_eq!(event.text.matches('%').count(), last, "{}", event.name);
            assert_eq!(Event::named(event.name), Some(*event));
            assert_eq!(Event::numbered(event.id), Some(*event));
        }
    }
}
