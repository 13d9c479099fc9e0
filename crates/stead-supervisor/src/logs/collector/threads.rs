//! A blocking thread reads each pipe, and one more serves the requests and the age of the files.
//!
//! What a read brings without its newline is written as a part of a line at once: nothing wakes a
//! thread that is blocked in a read in order to write what it holds back.

use std::io::{self, PipeReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::super::LogError;
use super::super::cri::{Clock, Stream};
use super::super::lines::Splitter;
use super::super::service::{Service, lock};
use super::{KEPT, READ, REQUESTS, Request};

/// The handle of the thread that serves requests.
#[derive(Debug)]
pub(super) struct Engine {
    requests: SyncSender<Request>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    pub(super) fn start() -> io::Result<Self> {
        let (requests, inbox) = sync_channel(REQUESTS);
        let back = requests.clone();
        let thread = thread::Builder::new()
            .name("stead-logs".into())
            .spawn(move || Capture::new(inbox, back).run())?;
        Ok(Self {
            requests,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn request(&self, request: Request) -> Result<(), LogError> {
        self.requests
            .try_send(request)
            .map_err(|_| LogError::Unavailable)
    }

    pub(super) fn stop(&self) {
        // An error means that the thread has ended already.
        let _ = self.requests.send(Request::Stop);
        if let Some(thread) = lock(&self.thread).take() {
            // Its panic has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

struct Pipe {
    service: Arc<Service>,
    /// Set when nobody wants what still comes out of the pipe.
    released: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

struct Capture {
    inbox: Receiver<Request>,
    requests: SyncSender<Request>,
    pipes: Vec<Pipe>,
    services: Vec<Weak<Service>>,
    clock: Clock,
    alarm: Option<Timestamp>,
}

impl Capture {
    fn new(inbox: Receiver<Request>, requests: SyncSender<Request>) -> Self {
        Self {
            inbox,
            requests,
            pipes: Vec::new(),
            services: Vec::new(),
            clock: Clock::new(),
            alarm: None,
        }
    }

    fn run(mut self) {
        loop {
            let request = match self.alarm {
                None => self
                    .inbox
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => {
                    let left = at.duration_since(Timestamp::now());
                    let left = Duration::try_from(left).unwrap_or_default();
                    self.inbox.recv_timeout(left)
                }
            };
            match request {
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(request) => self.serve(request),
                Err(RecvTimeoutError::Timeout) => self.ring(),
            }
        }
        for pipe in &self.pipes {
            pipe.released.store(true, Ordering::Release);
        }
        self.reap();
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Open(service) => {
                self.arm(service.due());
                self.services.retain(|known| known.strong_count() > 0);
                let weak = Arc::downgrade(&service);
                if !self.services.iter().any(|known| known.ptr_eq(&weak)) {
                    self.services.push(weak);
                }
            }
            Request::Attach(service, stream, pipe) => self.attach(service, stream, pipe),
            Request::Note(service, text) => {
                let now = SystemTime::now();
                let mut records = Vec::new();
                self.clock.note(now, &text, &mut records);
                service.append(&records, &mut self.clock, now);
                self.arm(service.due());
            }
            Request::Drain {
                service,
                release,
                done,
            } => {
                if release {
                    let of_service = |pipe: &&Pipe| Arc::ptr_eq(&pipe.service, &service);
                    for pipe in self.pipes.iter().filter(of_service) {
                        pipe.released.store(true, Ordering::Release);
                    }
                }
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            Request::Stop => {}
        }
    }

    fn attach(&mut self, service: Arc<Service>, stream: Stream, pipe: PipeReader) {
        self.reap();
        let released = Arc::new(AtomicBool::new(false));
        let reading = Reading {
            service: Arc::clone(&service),
            stream,
            released: Arc::clone(&released),
            requests: self.requests.clone(),
        };
        let thread = thread::Builder::new()
            .name("stead-log-pipe".into())
            .spawn(move || reading.run(pipe));
        match thread {
            Ok(thread) => self.pipes.push(Pipe {
                service,
                released,
                thread,
            }),
            Err(error) => {
                tracing::error!(service = service.name, %error, "cannot capture an output");
                service.report(&error);
                service.pipes.send_modify(|pipes| *pipes -= 1);
            }
        }
    }

    /// Joins the threads that have ended. One whose pipe is held open by a stranger ends with it.
    fn reap(&mut self) {
        let (ended, running) = std::mem::take(&mut self.pipes)
            .into_iter()
            .partition(|pipe| pipe.thread.is_finished());
        self.pipes = running;
        for pipe in ended {
            // Its panic has been printed; there is nothing to add.
            let _ = pipe.thread.join();
        }
    }

    fn arm(&mut self, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.alarm = Some(self.alarm.map_or(at, |alarm| alarm.min(at)));
        }
    }

    fn ring(&mut self) {
        self.alarm = None;
        let now = Timestamp::now();
        self.services.retain(|known| known.strong_count() > 0);
        let services: Vec<_> = self.services.iter().filter_map(Weak::upgrade).collect();
        for service in services {
            let due = service.age(now);
            self.arm(due);
        }
    }
}

/// What the thread of a pipe has.
struct Reading {
    service: Arc<Service>,
    stream: Stream,
    released: Arc<AtomicBool>,
    requests: SyncSender<Request>,
}

impl Reading {
    fn run(self, mut pipe: PipeReader) {
        let mut buffer = vec![0; READ];
        let mut records = Vec::new();
        let mut clock = Clock::new();
        let mut splitter = Splitter::default();
        let mut due = None;
        loop {
            let bytes = match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => &buffer[..bytes],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.service.report(&error);
                    break;
                }
            };
            if self.released.load(Ordering::Acquire) {
                break;
            }
            let now = SystemTime::now();
            records.clear();
            let header = clock.header(now, self.stream);
            let lines = splitter.push(bytes, header, &mut records);
            splitter.flush(header, &mut records);
            self.service.captured(self.stream, bytes, lines);
            self.service.append(&records, &mut clock, now);
            if records.capacity() > KEPT {
                records = Vec::new();
            }
            let next = self.service.due();
            if next != due {
                due = next;
                // Too many requests: the next output asks again when the file is another one.
                let _ = self
                    .requests
                    .try_send(Request::Open(Arc::clone(&self.service)));
            }
        }
        self.service.pipes.send_modify(|pipes| *pipes -= 1);
    }
}
