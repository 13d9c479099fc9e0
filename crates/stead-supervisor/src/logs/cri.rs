//! The file format: one record a line, as container runtimes write it and collectors read it.
//!
//! `2026-11-22T22:57:38.123456789Z stdout F content`: time in UTC, stream, tag, and the bytes of one
//! line up to its newline. Tag `F` means that a newline followed, `P` that the line went on or that
//! the output ended there. A tag may carry more words after colons (the Kubernetes CRI logging
//! format): Stead's own remarks are `stderr F:stead remark`, and are not captured bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// One of the two outputs of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Captured bytes that were followed by a newline.
    Line,
    /// Captured bytes without a newline: the line goes on in the stream's next record, or it ended so.
    Partial,
    /// A remark of the supervisor's.
    Note,
}

/// One record of a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When the bytes were read from the program.
    pub time: Timestamp,
    /// Where they came from.
    pub stream: Stream,
    /// Line, part of a line, or remark.
    pub kind: Kind,
    /// The bytes, without the newline.
    pub content: Vec<u8>,
}

impl Record {
    /// Appends the bytes as the program wrote them; a remark adds nothing.
    pub fn write_raw(&self, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Line => {
                out.extend_from_slice(&self.content);
                out.push(b'\n');
            }
            Kind::Partial => out.extend_from_slice(&self.content),
            Kind::Note => {}
        }
    }
}

/// Longest header there is: time, stream and `F:stead`, each with its space.
const HEADER: usize = 30 + 1 + 6 + 1 + 7 + 1;

/// Offset of the tag in a header: both streams' words have six letters.
const TAG: usize = 30 + 1 + 6 + 1;

/// Formats the time of a read; the date and the second are kept from one call to the next.
#[derive(Debug)]
pub(super) struct Clock {
    second: Option<i64>,
    header: [u8; HEADER],
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            second: None,
            header: *b"0000-00-00T00:00:00.000000000Z stdout F:stead ",
        }
    }

    /// The header of records read at `now` from `stream`; its last two bytes are the tag and a space.
    pub(super) fn header(&mut self, now: SystemTime, stream: Stream) -> &[u8; TAG + 2] {
        self.fill(now, stream);
        self.header[TAG..TAG + 2].copy_from_slice(b"F ");
        // The array is longer than the header: the first chunk is always there.
        self.header
            .first_chunk()
            .unwrap_or(b"0000-00-00T00:00:00.000000000Z stdout F ")
    }

    /// One whole record with a remark; line breaks in it become spaces.
    pub(super) fn note(&mut self, now: SystemTime, text: &str, out: &mut Vec<u8>) {
        self.fill(now, Stream::Stderr);
        self.header[TAG..].copy_from_slice(b"F:stead ");
        out.extend_from_slice(&self.header);
        out.extend(
            text.bytes()
                .map(|byte| if byte == b'\n' { b' ' } else { byte }),
        );
        out.push(b'\n');
    }

    fn fill(&mut self, now: SystemTime, stream: Stream) {
        // A clock before 1970 is unset: the epoch says so.
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        if self.second != Some(second) {
            let moment = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            let text = moment.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.header[..19].copy_from_slice(&text.as_bytes()[..19]);
            self.second = Some(second);
        }
        let mut nanos = since.subsec_nanos();
        for digit in self.header[20..29].iter_mut().rev() {
            // A remainder of ten fits a byte.
            *digit = b'0' + u8::try_from(nanos % 10).unwrap_or(0);
            nanos /= 10;
        }
        self.header[31..37].copy_from_slice(stream.as_str().as_bytes());
    }
}

/// Turns the tag of a header made by [`Clock::header`] into that of a part of a line.
pub(super) fn make_partial(header: &mut [u8; TAG + 2]) {
    header[TAG] = b'P';
}

/// Reads one line of a log file (without its newline); `None` when it is not in the format.
pub(super) fn parse(line: &[u8]) -> Option<Record> {
    let mut parts = line.splitn(4, |&byte| byte == b' ');
    let (time, stream) = (parts.next()?, parts.next()?);
    let (tag, content) = (parts.next()?, parts.next()?);
    let kind = match tag {
        b"F" => Kind::Line,
        b"P" => Kind::Partial,
        tag if tag.ends_with(b":stead") => Kind::Note,
        _ => return None,
    };
    let stream = match stream {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    let time = std::str::from_utf8(time).ok()?.parse().ok()?;
    Some(Record {
        time,
        stream,
        kind,
        content: content.to_vec(),
    })
}

/// Whether a file's line is a whole captured line, which is what "the last N lines" counts.
pub(super) fn is_line(line: &[u8]) -> bool {
    matches!(line.get(TAG..TAG + 2), Some(b"F "))
}

/// The offset of the tag of a record cut off at the end of a file, if its header is whole.
pub(super) fn cut_off_tag(line: &[u8]) -> Option<usize> {
    let record = parse(line)?;
    (record.kind != Kind::Note).then_some(TAG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_header_is_the_time_to_the_nanosecond() {
        let mut clock = Clock::new();
        // Windows counts steps of 100 ns.
        let (nanos, text) = if cfg!(windows) {
            (23_456_700, "2026-11-22T22:57:38.023456700Z stderr F ")
        } else {
            (23_456_789, "2026-11-22T22:57:38.023456789Z stderr F ")
        };
        let now = UNIX_EPOCH + Duration::new(1_795_388_258, nanos);
        let mut line = clock.header(now, Stream::Stderr).to_vec();
        assert_eq!(line, text.as_bytes());
        line.extend_from_slice(b" a  b ");
        let record = parse(&line).unwrap();
        assert_eq!(
            (record.kind, record.content.as_slice()),
            (Kind::Line, &b" a  b "[..])
        );
        assert_eq!(record.time, Timestamp::try_from(now).unwrap());
    }

    #[test]
    fn a_note_is_one_line_and_no_output() {
        let mut out = Vec::new();
        Clock::new().note(UNIX_EPOCH, "two\nlines", &mut out);
        assert_eq!(
            out,
            b"1970-01-01T00:00:00.000000000Z stderr F:stead two lines\n"
        );
        let record = parse(out.trim_ascii_end()).unwrap();
        assert_eq!(record.kind, Kind::Note);
        let mut raw = Vec::new();
        record.write_raw(&mut raw);
        assert!(raw.is_empty());
    }

    #[test]
    fn what_is_not_a_record_is_refused() {
        for line in [
            "",
            "x",
            "2026-11-22T22:57:38Z stdout F",
            "2026-11-22T22:57:38Z stdin F x",
            "yesterday stdout F x",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
