//! The way of a control from whoever hears it to the service's thread.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::ring::{self, Receiver, Sender};
use super::{Accepted, Control, Ending, wait};

/// How many controls besides those that end the service may wait for it.
pub const CAPACITY: usize = 16;

/// How many ways to end there are; each has room of its own.
const ENDINGS: usize = 3;

/// The end that hears the system. There is one, and handlers that may run at the same time share
/// it by a lock that is held for the moment of a post.
#[derive(Debug)]
pub struct Poster {
    accepted: Accepted,
    sender: Sender<Control>,
    waiting: Arc<AtomicU8>,
    ending: Ending,
}

/// The service's end: what it was asked to do, in the order it was asked.
#[derive(Debug)]
pub struct Controls {
    receiver: Receiver<Control>,
    waiting: Arc<AtomicU8>,
    ending: Ending,
}

/// What became of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It waits for the service.
    Queued,
    /// One just like it waits for the service, which will see one of the two. Only those that end
    /// the service are counted once.
    Coalesced,
}

/// Why a control does not reach the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The service does not accept it.
    #[error("the service does not accept this control")]
    NotAccepted,
    /// The service has not looked at those before it. Never said of Stop, Shutdown and
    /// Preshutdown.
    #[error("{CAPACITY} controls wait for the service already")]
    Full,
    /// The service has ended.
    #[error("the service has ended")]
    Ended,
}

/// A queue for a service that accepts these controls.
pub fn channel(accepted: Accepted) -> (Poster, Controls) {
    let (sender, receiver) = ring::ring(CAPACITY + ENDINGS);
    let (waiting, ending) = (Arc::default(), Ending::default());
    let poster = Poster {
        accepted,
        sender,
        waiting: Arc::clone(&waiting),
        ending: ending.clone(),
    };
    let controls = Controls {
        receiver,
        waiting,
        ending,
    };
    (poster, controls)
}

impl Poster {
    /// Passes a control on and wakes the service. Never blocks, never allocates.
    pub fn post(&mut self, control: Control) -> Result<Posted, PostError> {
        if !self.accepted.accepts(control) {
            return Err(PostError::NotAccepted);
        }
        if self.sender.is_gone() {
            return Err(PostError::Ended);
        }
        let bit = bit(control);
        if bit == 0 {
            // The last slots are for those that end the service.
            if self.sender.room() <= ENDINGS {
                return Err(PostError::Full);
            }
        } else {
            self.ending.ask();
            if self.waiting.fetch_or(bit, Ordering::AcqRel) & bit != 0 {
                return Ok(Posted::Coalesced);
            }
        }
        self.sender
            .try_send(control)
            .map(|()| Posted::Queued)
            .map_err(|_| PostError::Full)
    }

    /// What the service accepts.
    pub fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// Whether the service was asked to end; see there.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }
}

impl Controls {
    /// The next control if one waits.
    pub fn try_next(&mut self) -> Option<Control> {
        let control = self.receiver.try_receive()?;
        Some(self.taken(control))
    }

    /// The next control as soon as there is one; `None` once nobody can post any more.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Control>> {
        self.receiver
            .poll_receive(context)
            .map(|control| control.map(|control| self.taken(control)))
    }

    /// The next control. Cancel safe: a control is lost by no dropped future.
    pub async fn next(&mut self) -> Option<Control> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Blocks until there is a control; `None` once nobody can post any more.
    pub fn wait(&mut self) -> Option<Control> {
        wait(None, |context| self.poll_next(context)).flatten()
    }

    /// As [`wait`](Self::wait), for a time at most; then `None` too.
    pub fn wait_for(&mut self, time: Duration) -> Option<Control> {
        // A time that no clock can tell is for ever.
        let deadline = Instant::now().checked_add(time);
        wait(deadline, |context| self.poll_next(context)).flatten()
    }

    /// Whether the service was asked to end; see there.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Its slot is free by now, so another of its kind has room from here on.
    fn taken(&self, control: Control) -> Control {
        let bit = bit(control);
        if bit != 0 {
            self.waiting.fetch_and(!bit, Ordering::AcqRel);
        }
        control
    }
}

/// The mark of a control that ends the service; 0 for all others.
fn bit(control: Control) -> u8 {
    match control {
        Control::Stop => 1,
        Control::Shutdown => 1 << 1,
        Control::Preshutdown => 1 << 2,
        _ => 0,
    }
}
