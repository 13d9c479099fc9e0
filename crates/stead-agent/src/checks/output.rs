//! Keeps the output of a check within its bound.

use stead_model::health::OUTPUT_MAX;

/// Cuts a text to [`OUTPUT_MAX`] bytes, between two characters.
pub(super) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(OUTPUT_MAX));
    text
}

/// Collects bytes as far as the bound.
#[derive(Debug, Default)]
pub(super) struct Output(Vec<u8>);

impl Output {
    /// Takes what still fits; false when the bound is reached.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let room = OUTPUT_MAX - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.0.len() < OUTPUT_MAX
    }

    /// The bytes as a text; what is no UTF-8 is replaced.
    pub(super) fn into_text(self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("ä".repeat(3000)), "ä".repeat(OUTPUT_MAX / 2));
        assert_eq!(cut(format!("x{}", "ä".repeat(3000))).len(), OUTPUT_MAX - 1);
        assert_eq!(cut("short".into()), "short");
    }

    #[test]
    fn bytes_are_taken_as_far_as_the_bound() {
        let mut output = Output::default();
        assert!(output.push(&[b'x'; OUTPUT_MAX - 1]));
        assert!(!output.push(b"yz"));
        assert!(!output.push(b"z"));
        assert!(output.into_text().ends_with("xy"));
    }
}
