//! One thread reads every pipe and writes every file, waiting in epoll.

use std::io::{self, PipeReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use stead_os::readiness::{Readiness, Waker, grow_pipe};

use super::super::LogError;
use super::super::cri::{Clock, Stream};
use super::super::lines::Splitter;
use super::super::service::{Service, lock};
use super::{HOLD, KEPT, READ, REQUESTS, Request};

/// Size asked for a pipe that was found full.
const PIPE: usize = 1024 * 1024;

/// The handle of the thread.
pub(super) struct Engine {
    requests: SyncSender<Request>,
    waker: Waker,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    pub(super) fn start() -> io::Result<Self> {
        let readiness = Readiness::new()?;
        let waker = readiness.waker();
        let (requests, inbox) = sync_channel(REQUESTS);
        let thread = thread::Builder::new()
            .name("stead-logs".into())
            .spawn(move || Capture::new(readiness, inbox).run())?;
        Ok(Self {
            requests,
            waker,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn request(&self, request: Request) -> Result<(), LogError> {
        let sent = self.requests.try_send(request);
        self.waker.wake();
        sent.map_err(|_| LogError::Unavailable)
    }

    pub(super) fn stop(&self) {
        // Waits for room, unlike a request: this one may not be lost.
        if let Err(TrySendError::Full(stop)) = self.requests.try_send(Request::Stop) {
            self.waker.wake();
            // An error means that the thread has ended already.
            let _ = self.requests.send(stop);
        }
        self.waker.wake();
        if let Some(thread) = lock(&self.thread).take() {
            // Its panic has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

struct Pipe {
    reader: PipeReader,
    stream: Stream,
    service: Arc<Service>,
    splitter: Splitter,
    /// When the part that is held back is written.
    hold: Option<Instant>,
    grown: bool,
}

struct Capture {
    readiness: Readiness,
    inbox: Receiver<Request>,
    pipes: Vec<Option<Pipe>>,
    services: Vec<Weak<Service>>,
    clock: Clock,
    buffer: Vec<u8>,
    records: Vec<u8>,
    /// The earliest moment at which something may be due, though it may have gone away since.
    alarm: Option<Instant>,
}

/// What a read found.
enum Found {
    Bytes(usize),
    Nothing,
    End,
}

impl Capture {
    fn new(readiness: Readiness, inbox: Receiver<Request>) -> Self {
        Self {
            readiness,
            inbox,
            pipes: Vec::new(),
            services: Vec::new(),
            clock: Clock::new(),
            // Zeroed memory that nobody has touched costs nothing yet.
            buffer: vec![0; READ],
            records: Vec::new(),
            alarm: None,
        }
    }

    fn run(mut self) {
        let mut ready = Vec::new();
        loop {
            let timeout = self
                .alarm
                .map(|at| at.saturating_duration_since(Instant::now()));
            if let Err(error) = self.readiness.wait(&mut ready, timeout) {
                // Only a bug here (a descriptor that is none) can make epoll_wait fail for good.
                tracing::error!(%error, "log capture ends");
                return;
            }
            for &slot in &ready {
                self.read(slot);
            }
            while let Ok(request) = self.inbox.try_recv() {
                if !self.serve(request) {
                    return;
                }
            }
            if self.alarm.is_some_and(|at| at <= Instant::now()) {
                self.ring();
            }
        }
    }

    /// False when the thread is to end.
    fn serve(&mut self, request: Request) -> bool {
        match request {
            Request::Open(service) => {
                self.arm_age(service.due());
                self.services.retain(|known| known.strong_count() > 0);
                self.services.push(Arc::downgrade(&service));
            }
            Request::Attach(service, stream, reader) => self.attach(service, stream, reader),
            Request::Note(service, text) => {
                let now = SystemTime::now();
                self.records.clear();
                self.clock.note(now, &text, &mut self.records);
                service.append(&self.records, &mut self.clock, now);
                self.arm_age(service.due());
            }
            Request::Drain {
                service,
                release,
                done,
            } => {
                self.drain(&service, release);
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            Request::Stop => {
                let mut services: Vec<_> = self.services.iter().filter_map(Weak::upgrade).collect();
                services.extend(
                    self.pipes
                        .iter()
                        .flatten()
                        .map(|pipe| Arc::clone(&pipe.service)),
                );
                for service in services {
                    self.drain(&service, true);
                }
                return false;
            }
        }
        true
    }

    fn attach(&mut self, service: Arc<Service>, stream: Stream, reader: PipeReader) {
        let slot = self
            .pipes
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.pipes.len());
        if let Err(error) = self.readiness.add(&reader, slot) {
            tracing::error!(service = service.name, %error, "cannot capture an output");
            service.report(&error);
            service.pipes.send_modify(|pipes| *pipes -= 1);
            return;
        }
        let pipe = Some(Pipe {
            reader,
            stream,
            service,
            splitter: Splitter::default(),
            hold: None,
            grown: false,
        });
        match self.pipes.get_mut(slot) {
            Some(free) => *free = pipe,
            None => self.pipes.push(pipe),
        }
    }

    /// Takes one bufferful from a pipe, so that no service waits for another's flood.
    fn read(&mut self, slot: usize) -> Found {
        let Some(Some(pipe)) = self.pipes.get_mut(slot) else {
            return Found::Nothing;
        };
        let found = match pipe.reader.read(&mut self.buffer) {
            Ok(0) => Found::End,
            Ok(bytes) => Found::Bytes(bytes),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Found::Nothing,
                _ => {
                    pipe.service.report(&error);
                    Found::End
                }
            },
        };
        match found {
            Found::Bytes(bytes) => {
                let now = SystemTime::now();
                let header = self.clock.header(now, pipe.stream);
                self.records.clear();
                let bytes = &self.buffer[..bytes];
                let lines = pipe.splitter.push(bytes, header, &mut self.records);
                pipe.service.captured(pipe.stream, bytes, lines);
                pipe.service.append(&self.records, &mut self.clock, now);
                if self.records.capacity() > KEPT {
                    self.records = Vec::new();
                }
                if bytes.len() >= 64 * 1024 && !pipe.grown {
                    // Refused once, it stays as it is: the user's pipes have reached their bound.
                    let _ = grow_pipe(&pipe.reader, PIPE);
                    pipe.grown = true;
                }
                let hold = pipe.splitter.holds().then(|| Instant::now() + HOLD);
                pipe.hold = hold;
                let due = pipe.service.due();
                self.arm(hold);
                self.arm_age(due);
            }
            Found::End => self.close(slot),
            Found::Nothing => {}
        }
        found
    }

    /// Reads what is in the service's pipes now, and no more than one can hold: who goes on writing
    /// does not make this go on.
    fn drain(&mut self, service: &Arc<Service>, release: bool) {
        for slot in 0..self.pipes.len() {
            let mut budget = PIPE;
            while self.is_of(slot, service) {
                match self.read(slot) {
                    Found::Bytes(bytes) if bytes < budget => budget -= bytes,
                    _ => break,
                }
            }
            if self.is_of(slot, service) {
                self.flush(slot);
                if release {
                    self.close(slot);
                }
            }
        }
    }

    fn is_of(&self, slot: usize, service: &Arc<Service>) -> bool {
        self.pipes[slot]
            .as_ref()
            .is_some_and(|pipe| Arc::ptr_eq(&pipe.service, service))
    }

    /// Writes the part of a line that is held back.
    fn flush(&mut self, slot: usize) {
        let Some(Some(pipe)) = self.pipes.get_mut(slot) else {
            return;
        };
        pipe.hold = None;
        if pipe.splitter.holds() {
            let now = SystemTime::now();
            let header = self.clock.header(now, pipe.stream);
            self.records.clear();
            pipe.splitter.flush(header, &mut self.records);
            pipe.service.append(&self.records, &mut self.clock, now);
            let due = pipe.service.due();
            self.arm_age(due);
        }
    }

    fn close(&mut self, slot: usize) {
        self.flush(slot);
        if let Some(pipe) = self.pipes.get_mut(slot).and_then(Option::take) {
            // Closing the descriptor would do, if no other process held a copy of it.
            let _ = self.readiness.remove(&pipe.reader);
            pipe.service.pipes.send_modify(|pipes| *pipes -= 1);
        }
    }

    fn arm(&mut self, at: Option<Instant>) {
        if let Some(at) = at {
            self.alarm = Some(self.alarm.map_or(at, |alarm| alarm.min(at)));
        }
    }

    fn arm_age(&mut self, due: Option<Timestamp>) {
        if let Some(due) = due {
            let left = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
            self.arm(Instant::now().checked_add(left));
        }
    }

    /// Does what is due, and finds out when the next thing is.
    fn ring(&mut self) {
        self.alarm = None;
        let now = Instant::now();
        for slot in 0..self.pipes.len() {
            match self.pipes[slot].as_ref().and_then(|pipe| pipe.hold) {
                Some(at) if at <= now => self.flush(slot),
                later => self.arm(later),
            }
        }
        let moment = Timestamp::now();
        self.services.retain(|known| known.strong_count() > 0);
        let services: Vec<_> = self.services.iter().filter_map(Weak::upgrade).collect();
        for service in services {
            let due = service.age(moment);
            self.arm_age(due);
        }
    }
}
