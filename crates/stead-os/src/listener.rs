//! Who listens on a TCP port, so that an error can say who has taken it.

/// A process with a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The process.
    pub pid: u32,
    /// Its name as the system knows it.
    pub name: String,
}

/// The process that listens on a TCP port of this machine, if one does and this process may
/// see it: other accounts' descriptors are shown to root only. Always `None` on systems other
/// than Linux.
pub fn listener_on(port: u16) -> Option<Listener> {
    system::listener_on(port)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use super::Listener;

    /// `TCP_LISTEN` as `/proc/net/tcp` writes it.
    const LISTEN: &str = "0A";

    pub(super) fn listener_on(port: u16) -> Option<Listener> {
        let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .flat_map(|table| inodes(&table, port))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        if sockets.is_empty() {
            return None;
        }
        let processes = fs::read_dir("/proc").ok()?.flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .find(|pid| holds(*pid, &sockets))
            .map(|pid| Listener {
                pid,
                name: fs::read_to_string(format!("/proc/{pid}/comm"))
                    .map(|name| name.trim_end().to_owned())
                    .unwrap_or_default(),
            })
    }

    /// The inodes of the sockets that listen on a port.
    pub(super) fn inodes(table: &str, port: u16) -> Vec<u64> {
        let of_line = |line: &str| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
            let is_it = u16::from_str_radix(local_port, 16) == Ok(port);
            let listens = fields.get(3) == Some(&LISTEN);
            (is_it && listens).then(|| fields.get(9)?.parse().ok())?
        };
        table.lines().skip(1).filter_map(of_line).collect()
    }

    fn holds(pid: u32, sockets: &[String]) -> bool {
        fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|target| {
                sockets
                    .iter()
                    .any(|socket| target.as_os_str() == socket.as_str())
            })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn listener_on(_port: u16) -> Option<super::Listener> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::{listener_on, system};

    #[test]
    fn a_listener_is_named() {
        let own = std::process::id();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = TcpListener::bind(address) else {
                assert!(address.starts_with('['), "no IPv4 loopback");
                continue;
            };
            let port = socket.local_addr().unwrap().port();
            let listener = listener_on(port).unwrap();
            assert_eq!(listener.pid, own);
            assert!(!listener.name.is_empty());
            drop(socket);
            assert_ne!(listener_on(port).map(|found| found.pid), Some(own));
        }
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1B59 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
            \x20  1: 0100007F:1B59 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n\
            \x20  2: 0100007F:1B5A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n\
            garbage\n";
        assert_eq!(system::inodes(table, 7001), [4711]);
        assert_eq!(system::inodes(table, 50000), [0_u64; 0]);
    }
}
