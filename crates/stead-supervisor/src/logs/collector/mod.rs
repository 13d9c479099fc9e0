//! The handles of log capture. The reading is done by `linux` (one thread for everything) or, on other
//! systems, by `threads` (a blocking thread a pipe).

use std::io::PipeReader;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::cri::Stream;
use super::file::RotatingFile;
use super::follow::Follower;
use super::names::Folder;
use super::pass::PassThrough;
use super::read::{ReadOptions, Reader};
use super::service::{LogStatus, Service};
use super::tidy::{Chore, Tidier};
use super::{LogError, LogOptions};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as engine;
#[cfg(not(target_os = "linux"))]
mod threads;
#[cfg(not(target_os = "linux"))]
use threads as engine;

/// Requests waiting for the collector's thread.
const REQUESTS: usize = 4096;

/// How long a first part of a line waits for its end before it is written as a part.
const HOLD: Duration = Duration::from_millis(50);

/// Bytes read at a time.
const READ: usize = 256 * 1024;

/// Memory for records that is kept from one read to the next: enough for lines of usual length. Those
/// of a read full of empty lines take forty times its bytes.
const KEPT: usize = 1024 * 1024;

/// What the handles ask of the collector's thread.
enum Request {
    /// Watch the age of this service's file.
    Open(Arc<Service>),
    Attach(Arc<Service>, Stream, PipeReader),
    Note(Arc<Service>, String),
    /// Read what is in the service's pipes now, then answer; let go of the pipes if asked.
    Drain {
        service: Arc<Service>,
        release: bool,
        done: oneshot::Sender<()>,
    },
    Stop,
}

/// Captures the output of all services. Cheap to clone; the last handle gone (a [`ServiceLog`] is
/// one) reads what is in the pipes, and ends the threads.
#[derive(Debug, Clone)]
pub struct Collector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: engine::Engine,
    tidier: Arc<Tidier>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.engine.stop();
        self.tidier.stop();
    }
}

/// The log of one service. Dropping it stops nothing: pipes that are open are read to their end while
/// the collector lives.
#[derive(Debug, Clone)]
pub struct ServiceLog {
    collector: Collector,
    service: Arc<Service>,
}

impl Collector {
    /// Starts the capturing thread.
    pub fn start() -> Result<Self, LogError> {
        let engine = engine::Engine::start().map_err(LogError::Start)?;
        Ok(Self(Arc::new(Inner {
            engine,
            tidier: Arc::new(Tidier::new()),
        })))
    }

    /// Opens a service's log. Blocks for as long as it takes to open a file. A folder or file that
    /// cannot be written is an error here, before the program is started.
    pub fn open(&self, options: LogOptions) -> Result<ServiceLog, LogError> {
        let name = options.service;
        let plain = !name.is_empty() && !name.starts_with('.');
        if !plain || name.contains(['/', '\\', ':', '\0']) {
            return Err(LogError::Name(name));
        }
        let mut folder = None;
        let mut file = None;
        let mut tidy = None;
        if let Some(files) = options.files {
            let at = Folder {
                dir: files.dir,
                service: name.clone(),
            };
            let opened = RotatingFile::open(at.clone(), files.max_size, files.max_age).map_err(
                |source| LogError::Open {
                    path: at.current(),
                    source,
                },
            )?;
            let chore = Arc::new(Chore::new(at.clone(), files.keep, files.compress));
            if opened.last_key().is_some() {
                // Leftovers of a run that was killed, or bounds that are narrower now.
                self.0.tidier.request(&chore);
            }
            tidy = Some((Arc::clone(&self.0.tidier), chore));
            folder = Some(at);
            file = Some(opened);
        }
        let pass = options.pass_through.then(PassThrough::open);
        let service = Arc::new(Service::new(name, folder, file, pass, tidy));
        self.0.engine.request(Request::Open(Arc::clone(&service)))?;
        Ok(ServiceLog {
            collector: self.clone(),
            service,
        })
    }
}

impl ServiceLog {
    /// Reads `pipe` from now on, to its end, whoever holds the other side. A service can have many
    /// pipes: those of earlier runs that a grandchild still holds among them.
    pub fn attach(&self, stream: Stream, pipe: PipeReader) -> Result<(), LogError> {
        self.service.pipes.send_modify(|pipes| *pipes += 1);
        let request = Request::Attach(Arc::clone(&self.service), stream, pipe);
        let attached = self.collector.0.engine.request(request);
        if attached.is_err() {
            self.service.pipes.send_modify(|pipes| *pipes -= 1);
        }
        attached
    }

    /// Writes a remark of the supervisor's in between the captured records: it is no output of the
    /// program and does not come back as such. Never blocks; a remark too many is left out.
    pub fn note(&self, text: impl Into<String>) {
        let request = Request::Note(Arc::clone(&self.service), text.into());
        if self.collector.0.engine.request(request).is_err() {
            tracing::debug!(
                service = self.service.name,
                "a remark was left out of the log"
            );
        }
    }

    /// Waits until everything that is in the service's pipes now is written, `limit` at the longest.
    /// The pipes stay attached: a grandchild's output goes on into the log. True if it was in time.
    pub async fn drained(&self, limit: Duration) -> bool {
        self.drain(limit, false).await
    }

    /// Like [`ServiceLog::drained`], then lets go of the pipes. Whoever still writes then gets a
    /// broken pipe.
    pub async fn finish(&self, limit: Duration) -> bool {
        self.drain(limit, true).await
    }

    async fn drain(&self, limit: Duration, release: bool) -> bool {
        let until = tokio::time::Instant::now() + limit;
        #[cfg(not(target_os = "linux"))]
        {
            let read = self.collector.0.engine.read(&self.service);
            let read = tokio::time::timeout_at(until, read).await.unwrap_or(false);
            self.ask_to_drain(release).await && read
        }
        #[cfg(target_os = "linux")]
        {
            let asked = tokio::time::timeout_at(until, self.ask_to_drain(release));
            asked.await.unwrap_or(false)
        }
    }

    async fn ask_to_drain(&self, release: bool) -> bool {
        let (done, answer) = oneshot::channel();
        let request = Request::Drain {
            service: Arc::clone(&self.service),
            release,
            done,
        };
        self.collector.0.engine.request(request).is_ok() && answer.await.is_ok()
    }

    /// Pipes that are being read: 0 when every writer has closed its side.
    pub fn open_pipes(&self) -> usize {
        *self.service.pipes.borrow()
    }

    /// The counters.
    pub fn status(&self) -> LogStatus {
        self.service.status()
    }

    /// Reads what is in the log's files now. Blocks on the disk. An error when the log has no files.
    pub fn read(&self, options: &ReadOptions) -> Result<Reader, LogError> {
        let folder = self.service.folder.as_ref().ok_or(LogError::Unavailable)?;
        super::read(&folder.dir, &folder.service, options)
    }

    /// Reads the log from where `options` say, and then goes on with what is written, without losing
    /// or doubling a record. An error when the log has no files.
    pub fn follow(&self, options: &ReadOptions) -> Result<Follower, LogError> {
        Follower::open(&self.service, options)
    }
}
