//! What the way of a control costs: `cargo bench -p stead-os --bench ring`.
//!
//! Prints one JSON object: nanoseconds, the median and the 99th of a hundred, for a post and its
//! taking on one thread, for the handler's side alone while the service is busy, and from the post
//! to the service's thread running again.

#![allow(clippy::print_stdout, reason = "a benchmark's result")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::hint::black_box;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use stead_os::control::{Accepted, CAPACITY, Control, CustomCode, channel};

const CUSTOM: Control = Control::Custom(CustomCode::new(200));

const ACCEPTED: Accepted = Accepted::ENDING.and(Accepted::CUSTOM);

/// Reading the clock costs as much as a post, so they are timed by the hundred.
const BATCH: u32 = 100;

fn main() {
    let mut pairs: Vec<u128> = (0..10_000).map(|_| push_and_pop()).collect();
    let mut handlers: Vec<u128> = (0..2_000).flat_map(|_| handler_while_busy()).collect();
    let mut wakes = wake();
    println!(
        "{{\"push_pop_ns\":{},\"handler_busy_ns\":{},\"wake_ns\":{}}}",
        figures(&mut pairs),
        figures(&mut handlers),
        figures(&mut wakes)
    );
}

fn figures(samples: &mut [u128]) -> String {
    samples.sort_unstable();
    let at = |share: usize| samples[samples.len() * share / 100];
    format!("{{\"p50\":{},\"p99\":{}}}", at(50), at(99))
}

fn push_and_pop() -> u128 {
    let (mut poster, mut controls) = channel(ACCEPTED);
    let began = Instant::now();
    for _ in 0..BATCH {
        let _ = black_box(poster.post(black_box(CUSTOM)));
        black_box(controls.try_next());
    }
    began.elapsed().as_nanos() / u128::from(BATCH)
}

/// Each post to a service that reads nothing, as one that is in a blocking call.
fn handler_while_busy() -> Vec<u128> {
    let (mut poster, _busy) = channel(ACCEPTED);
    (0..=CAPACITY)
        .map(|number| {
            let control = if number < CAPACITY {
                CUSTOM
            } else {
                Control::Stop
            };
            let began = Instant::now();
            poster.post(control).expect("there is room");
            began.elapsed().as_nanos()
        })
        .collect()
}

/// From a post to the moment in which the parked thread runs.
fn wake() -> Vec<u128> {
    let (mut poster, mut controls) = channel(ACCEPTED);
    let (woken, when) = sync_channel(1);
    let service = thread::spawn(move || {
        while controls.wait() == Some(CUSTOM) {
            if woken.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    let samples = (0..2_000)
        .map(|_| {
            settle();
            let began = Instant::now();
            poster.post(CUSTOM).expect("there is room");
            let woken: Instant = when.recv().expect("the service runs");
            woken.duration_since(began).as_nanos()
        })
        .collect();
    poster.post(Control::Stop).expect("there is room");
    service.join().expect("the service ends");
    samples
}

/// Lets the service's thread fall asleep.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no telling from outside whether a thread is parked"
)]
fn settle() {
    thread::sleep(Duration::from_micros(500));
}
