//! Sockets that systemd opened for this process.
