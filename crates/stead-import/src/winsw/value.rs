//! Numbers, lengths of time and truths, as `WinSW` reads them.

use roxmltree::Node;
use stead_model::definition::Period;

use super::{line, text};
use crate::ImportError;
use crate::draft::period as limited;

pub(super) fn number(node: Node<'_, '_>) -> Result<u64, ImportError> {
    let given = text(node);
    given.parse().map_err(|_| {
        let name = node.tag_name().name();
        ImportError::syntax(line(node), format!("<{name}> is {given:?}, not a number"))
    })
}

pub(super) fn is_true(text: &str) -> bool {
    ["true", "yes", "on", "1", "y"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// The length of time an element holds.
pub(super) fn period(node: Node<'_, '_>) -> Result<Period, ImportError> {
    let name = node.tag_name().name();
    parse(&text(node), line(node), &format!("<{name}>"))
}

/// `10 sec`, `1min`, `2 hours`; a number alone is milliseconds.
pub(super) fn parse(given: &str, line: usize, subject: &str) -> Result<Period, ImportError> {
    let wrong = || {
        ImportError::syntax(
            line,
            format!("{subject} is {given:?}, not a length of time like \"10 sec\""),
        )
    };
    let trimmed = given.trim();
    let end = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (digits, unit) = trimmed.split_at(end);
    let millis = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "ms" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    Ok(limited(number.saturating_mul(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (given, shown) in [
            ("10 sec", "10s"),
            ("15secs", "15s"),
            ("1 hour", "1h"),
            ("2 days", "2d"),
            ("500", "500ms"),
            ("3min", "3m"),
        ] {
            assert_eq!(parse(given, 1, "x").unwrap().to_string(), shown);
        }
        for given in ["", "soon", "10 fortnights", "-1 sec"] {
            assert!(parse(given, 7, "x").is_err(), "{given}");
        }
    }
}
