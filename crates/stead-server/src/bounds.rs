use std::time::Duration;

/// What the server holds its clients to. Whoever meets a bound is told which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a request's body, keys' values left aside. Default 1 MiB.
    pub body: usize,
    /// Bytes of a key's value. Default 512 KiB.
    pub value: usize,
    /// Queries that wait at the same time. Default 16,384.
    pub waiters: usize,
    /// Connections at the same time; further ones wait to be accepted. Default 16,384.
    pub connections: usize,
    /// For a request's head to arrive. Default 30 s.
    pub head: Duration,
    /// After the word to stop, for connections to end. Default 10 s.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            value: 512 << 10,
            waiters: 16_384,
            connections: 16_384,
            head: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}
