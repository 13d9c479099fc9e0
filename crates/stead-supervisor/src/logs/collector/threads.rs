//! A blocking thread reads each pipe, and one more serves the requests and whatever has its time:
//! the age of the files, and the parts of lines that are held back for their end.

mod tap;

use std::io::{self, PipeReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::LogError;
use super::super::cri::{Clock, Stream};
use super::super::service::{Service, lock};
use super::{REQUESTS, Request};
use tap::{Asked, Tap, left_until};

/// The handle of the thread that serves requests.
#[derive(Debug)]
pub(super) struct Engine {
    messages: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread is told.
enum Message {
    Request(Request),
    /// A pipe holds the first part of a line.
    Held,
    /// Answer when what is in the service's pipes now is written.
    Read(Arc<Service>, oneshot::Sender<()>),
}

impl Engine {
    pub(super) fn start() -> io::Result<Self> {
        let (messages, inbox) = sync_channel(REQUESTS);
        let back = messages.clone();
        let thread = thread::Builder::new()
            .name("stead-logs".into())
            .spawn(move || Capture::new(inbox, back).run())?;
        Ok(Self {
            messages,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn request(&self, request: Request) -> Result<(), LogError> {
        self.messages
            .try_send(Message::Request(request))
            .map_err(|_| LogError::Unavailable)
    }

    /// Waits until what is in the service's pipes is written. Nothing looks into a pipe here: its
    /// end, or more than it can hold, is what tells.
    pub(super) async fn read(&self, service: &Arc<Service>) -> bool {
        let (done, answer) = oneshot::channel();
        let message = Message::Read(Arc::clone(service), done);
        self.messages.try_send(message).is_ok() && answer.await.is_ok()
    }

    pub(super) fn stop(&self) {
        // An error means that the thread has ended already.
        let _ = self.messages.send(Message::Request(Request::Stop));
        if let Some(thread) = lock(&self.thread).take() {
            // Its panic has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

struct Pipe {
    tap: Arc<Tap>,
    thread: JoinHandle<()>,
}

struct Capture {
    inbox: Receiver<Message>,
    messages: SyncSender<Message>,
    pipes: Vec<Pipe>,
    services: Vec<Weak<Service>>,
    clock: Clock,
    /// The earliest moment at which something may be due, though it may have gone away since.
    alarm: Option<Instant>,
}

impl Capture {
    fn new(inbox: Receiver<Message>, messages: SyncSender<Message>) -> Self {
        Self {
            inbox,
            messages,
            pipes: Vec::new(),
            services: Vec::new(),
            clock: Clock::new(),
            alarm: None,
        }
    }

    fn run(mut self) {
        loop {
            let message = match self.alarm {
                None => self
                    .inbox
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => self
                    .inbox
                    .recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(Message::Request(Request::Stop)) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(message) => self.serve(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // Messages without a pause do not keep it from ringing.
            if self.alarm.is_some_and(|at| at <= Instant::now()) {
                self.ring();
            }
        }
        for pipe in &self.pipes {
            pipe.tap.release();
        }
        self.reap();
    }

    fn serve(&mut self, message: Message) {
        match message {
            Message::Request(request) => self.request(request),
            Message::Held => self.arm(Instant::now().checked_add(super::HOLD)),
            Message::Read(service, done) => {
                let asked = Asked::new(done);
                for tap in self.taps(&service) {
                    tap.drain(&asked);
                }
            }
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Open(service) => {
                self.arm_age(service.due());
                self.services.retain(|known| known.strong_count() > 0);
                let weak = Arc::downgrade(&service);
                if !self.services.iter().any(|known| known.ptr_eq(&weak)) {
                    self.services.push(weak);
                }
            }
            Request::Attach(service, stream, pipe) => self.attach(&service, stream, pipe),
            Request::Note(service, text) => {
                let now = SystemTime::now();
                let mut records = Vec::new();
                self.clock.note(now, &text, &mut records);
                service.append(&records, &mut self.clock, now);
                self.arm_age(service.due());
            }
            Request::Drain {
                service,
                release,
                done,
            } => {
                for tap in self.taps(&service) {
                    if release {
                        tap.release();
                    } else {
                        tap.write_held();
                    }
                }
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            // The loop ends with it.
            Request::Stop => {}
        }
    }

    fn taps(&self, service: &Arc<Service>) -> impl Iterator<Item = &Tap> {
        self.pipes
            .iter()
            .map(|pipe| &*pipe.tap)
            .filter(|tap| Arc::ptr_eq(&tap.service, service))
    }

    fn attach(&mut self, service: &Arc<Service>, stream: Stream, pipe: PipeReader) {
        self.reap();
        let tap = Arc::new(Tap::new(Arc::clone(service), stream));
        let reading = Arc::clone(&tap);
        let messages = self.messages.clone();
        let thread = thread::Builder::new()
            .name("stead-log-pipe".into())
            .spawn(move || reading.run(pipe, &messages));
        match thread {
            Ok(thread) => self.pipes.push(Pipe { tap, thread }),
            Err(error) => {
                tracing::error!(service = service.name, %error, "cannot capture an output");
                service.report(&error);
                tap.release();
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

    fn arm(&mut self, at: Option<Instant>) {
        if let Some(at) = at {
            self.alarm = Some(self.alarm.map_or(at, |alarm| alarm.min(at)));
        }
    }

    fn arm_age(&mut self, due: Option<Timestamp>) {
        self.arm(due.and_then(|due| Instant::now().checked_add(left_until(due))));
    }

    /// Does what is due, and finds out when the next thing is.
    fn ring(&mut self) {
        self.alarm = None;
        let now = Instant::now();
        let held: Vec<_> = self.pipes.iter().map(|pipe| pipe.tap.ring(now)).collect();
        for at in held {
            self.arm(at);
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
