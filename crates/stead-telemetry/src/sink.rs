//! Where lines go.

use std::io;

use tracing_subscriber::fmt::MakeWriter;

/// Stderr, whatever state it is in: what cannot be written is lost.
pub(crate) struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = io::Write::write_all(&mut io::stderr(), line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::Write::flush(&mut io::stderr());
        Ok(())
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
