#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::ring::{Gone, ring};
use super::*;

const DEADLINE: Duration = Duration::from_secs(20);

const ALL: Accepted = Accepted::ENDING
    .and(Accepted::PRESHUTDOWN)
    .and(Accepted::PAUSE)
    .and(Accepted::RELOAD)
    .and(Accepted::CUSTOM);

const CUSTOM: Control = Control::Custom(CustomCode::new(200));

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn controls_arrive_in_order() {
    let (mut poster, mut controls) = channel(ALL);
    for control in [Control::Pause, CUSTOM, Control::Stop, Control::Continue] {
        assert_eq!(poster.post(control), Ok(Posted::Queued));
    }
    for control in [Control::Pause, CUSTOM, Control::Stop, Control::Continue] {
        assert_eq!(controls.try_next(), Some(control));
    }
    assert_eq!(controls.try_next(), None);
}

#[test]
fn what_is_not_accepted_is_refused() {
    let (mut poster, mut controls) = channel(Accepted::STOP);
    for control in [Control::Shutdown, Control::Preshutdown, Control::Pause] {
        assert_eq!(poster.post(control), Err(PostError::NotAccepted));
    }
    assert!(!controls.ending().is_asked());
    assert_eq!(controls.try_next(), None);
}

#[test]
fn a_full_queue_has_room_for_every_end() {
    let (mut poster, mut controls) = channel(ALL);
    for _ in 0..CAPACITY {
        assert_eq!(poster.post(CUSTOM), Ok(Posted::Queued));
    }
    assert_eq!(poster.post(CUSTOM), Err(PostError::Full));
    assert!(!poster.ending().is_asked());
    for control in [Control::Stop, Control::Preshutdown, Control::Shutdown] {
        assert_eq!(poster.post(control), Ok(Posted::Queued));
        assert_eq!(poster.post(control), Ok(Posted::Coalesced));
    }
    assert!(controls.ending().is_asked());
    assert_eq!(poster.post(CUSTOM), Err(PostError::Full));
    for _ in 0..CAPACITY {
        assert_eq!(controls.try_next(), Some(CUSTOM));
    }
    for control in [Control::Stop, Control::Preshutdown, Control::Shutdown] {
        assert_eq!(controls.try_next(), Some(control));
    }
    assert_eq!(controls.try_next(), None);
}

#[test]
fn ends_are_told_to_posters() {
    let (mut poster, controls) = channel(ALL);
    drop(controls);
    assert_eq!(poster.post(Control::Stop), Err(PostError::Ended));
    let (poster, mut controls) = channel(ALL);
    drop(poster);
    assert_eq!(controls.wait(), None);
}

#[test]
fn a_blocked_service_is_woken() {
    let (mut poster, mut controls) = channel(ALL);
    assert_eq!(controls.wait_for(Duration::from_millis(1)), None);
    let (waiting, told) = std::sync::mpsc::sync_channel(0);
    let service = thread::spawn(move || {
        for _ in 0..100 {
            waiting.send(()).unwrap();
            assert_eq!(controls.wait_for(DEADLINE), Some(CUSTOM));
        }
        waiting.send(()).unwrap();
        assert_eq!(controls.wait(), Some(Control::Stop));
    });
    for _ in 0..100 {
        told.recv().unwrap();
        poster.post(CUSTOM).unwrap();
    }
    told.recv().unwrap();
    poster.post(Control::Stop).unwrap();
    service.join().unwrap();
}

#[test]
fn wakers_are_woken_once_and_for_something() {
    let (mut poster, mut controls) = channel(ALL);
    let (count, other) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (waker, platform) = (Waker::from(count.clone()), Waker::from(other.clone()));
    let mut context = Context::from_waker(&waker);
    let ending = controls.ending().clone();
    assert_eq!(controls.poll_next(&mut context), Poll::Pending);
    assert_eq!(
        ending.poll_asked(&mut Context::from_waker(&platform), Watcher::Platform),
        Poll::Pending
    );
    poster.post(CUSTOM).unwrap();
    poster.post(CUSTOM).unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(other.0.load(Ordering::SeqCst), 0, "nothing ends yet");
    poster.post(Control::Stop).unwrap();
    assert_eq!(other.0.load(Ordering::SeqCst), 1);
    poster.ending().insist();
    assert!(ending.is_insisted());
    for control in [CUSTOM, CUSTOM, Control::Stop] {
        assert_eq!(controls.poll_next(&mut context), Poll::Ready(Some(control)));
    }
}

/// However fast the others come and however slowly the service reads, every Stop is seen after it
/// was posted.
#[test]
fn no_stop_is_lost_in_a_storm() {
    const STOPS: usize = 20_000;
    let (mut poster, mut controls) = channel(ALL);
    let seen = Arc::new(AtomicUsize::new(0));
    let service = thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            while let Some(control) = controls.wait() {
                if control == Control::Stop {
                    seen.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    let (mut queued, mut full) = (0, 0);
    for round in 0..STOPS {
        if (0..=CAPACITY).any(|_| poster.post(CUSTOM) == Err(PostError::Full)) {
            full += 1;
        }
        match poster.post(Control::Stop) {
            Ok(Posted::Queued) => queued += 1,
            Ok(Posted::Coalesced) => {}
            Err(error) => panic!("stop {round} was dropped: {error}"),
        }
    }
    drop(poster);
    service.join().unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), queued);
    assert!(queued > 1 && full > 1, "{queued} stops, {full} times full");
}

#[test]
fn a_sender_waits_for_room() {
    let (mut sender, mut receiver) = ring(2);
    let sent = Arc::new(AtomicBool::new(false));
    let sending = thread::spawn({
        let sent = Arc::clone(&sent);
        move || {
            for number in 0..100 {
                sender.send(number).unwrap();
            }
            sent.store(true, Ordering::SeqCst);
            sender
        }
    });
    for number in 0..100 {
        assert!(number > 97 || !sent.load(Ordering::SeqCst));
        assert_eq!(
            receiver.receive_until(Instant::now() + DEADLINE),
            Some(number)
        );
    }
    let mut sender = sending.join().unwrap();
    assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Ok(())));
    assert_eq!(sender.try_send(3), Err(3));
    let blocked = thread::spawn(move || sender.send(3));
    drop(receiver);
    assert_eq!(blocked.join().unwrap(), Err(Gone(3)));
}

#[test]
fn what_was_sent_before_the_end_is_received() {
    for _ in 0..500 {
        let (mut sender, mut receiver) = ring(4);
        let sending = thread::spawn(move || (0..3).for_each(|it| sender.send(it).unwrap()));
        let all: Vec<i32> = std::iter::from_fn(|| receiver.receive()).collect();
        assert_eq!(all, [0, 1, 2]);
        sending.join().unwrap();
    }
}

#[test]
fn custom_codes_are_checked() {
    for code in [0, 1, 127, 256, u32::MAX] {
        assert_eq!(CustomCode::try_from(code), Err(NotCustom(code)));
    }
    for code in 128..=255 {
        assert_eq!(u32::from(CustomCode::try_from(code).unwrap().get()), code);
    }
}

fn any_control() -> impl Strategy<Value = Control> {
    prop_oneof![
        Just(Control::Stop),
        Just(Control::Shutdown),
        Just(Control::Preshutdown),
        Just(Control::Pause),
        Just(Control::Continue),
        Just(Control::Reload),
        (128_u32..256).prop_map(|code| Control::Custom(code.try_into().unwrap())),
    ]
}

proptest! {
    /// Against a list as the model: what is posted arrives in order, once; a Stop, Shutdown or
    /// Preshutdown is queued unless the same waits already.
    #[test]
    fn the_queue_is_as_its_model(steps in prop::collection::vec(prop::option::of(any_control()), 0..200)) {
        let (mut poster, mut controls) = channel(ALL);
        let mut model = std::collections::VecDeque::new();
        for step in steps {
            let Some(control) = step else {
                prop_assert_eq!(controls.try_next(), model.pop_front());
                continue;
            };
            let posted = poster.post(control);
            if control.ends() {
                let expected = if model.contains(&control) { Posted::Coalesced } else { Posted::Queued };
                prop_assert_eq!(posted, Ok(expected));
                prop_assert!(controls.ending().is_asked());
            } else if posted == Err(PostError::Full) {
                prop_assert!(model.len() >= CAPACITY);
                continue;
            } else {
                prop_assert_eq!(posted, Ok(Posted::Queued));
            }
            if posted == Ok(Posted::Queued) {
                model.push_back(control);
            }
        }
        while let Some(control) = model.pop_front() {
            prop_assert_eq!(controls.try_next(), Some(control));
        }
        prop_assert_eq!(controls.try_next(), None);
    }
}
