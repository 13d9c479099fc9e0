//! A ring of fixed size between two threads, which can wait for one another without polling.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use atomic_waker::AtomicWaker;
use rtrb::{Consumer, Producer, RingBuffer};

use super::wait;

/// The sending end. There is one.
#[derive(Debug)]
pub struct Sender<T> {
    producer: Producer<T>,
    shared: Arc<Shared>,
}

/// The receiving end. There is one.
#[derive(Debug)]
pub struct Receiver<T> {
    consumer: Consumer<T>,
    shared: Arc<Shared>,
}

/// Who waits for what, and who is gone.
#[derive(Debug, Default)]
struct Shared {
    receiver: AtomicWaker,
    sender: AtomicWaker,
    sender_gone: AtomicBool,
    receiver_gone: AtomicBool,
}

/// The receiving end is gone, and nobody will ever take the item, which is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody receives any more")]
pub struct Gone<T>(pub T);

/// A ring with room for `capacity` items, allocated here and never again.
pub fn ring<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (producer, consumer) = RingBuffer::new(capacity);
    let shared = Arc::new(Shared::default());
    let sender = Sender {
        producer,
        shared: Arc::clone(&shared),
    };
    (sender, Receiver { consumer, shared })
}

impl<T> Sender<T> {
    /// How many items there is room for.
    pub fn room(&self) -> usize {
        self.producer.slots()
    }

    /// Whether the receiving end is gone.
    pub fn is_gone(&self) -> bool {
        self.shared.receiver_gone.load(Ordering::Acquire)
    }

    /// Sends if there is room, and wakes the receiver. Never blocks; without room the item comes
    /// back.
    pub fn try_send(&mut self, item: T) -> Result<(), T> {
        self.producer
            .push(item)
            .map_err(|rtrb::PushError::Full(item)| item)?;
        self.shared.receiver.wake();
        Ok(())
    }

    /// Sends, blocking until there is room.
    pub fn send(&mut self, item: T) -> Result<(), Gone<T>> {
        let mut waiting = match self.try_send(item) {
            Ok(()) => return Ok(()),
            Err(item) => Some(item),
        };
        let shared = Arc::clone(&self.shared);
        wait(None, |context| {
            shared.sender.register(context.waker());
            if self.is_gone() {
                return Poll::Ready(());
            }
            if let Some(item) = waiting.take() {
                waiting = self.try_send(item).err();
            }
            match waiting {
                Some(_) => Poll::Pending,
                None => Poll::Ready(()),
            }
        });
        waiting.map_or(Ok(()), |item| Err(Gone(item)))
    }
}

impl<T> Receiver<T> {
    /// The next item if there is one now.
    pub fn try_receive(&mut self) -> Option<T> {
        let item = self.consumer.pop().ok()?;
        self.shared.sender.wake();
        Some(item)
    }

    /// The next item as soon as there is one; `None` once the sender is gone and all is received.
    /// The last waker to ask is the one that is woken.
    pub fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(item) = self.try_receive() {
            return Poll::Ready(Some(item));
        }
        self.shared.receiver.register(context.waker());
        // Looked at before the ring: what the sender sent before it went is in there.
        let last = self.shared.sender_gone.load(Ordering::Acquire);
        match self.try_receive() {
            Some(item) => Poll::Ready(Some(item)),
            None if last => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Blocks until there is an item or the sender is gone.
    pub fn receive(&mut self) -> Option<T> {
        wait(None, |context| self.poll_receive(context)).flatten()
    }

    /// As [`receive`](Self::receive), until a moment; then `None` too.
    pub fn receive_until(&mut self, deadline: Instant) -> Option<T> {
        wait(Some(deadline), |context| self.poll_receive(context)).flatten()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.sender_gone.store(true, Ordering::Release);
        self.shared.receiver.wake();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receiver_gone.store(true, Ordering::Release);
        self.shared.sender.wake();
    }
}
