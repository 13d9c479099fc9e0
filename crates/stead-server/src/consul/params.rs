use std::time::Duration;

use stead_api::consul::parse_duration;

use super::reply::Failure;

const WAIT: Duration = Duration::from_mins(5);
const WAIT_MAX: Duration = Duration::from_mins(10);

/// The parameters of a request's query, in order.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

/// How long a query waits, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Blocking {
    /// The index that the client has; 0: it does not wait.
    pub(super) index: u64,
    /// The longest wait, the jitter left aside.
    pub(super) wait: Duration,
}

/// What a read is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consistency {
    Default,
    Stale,
    Consistent,
}

impl Consistency {
    /// The word in `X-Consul-Effective-Consistency`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Default => "leader",
            Self::Stale => "stale",
            Self::Consistent => "consistent",
        }
    }
}

impl Params {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The first value; empty for a parameter without one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether it is there, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter that is a whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    Failure::bad_request(format!("Invalid {name} {text:?}: not a whole number"))
                })
            })
            .transpose()
    }

    /// A parameter that is on when it is there, unless its value says no.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name) {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("" | "1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(_) => Err(Failure::bad_request(format!("Invalid value for ?{name}"))),
        }
    }

    pub(super) fn blocking(&self) -> Result<Blocking, Failure> {
        let wait = match self.get("wait") {
            None | Some("") => WAIT,
            Some(text) => match parse_duration(text) {
                Some(Duration::ZERO) => WAIT,
                Some(wait) => wait.min(WAIT_MAX),
                None => return Err(Failure::bad_request("Invalid wait time")),
            },
        };
        let index = match self.get("index") {
            None | Some("") => 0,
            Some(text) => text
                .parse()
                .map_err(|_| Failure::bad_request("Invalid index"))?,
        };
        Ok(Blocking { index, wait })
    }

    pub(super) fn consistency(&self) -> Result<Consistency, Failure> {
        match (self.has("stale"), self.has("consistent")) {
            (true, true) => Err(Failure::bad_request(
                "Cannot specify ?stale with ?consistent, conflicting semantics.",
            )),
            (true, false) => Ok(Consistency::Stale),
            (false, true) => Ok(Consistency::Consistent),
            (false, false) => Ok(Consistency::Default),
        }
    }

    /// The `node-meta=key:value` parameters.
    pub(super) fn node_meta(&self) -> stead_registry::NodeMeta {
        self.all("node-meta")
            .map(|fact| fact.split_once(':').unwrap_or((fact, "")))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_with_and_without_a_value() {
        let params = Params::parse(Some("stale&passing=&tag=a&tag=b%20c&x=1+2"));
        assert!(params.has("stale") && params.flag("passing").unwrap());
        assert_eq!(params.all("tag").collect::<Vec<_>>(), ["a", "b c"]);
        assert_eq!(params.get("x"), Some("1 2"));
        assert!(!params.has("consistent"));
    }

    #[test]
    fn waits_are_read_and_capped() {
        for (query, index, seconds) in [
            ("", 0, 300),
            ("index=7", 7, 300),
            ("index=7&wait=10s", 7, 10),
            ("index=7&wait=120000ms", 7, 120),
            ("index=7&wait=24h", 7, 600),
            ("index=&wait=0s", 0, 300),
        ] {
            let blocking = Params::parse(Some(query)).blocking().unwrap();
            let expected = Blocking {
                index,
                wait: Duration::from_secs(seconds),
            };
            assert_eq!(blocking, expected, "{query}");
        }
        for query in [
            "index=x",
            "index=-1",
            "wait=10",
            "index=1&wait=x",
            "wait=-1s",
        ] {
            assert!(Params::parse(Some(query)).blocking().is_err(), "{query}");
        }
    }
}
