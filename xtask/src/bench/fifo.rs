//! What the probes tell, read as it comes.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use super::probe::Told;
use crate::shell;

/// The longest a restart is waited for; supervisord takes a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lines not yet asked for; a probe tells one a start.
const BUFFER: usize = 1024;

/// Ends the reader.
const END: &[u8] = b"end\n";

/// A named pipe into which the probes write.
pub(super) struct Fifo {
    path: PathBuf,
    writer: File,
    told: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Fifo {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("told");
        shell::output(shell::command("mkfifo").arg(&path))?;
        // Held open for both, it has no end of file between two probes.
        let writer = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let lines = BufReader::new(writer.try_clone()?).lines();
        let (sender, told) = sync_channel(BUFFER);
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.as_bytes() == END.trim_ascii_end() || sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            path,
            writer,
            told,
            reader: Some(reader),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next thing told.
    pub(super) fn next(&self) -> Result<Told> {
        let line = self
            .told
            .recv_timeout(PATIENCE)
            .with_context(|| format!("no probe has started within {PATIENCE:?}"))?;
        Told::parse(&line)
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // Nobody may be left to read what is still in the channel, so it goes first.
        let (_, closed) = sync_channel(0);
        self.told = closed;
        if self.writer.write_all(END).is_ok()
            && let Some(reader) = self.reader.take()
        {
            let _panicked = reader.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = Fifo::new(folder.path()).unwrap();
        std::fs::write(fifo.path(), "1 2\n").unwrap();
        std::fs::write(fifo.path(), "3 4\n").unwrap();
        assert_eq!(fifo.next().unwrap().pid, 2);
        assert_eq!(fifo.next().unwrap().pid, 4);
    }
}
