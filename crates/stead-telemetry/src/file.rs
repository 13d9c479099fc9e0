//! Lines into a file that rotates by its size.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// A log file and how much of it is kept.
///
/// A file that would grow past `max_size` becomes `PATH.1`, that before it `PATH.2`, and so on;
/// a kill in between leaves at worst a gap in the numbers. One process writes one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLog {
    /// Where the newest lines are. Its folder is made if there is none.
    pub path: PathBuf,
    /// In bytes.
    pub max_size: u64,
    /// How many older files are kept.
    pub keep: u32,
}

impl FileLog {
    /// The file there, of at most 10 MiB, with five older ones.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_size: 10 << 20,
            keep: 5,
        }
    }
}

/// Where the lines go. Clones write to the same.
#[derive(Clone)]
pub(crate) struct Files(Arc<Mutex<State>>);

struct State {
    log: FileLog,
    /// `None`: could not be opened; the next line tries again.
    open: Option<Open>,
}

struct Open {
    file: File,
    size: u64,
    /// The size at which it is rotated: later than it should be after a rotation that failed.
    limit: u64,
}

impl Files {
    pub(crate) fn new(log: &FileLog) -> Self {
        Self(Arc::new(Mutex::new(State {
            log: log.clone(),
            open: None,
        })))
    }
}

impl State {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.open.is_none() {
            self.open = Some(open(&self.log)?);
        }
        if let Some(open) = &self.open
            && open.size > 0
            && open.size + length > open.limit
        {
            self.rotate()?;
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.size += length;
        if let Err(error) = open.file.write_all(line) {
            // It may have been taken away; the next line looks.
            self.open = None;
            return Err(error);
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let moved = shift(&self.log);
        let mut open = open(&self.log)?;
        if moved.is_err() {
            // Somebody holds it: go on with it, and try again after a while, not with every line.
            open.limit = open.size + self.log.max_size / 8;
        }
        self.open = Some(open);
        Ok(())
    }
}

/// Opens the file to go on with what is in it.
fn open(log: &FileLog) -> io::Result<Open> {
    if let Some(folder) = log.path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&log.path)?;
    let size = file.metadata()?.len();
    Ok(Open {
        file,
        size,
        limit: log.max_size,
    })
}

/// Moves each file on by one, the last out of the way first.
fn shift(log: &FileLog) -> io::Result<()> {
    if log.keep == 0 {
        return fs::remove_file(&log.path);
    }
    for number in (1..log.keep).rev() {
        let from = numbered(&log.path, number);
        if from.exists() {
            fs::rename(from, numbered(&log.path, number + 1))?;
        }
    }
    fs::rename(&log.path, numbered(&log.path, 1))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

impl io::Write for Files {
    /// A line: they are handed over whole. What cannot be written is lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = state.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Files {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &Path, keep: u32) -> FileLog {
        FileLog {
            path: folder.join("logs/stead.log"),
            max_size: 100,
            keep,
        }
    }

    /// As the layer writes: the whole line at once.
    fn line(files: &mut Files, text: &str) {
        files.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    fn write(log: &FileLog, numbers: std::ops::Range<u32>) {
        let mut files = Files::new(log);
        for number in numbers {
            line(
                &mut files,
                &format!("line {number:04} with forty bytes of text....."),
            );
        }
    }

    fn names(log: &FileLog) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(log.path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn files_move_on_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 2);
        // Two lines a file.
        write(&log, 0..9);
        assert_eq!(names(&log), ["stead.log", "stead.log.1", "stead.log.2"]);
        assert!(text(&log.path).starts_with("line 0008"));
        assert!(text(&numbered(&log.path, 1)).starts_with("line 0006"));
        assert!(text(&numbered(&log.path, 2)).starts_with("line 0004"));
    }

    #[test]
    fn the_next_process_goes_on_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 3);
        write(&log, 0..1);
        write(&log, 1..3);
        assert_eq!(text(&numbered(&log.path, 1)).lines().count(), 2);
        assert!(text(&log.path).starts_with("line 0002"));
    }

    #[test]
    fn none_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 0);
        write(&log, 0..5);
        assert_eq!(names(&log), ["stead.log"]);
        assert!(text(&log.path).starts_with("line 0004"));
    }

    #[test]
    fn a_line_larger_than_a_file_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 1);
        let mut files = Files::new(&log);
        line(&mut files, &"x".repeat(500));
        line(&mut files, "after");
        assert_eq!(text(&log.path), "after\n");
        assert_eq!(text(&numbered(&log.path, 1)).len(), 501);
    }

    #[test]
    fn a_rotation_that_fails_goes_on_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 1);
        write(&log, 0..2);
        // A folder with something in it cannot be replaced.
        fs::create_dir_all(numbered(&log.path, 1).join("full")).unwrap();
        write(&log, 2..4);
        assert_eq!(text(&log.path).lines().count(), 4);
        fs::remove_dir_all(numbered(&log.path, 1)).unwrap();
        write(&log, 4..5);
        assert!(text(&log.path).starts_with("line 0004"));
        assert_eq!(text(&numbered(&log.path, 1)).lines().count(), 4);
    }

    #[test]
    fn a_file_that_cannot_be_is_nobody_s_trouble_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 1);
        fs::write(folder.path().join("logs"), "in the way").unwrap();
        let mut files = Files::new(&log);
        line(&mut files, "lost");
        fs::remove_file(folder.path().join("logs")).unwrap();
        line(&mut files, "there");
        assert_eq!(text(&log.path), "there\n");
    }
}
