//! Cuts the bytes of one pipe into records.

use memchr::memchr_iter;

use super::cri::make_partial;

/// The longest beginning of a line that is held back for its end; beyond it the line is written in
/// parts.
const HELD: usize = 64 * 1024;

/// Memory a pipe keeps while it holds nothing back.
const IDLE: usize = 1024;

/// The end of what was read so far, when it is not the end of a line.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    held: Vec<u8>,
}

impl Splitter {
    /// Writes a record for each line that ends in `bytes` to `out`, and says how many.
    pub(super) fn push(&mut self, bytes: &[u8], header: &[u8; 40], out: &mut Vec<u8>) -> u64 {
        let mut start = 0;
        let mut lines = 0;
        for end in memchr_iter(b'\n', bytes) {
            out.extend_from_slice(header);
            if !self.held.is_empty() {
                out.append(&mut self.held);
            }
            out.extend_from_slice(&bytes[start..=end]);
            start = end + 1;
            lines += 1;
        }
        let rest = &bytes[start..];
        if self.held.len() + rest.len() > HELD {
            self.cut(rest, header, out);
        } else {
            self.held.extend_from_slice(rest);
        }
        if self.held.is_empty() && self.held.capacity() > IDLE {
            self.held = Vec::new();
        }
        lines
    }

    /// Whether a beginning of a line is held back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Writes what is held back as a part of a line, and lets its memory go.
    pub(super) fn flush(&mut self, header: &[u8; 40], out: &mut Vec<u8>) {
        if self.holds() {
            self.cut(&[], header, out);
        }
        self.held = Vec::new();
    }

    fn cut(&mut self, rest: &[u8], header: &[u8; 40], out: &mut Vec<u8>) {
        let mut header = *header;
        make_partial(&mut header);
        out.extend_from_slice(&header);
        out.append(&mut self.held);
        out.extend_from_slice(rest);
        out.push(b'\n');
    }
}
