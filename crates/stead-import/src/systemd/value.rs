//! Lengths of time, sizes, truths and signals, as systemd writes them.

use stead_model::definition::Period;

use crate::draft::period;

/// A length of time: `infinity` has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Time(Period),
    Infinity,
}

/// After `systemd.time(7)`: `90`, `5min 20s`, `1.5h`, `infinity`.
pub(super) fn span(text: &str) -> Option<Span> {
    let text = text.trim();
    if text == "infinity" {
        return Some(Span::Infinity);
    }
    let mut micros: f64 = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len());
        let factor = match &rest[..letters] {
            "us" | "usec" | "µs" | "μs" => 1.0,
            "ms" | "msec" => 1e3,
            "" | "s" | "sec" | "second" | "seconds" => 1e6,
            "m" | "min" | "minute" | "minutes" => 60e6,
            "h" | "hr" | "hour" | "hours" => 3_600e6,
            "d" | "day" | "days" => 86_400e6,
            "w" | "week" | "weeks" => 7.0 * 86_400e6,
            "M" | "month" | "months" => 30.44 * 86_400e6,
            "y" | "year" | "years" => 365.25 * 86_400e6,
            _ => return None,
        };
        micros += number * factor;
        rest = rest[letters..].trim_start();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and what is too large becomes the largest"
    )]
    let millis = (micros / 1e3).ceil() as u64;
    Some(Span::Time(period(millis)))
}

/// A size of memory in bytes: `512M`, `1G`, `4096`, by factors of 1024. No share of the machine.
pub(super) fn size(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    let bytes = digits.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    (i64::try_from(bytes).is_ok() && bytes > 0).then_some(bytes)
}

/// `150%` of one processor: 1.5.
pub(super) fn processors(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (percent.is_finite() && percent > 0.0).then_some(percent / 100.0)
}

pub(super) fn truth(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["yes", "true", "on", "1", "y", "t"]) {
        Some(true)
    } else if is(&["no", "false", "off", "0", "n", "f"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, shown) in [
            ("90", "90s"),
            ("5min 20s", "5m20s"),
            ("100ms", "100ms"),
            ("1.5h", "1h30m"),
            ("2min", "2m"),
            ("1us", "1ms"),
            ("0", "0s"),
        ] {
            let Some(Span::Time(period)) = span(text) else {
                panic!("{text}");
            };
            assert_eq!(period.to_string(), shown, "{text}");
        }
        assert_eq!(span("infinity"), Some(Span::Infinity));
        for text in ["", "soon", "5 parsecs", "1..2s", "-1"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_and_processors() {
        assert_eq!(size("512M"), Some(512 << 20));
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(
            (size("10%"), size("infinity"), size("0")),
            (None, None, None)
        );
        assert_eq!(processors("150%"), Some(1.5));
        assert_eq!((processors("150"), processors("0%")), (None, None));
    }
}
