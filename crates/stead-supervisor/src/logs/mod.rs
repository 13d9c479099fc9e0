//! Log capture: what supervised programs write to stdout and stderr, byte for byte, into rotating files.
//!
//! - [`Collector`] owns every pipe and file; [`Collector::open`] gives a [`ServiceLog`] per service.
//! - Files are in the CRI format (module `cri`), named as module `names` says.
//! - [`read()`] goes through rotated and current files; [`ServiceLog::follow`] goes on from there.
//!
//! While the disk works nothing is lost or reordered within a stream: a program waits on its pipe for
//! as long as a write takes. When the disk does not (full, broken, folder deleted) no program waits:
//! records are dropped and counted, and a remark with the count is the first thing written once
//! writing works again. Retries hang on new output, at most one a second.

mod collector;
mod cri;
mod file;
mod follow;
mod lines;
mod names;
mod pass;
mod read;
mod service;
mod tidy;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use collector::{Collector, ServiceLog};
pub use cri::{Kind, Record, Stream};
pub use follow::Follower;
pub use read::{ReadOptions, Reader, read};
pub use service::LogStatus;

/// Where one service's output goes.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The service's name: the files are `NAME.log` and `NAME.log.TIME[.gz]`.
    pub service: String,
    /// The files; `None` writes none.
    pub files: Option<LogFiles>,
    /// Writes the bytes to Stead's own stdout and stderr too. A reader that is slow to take them
    /// slows the programs of this collector down.
    pub pass_through: bool,
}

/// The files of one service's log.
#[derive(Debug, Clone)]
pub struct LogFiles {
    /// The folder, made when it is not there.
    pub dir: PathBuf,
    /// Bytes after which a file is rotated, in front of the record that would not fit.
    pub max_size: u64,
    /// Age of its first record at which a file is rotated; `None`: whatever its age.
    pub max_age: Option<Duration>,
    /// Rotated files that are kept.
    pub keep: usize,
    /// Compresses rotated files with gzip.
    pub compress: bool,
}

impl LogFiles {
    /// The defaults of a service definition: 10 MiB, 7 days, 5 files kept, compressed.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            max_size: 10 * 1024 * 1024,
            max_age: Some(Duration::from_hours(7 * 24)),
            keep: 5,
            compress: true,
        }
    }
}

/// Why output cannot be captured or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The thread that captures could not be set up.
    #[error("cannot start the log collector")]
    Start(#[source] io::Error),
    /// The name does not make a file name.
    #[error("{0:?} cannot be the name of a log file")]
    Name(String),
    /// Folder or file cannot be made or written.
    #[error("cannot write the log {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A pipe could not be watched.
    #[error("cannot capture the {} of {service}", stream.as_str())]
    Attach {
        /// Whose output.
        service: String,
        /// Which of the two.
        stream: Stream,
        /// The system's reason.
        source: io::Error,
    },
    /// A log could not be read.
    #[error("cannot read the log {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The collector has ended, or has more requests waiting than it takes.
    #[error("the log collector takes no request")]
    Unavailable,
}
