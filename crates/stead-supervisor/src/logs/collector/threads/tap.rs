//! One pipe: the thread that reads it, and what others ask of it meanwhile.

use std::io::{self, PipeReader, Read};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::super::cri::{Clock, Stream};
use super::super::super::lines::Splitter;
use super::super::super::service::{Service, lock};
use super::super::{HOLD, KEPT, READ, Request};
use super::Message;

/// More than a pipe holds (4 KiB on Windows, up to 64 KiB on macOS): whoever has read so much has
/// read all that was in it before.
const PIPE: usize = 64 * 1024;

/// A pipe that is being read.
pub(super) struct Tap {
    pub(super) service: Arc<Service>,
    stream: Stream,
    state: Mutex<State>,
}

struct State {
    splitter: Splitter,
    clock: Clock,
    records: Vec<u8>,
    /// When the part that is held back is written.
    hold: Option<Instant>,
    /// The thread with the alarm knows that something is held, and will look.
    watched: bool,
    drains: Vec<Drain>,
    /// Nobody wants what still comes out of the pipe, or nothing does.
    over: bool,
}

/// Somebody waits for what is in the pipe.
struct Drain {
    /// Bytes after which it has been read.
    left: usize,
    _asked: Arc<Asked>,
}

/// Answers once the last pipe has let go of it.
pub(super) struct Asked(Option<oneshot::Sender<()>>);

impl Asked {
    pub(super) fn new(done: oneshot::Sender<()>) -> Arc<Self> {
        Arc::new(Self(Some(done)))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }
}

impl Tap {
    pub(super) fn new(service: Arc<Service>, stream: Stream) -> Self {
        Self {
            service,
            stream,
            state: Mutex::new(State {
                splitter: Splitter::default(),
                clock: Clock::new(),
                records: Vec::new(),
                hold: None,
                watched: false,
                drains: Vec::new(),
                over: false,
            }),
        }
    }

    /// Reads the pipe to its end, or until nobody wants any more of it.
    pub(super) fn run(&self, mut pipe: PipeReader, messages: &SyncSender<Message>) {
        let mut buffer = vec![0; READ];
        let mut due = None;
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => {
                    if !self.take(&buffer[..bytes], messages, &mut due) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.service.report(&error);
                    break;
                }
            }
        }
        self.release();
    }

    /// Writes what was read; false when nobody wants any more.
    fn take(
        &self,
        bytes: &[u8],
        messages: &SyncSender<Message>,
        due: &mut Option<Timestamp>,
    ) -> bool {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        if state.over {
            return false;
        }
        let now = SystemTime::now();
        state.records.clear();
        let header = state.clock.header(now, self.stream);
        let lines = state.splitter.push(bytes, header, &mut state.records);
        self.service.captured(self.stream, bytes, lines);
        self.service.append(&state.records, &mut state.clock, now);
        if state.records.capacity() > KEPT {
            state.records = Vec::new();
        }
        state.hold = state.splitter.holds().then(|| Instant::now() + HOLD);
        if state.hold.is_some() && !state.watched {
            state.watched = messages.try_send(Message::Held).is_ok();
            if !state.watched {
                // Nobody would wake to write it.
                self.flush(state);
            }
        }
        state.drains.retain_mut(|drain| {
            drain.left = drain.left.saturating_sub(bytes.len());
            drain.left > 0
        });
        let next = self.service.due();
        drop(guard);
        if next != *due {
            *due = next;
            // Too many requests: the next output asks again when the file is another one.
            let open = Request::Open(Arc::clone(&self.service));
            let _ = messages.try_send(Message::Request(open));
        }
        true
    }

    /// Writes the part that is held back if its time has come, else says when it does.
    pub(super) fn ring(&self, now: Instant) -> Option<Instant> {
        let mut state = lock(&self.state);
        if let Some(at) = state.hold
            && at > now
        {
            return Some(at);
        }
        self.flush(&mut state);
        state.watched = false;
        None
    }

    /// Writes the part that is held back now.
    pub(super) fn write_held(&self) {
        self.flush(&mut lock(&self.state));
    }

    /// Keeps `asked` until what is in the pipe now is written.
    pub(super) fn drain(&self, asked: &Arc<Asked>) {
        let mut state = lock(&self.state);
        if !state.over {
            state.drains.push(Drain {
                left: PIPE,
                _asked: Arc::clone(asked),
            });
        }
    }

    /// Nothing that comes out of the pipe from now on is wanted.
    pub(super) fn release(&self) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.over, true) {
            return;
        }
        self.flush(&mut state);
        self.service.pipes.send_modify(|pipes| *pipes -= 1);
        state.drains.clear();
    }

    fn flush(&self, state: &mut State) {
        state.hold = None;
        if state.splitter.holds() {
            let now = SystemTime::now();
            state.records.clear();
            let header = state.clock.header(now, self.stream);
            state.splitter.flush(header, &mut state.records);
            self.service.append(&state.records, &mut state.clock, now);
        }
    }
}

/// How long is left until `at`, by the clock on the wall.
pub(super) fn left_until(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
}
