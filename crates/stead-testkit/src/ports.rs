//! Ports for programs that cannot be told to choose one.

use std::net::{Ipv4Addr, TcpListener};

/// A TCP port that was free on 127.0.0.1 a moment ago.
///
/// For programs that must be given a number (redis-server). Whatever can bind port 0 itself and
/// tell what it got should do that: between this answer and the program's bind, the port is
/// anyone's. The system hands out such ports in turn, so a clash is rare.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a loopback port can be bound")
        .port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn can_be_bound() {
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).is_ok());
    }
}
