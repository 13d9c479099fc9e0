//! Where the other side is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::ClientError;

/// The prefix of local named pipes, which no path of a file has.
const PIPE_PREFIX: &str = r"\\.\pipe\";

/// The port of the HTTP API where an address names none.
const REGISTRY_PORT: u16 = 8500;

/// Where an agent's control socket is.
///
/// ```
/// use stead_client::ControlAddress;
/// let socket: ControlAddress = "/run/stead/agent.sock".parse().unwrap();
/// assert!(matches!(socket, ControlAddress::Socket(_)));
/// let pipe: ControlAddress = r"\\.\pipe\stead-agent".parse().unwrap();
/// assert!(matches!(pipe, ControlAddress::Pipe(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlAddress {
    /// A Unix socket. On Windows, where a pipe cannot live in a folder, a text
    /// file whose first line is the name of the pipe.
    Socket(PathBuf),
    /// A named pipe, `\\.\pipe\…`.
    Pipe(String),
}

impl FromStr for ControlAddress {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let bad = |why| ClientError::Address {
            text: text.to_owned(),
            why,
        };
        let path = text.strip_prefix("unix://").unwrap_or(text);
        if path.is_empty() {
            return Err(bad("it is empty"));
        }
        if path.contains('\0') {
            return Err(bad("it contains a NUL character"));
        }
        if path
            .get(..PIPE_PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PIPE_PREFIX))
        {
            if path.len() == PIPE_PREFIX.len() {
                return Err(bad("the pipe has no name"));
            }
            return Ok(Self::Pipe(path.to_owned()));
        }
        if path.contains("://") {
            return Err(bad("a control socket is a path or a named pipe"));
        }
        Ok(Self::Socket(PathBuf::from(path)))
    }
}

impl From<&Path> for ControlAddress {
    fn from(path: &Path) -> Self {
        match path.to_str() {
            Some(text) if text.starts_with(PIPE_PREFIX) => Self::Pipe(text.to_owned()),
            _ => Self::Socket(path.to_owned()),
        }
    }
}

impl fmt::Display for ControlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Pipe(name) => f.write_str(name),
        }
    }
}

/// Where the HTTP API is.
///
/// Understands what `CONSUL_HTTP_ADDR` may hold: `host`, `host:port`,
/// `http://host:port` and `unix:///path`; the port is 8500 where none is named.
/// `https` is refused until identities are there.
///
/// ```
/// use stead_client::RegistryAddress;
/// let address: RegistryAddress = "http://[::1]:8501/".parse().unwrap();
/// assert_eq!(address.to_string(), "http://[::1]:8501");
/// assert_eq!(RegistryAddress::default().to_string(), "http://127.0.0.1:8500");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAddress {
    /// HTTP over TCP.
    Tcp {
        /// A name or an address; IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// HTTP over a Unix socket.
    Socket(PathBuf),
}

impl RegistryAddress {
    /// The first of `--server`, `STEAD_ADDR` and `CONSUL_HTTP_ADDR` that says
    /// something, else the default, `127.0.0.1:8500`.
    pub fn find(
        explicit: Option<&str>,
        stead_addr: Option<&str>,
        consul_http_addr: Option<&str>,
    ) -> Result<Self, ClientError> {
        [explicit, stead_addr, consul_http_addr]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty())
            .map_or_else(|| Ok(Self::default()), str::parse)
    }

    /// What [`find`](Self::find) says in this process's environment.
    pub fn from_environment(explicit: Option<&str>) -> Result<Self, ClientError> {
        let stead = std::env::var("STEAD_ADDR").ok();
        let consul = std::env::var("CONSUL_HTTP_ADDR").ok();
        Self::find(explicit, stead.as_deref(), consul.as_deref())
    }

    /// What goes into the `Host` header.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
            Self::Socket(_) => "localhost".to_owned(),
        }
    }
}

impl Default for RegistryAddress {
    fn default() -> Self {
        Self::Tcp {
            host: "127.0.0.1".to_owned(),
            port: REGISTRY_PORT,
        }
    }
}

impl FromStr for RegistryAddress {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, ClientError> {
        let bad = |why| ClientError::Address {
            text: text.to_owned(),
            why,
        };
        if let Some(path) = text.strip_prefix("unix://") {
            if path.is_empty() {
                return Err(bad("it names no socket"));
            }
            return Ok(Self::Socket(PathBuf::from(path)));
        }
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(bad("https is not supported yet")),
            Some(_) => return Err(bad("only http:// and unix:// are known")),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority: http::uri::Authority = rest
            .parse()
            .map_err(|_| bad("expected host, host:port or http://host:port"))?;
        if rest.contains('@') {
            return Err(bad("user names are not taken"));
        }
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if rest.ends_with(':') || authority.as_str().len() > authority.host().len() => {
                return Err(bad("the port is not a number from 1 to 65535"));
            }
            None => REGISTRY_PORT,
        };
        if port == 0 {
            return Err(bad("the port is not a number from 1 to 65535"));
        }
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for RegistryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { .. } => write!(f, "http://{}", self.authority()),
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_addresses() {
        for (text, expected) in [
            (
                ".stead/agent.sock",
                Some(ControlAddress::Socket(".stead/agent.sock".into())),
            ),
            (
                "unix:///run/a.sock",
                Some(ControlAddress::Socket("/run/a.sock".into())),
            ),
            (
                r"\\.\PIPE\stead-agent",
                Some(ControlAddress::Pipe(r"\\.\PIPE\stead-agent".into())),
            ),
            (r"\\.\pipe\", None),
            ("", None),
            ("unix://", None),
            ("http://127.0.0.1:8500", None),
            ("a\0b", None),
        ] {
            let parsed = text.parse::<ControlAddress>();
            assert_eq!(parsed.ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn registry_addresses() {
        for (text, expected) in [
            ("127.0.0.1:18500", Some("http://127.0.0.1:18500")),
            ("localhost", Some("http://localhost:8500")),
            ("http://consul.example", Some("http://consul.example:8500")),
            ("http://consul.example:1/", Some("http://consul.example:1")),
            ("[::1]:99", Some("http://[::1]:99")),
            ("[::1]", Some("http://[::1]:8500")),
            ("unix:///run/http.sock", Some("unix:///run/http.sock")),
            ("https://consul.example", None),
            ("ftp://consul.example", None),
            ("host:0", None),
            ("host:", None),
            ("host:99999", None),
            ("host:port", None),
            ("http://", None),
            ("http://host/path", None),
            ("user@host:1", None),
            ("unix://", None),
        ] {
            let parsed = text.parse::<RegistryAddress>();
            let shown = parsed.as_ref().ok().map(ToString::to_string);
            assert_eq!(shown.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_first_source_that_speaks_wins() {
        let found = |explicit, stead, consul| {
            RegistryAddress::find(explicit, stead, consul)
                .unwrap()
                .to_string()
        };
        assert_eq!(found(Some("a"), Some("b"), Some("c")), "http://a:8500");
        assert_eq!(found(None, Some("b"), Some("c")), "http://b:8500");
        assert_eq!(found(None, Some(""), Some("c")), "http://c:8500");
        assert_eq!(found(None, None, None), "http://127.0.0.1:8500");
        assert!(RegistryAddress::find(None, Some("https://x"), None).is_err());
    }
}
