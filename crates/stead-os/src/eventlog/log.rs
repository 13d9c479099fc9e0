//! Writing events from a thread of its own.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::messages::{Event, WARNING};
use super::record::Call;

/// So many events wait at most for a log that is slow; those after them are lost, and counted.
pub const QUEUE_MAX: usize = 512;

/// What `ReportEventW` is to the log.
pub trait Sink: Send + 'static {
    /// Writes one event. May take its time.
    fn report(&mut self, call: &Call) -> io::Result<()>;
}

/// An event log. Clones write to the same.
///
/// Who logs never waits: the log's service is asked from a thread, which may be slow while the
/// machine starts and alone once it shuts down. What cannot be written is lost and counted, and
/// the next event that gets through is preceded by that count.
#[derive(Clone, Debug)]
pub struct EventLog {
    queue: SyncSender<Call>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    queued: AtomicU64,
    /// Those queued that were written, or lost.
    done: Mutex<u64>,
    more_done: Condvar,
    lost: AtomicU64,
}

impl EventLog {
    /// Writes to `sink`.
    ///
    /// Fails if the system has no thread left.
    pub fn to(sink: impl Sink) -> io::Result<Self> {
        let (queue, calls) = sync_channel(QUEUE_MAX);
        let counts = Arc::new(Counts::default());
        let theirs = Arc::clone(&counts);
        thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(move || write(sink, &calls, &theirs))?;
        Ok(Self { queue, counts })
    }

    /// Puts an event on its way, with its insert strings in the order of [`Event::inserts`] and
    /// what else is known. Returns at once, whatever becomes of it.
    pub fn report(&self, event: Event, inserts: &[&str], details: &[(&str, String)]) {
        self.send(Call::new(event, inserts, details));
    }

    /// Puts a finished call on its way.
    pub fn send(&self, call: Call) {
        if self.queue.try_send(call).is_ok() {
            self.counts.queued.fetch_add(1, Ordering::SeqCst);
        } else {
            self.counts.lost.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Waits until all events so far are written or lost, at most for `limit`. Whether they are.
    ///
    /// For the end of a program: events that still wait go with it.
    pub fn flush(&self, limit: Duration) -> bool {
        let all = self.counts.queued.load(Ordering::SeqCst);
        let done = self.counts.done();
        let (_done, waited) = self
            .counts
            .more_done
            .wait_timeout_while(done, limit, |done| *done < all)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// How many events were lost since the last that got through.
    pub fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::SeqCst)
    }
}

impl Counts {
    fn done(&self) -> MutexGuard<'_, u64> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(mut sink: impl Sink, calls: &Receiver<Call>, counts: &Counts) {
    for call in calls {
        let missing = counts.lost.swap(0, Ordering::SeqCst);
        let mut failed = 0;
        if missing > 0 && sink.report(&loss(missing)).is_err() {
            failed = missing;
        }
        if sink.report(&call).is_err() {
            failed += 1;
        }
        counts.lost.fetch_add(failed, Ordering::SeqCst);
        *counts.done() += 1;
        counts.more_done.notify_all();
    }
}

fn loss(count: u64) -> Call {
    let message = format!("{count} events before this one could not be written.");
    Call::new(WARNING, &[&message], &[])
}

/// A log in memory, for tests: the calls the system would get. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Recording {
    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Sink for Recording {
    fn report(&mut self, call: &Call) -> io::Result<()> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::{FAILED, INFORMATION, READY};
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// Fails while told to; waits for leave before each call, if told to.
    struct Faulty {
        recording: Recording,
        failures: u64,
        leave: Option<Receiver<()>>,
    }

    impl Sink for Faulty {
        fn report(&mut self, call: &Call) -> io::Result<()> {
            if let Some(leave) = &self.leave {
                let _ = leave.recv();
            }
            if self.failures > 0 {
                self.failures -= 1;
                return Err(io::Error::other("the log is gone"));
            }
            self.recording.report(call)
        }
    }

    #[test]
    fn events_arrive_in_order() {
        let recording = Recording::default();
        let log = EventLog::to(recording.clone()).unwrap();
        log.report(READY, &["orders"], &[]);
        log.report(FAILED, &["orders", "exit code 3"], &[("pid", "7".into())]);
        assert!(log.flush(SOON));
        assert_eq!(
            recording.calls(),
            [
                Call {
                    kind: 4,
                    category: 0,
                    id: 0x4000_0065,
                    strings: vec!["orders".into(), String::new()]
                },
                Call {
                    kind: 1,
                    category: 0,
                    id: 0xc000_012c,
                    strings: vec![
                        "orders".into(),
                        "exit code 3".into(),
                        "\r\n\r\npid: 7".into()
                    ]
                },
            ]
        );
    }

    #[test]
    fn what_a_broken_log_lost_is_told_once_it_works() {
        let recording = Recording::default();
        let log = EventLog::to(Faulty {
            recording: recording.clone(),
            failures: 4,
            leave: None,
        })
        .unwrap();
        // The first fails; the second fails with the note of the first; so does the note again.
        for _ in 0..3 {
            log.report(INFORMATION, &["hello"], &[]);
            assert!(log.flush(SOON));
        }
        let texts: Vec<_> = recording
            .calls()
            .iter()
            .map(|call| call.strings[0].clone())
            .collect();
        assert_eq!(texts, ["hello"]);
        assert_eq!(log.lost(), 2);
        log.report(INFORMATION, &["again"], &[]);
        assert!(log.flush(SOON));
        let texts: Vec<_> = recording
            .calls()
            .iter()
            .map(|call| call.strings[0].clone())
            .collect();
        assert_eq!(
            texts,
            [
                "hello",
                "2 events before this one could not be written.",
                "again"
            ]
        );
        assert_eq!(log.lost(), 0);
    }

    #[test]
    fn a_log_that_hangs_holds_nobody_up() {
        let recording = Recording::default();
        let (go, leave) = sync_channel(4 * QUEUE_MAX);
        let log = EventLog::to(Faulty {
            recording: recording.clone(),
            failures: 0,
            leave: Some(leave),
        })
        .unwrap();
        for _ in 0..QUEUE_MAX + 50 {
            log.report(INFORMATION, &["hello"], &[]);
        }
        // One may be with the sink already.
        assert!((49..=50).contains(&log.lost()), "{}", log.lost());
        assert!(!log.flush(Duration::from_millis(50)));
        drop(go);
        assert!(log.flush(SOON));
        // Everything that was queued, and the note of what was not.
        let lost = 562 - (recording.calls().len() - 1);
        assert!((49..=50).contains(&lost), "{lost}");
    }
}
