//! The instances of another service: found in the registry, called by weight.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use stead::Context;
use stead::client::{Blocking, HealthEntry, HealthQuery, RegistryClient};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long one question to the registry waits for a change.
const WATCH: Duration = Duration::from_mins(5);

/// How long to leave the registry alone after an error.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a call may take, answer included.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is taken, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// The healthy instances of a service. Clones share them.
#[derive(Clone, Debug)]
pub struct Peers {
    service: &'static str,
    wheel: Arc<Mutex<Wheel>>,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Follows the registry until the last clone is gone.
    _following: Arc<JoinSet<()>>,
}

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The registry knows of no healthy instance.
    #[error("there is no healthy instance of {0}")]
    Nobody(&'static str),
    /// No instance answered.
    #[error("{service} at {authority} did not answer")]
    Failed {
        /// The service.
        service: &'static str,
        /// The last instance that was tried.
        authority: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Peers {
    /// Follows the healthy instances of `service` from now on.
    pub fn follow(context: &Context, service: &'static str) -> Self {
        let wheel = Arc::<Mutex<Wheel>>::default();
        let mut following = JoinSet::new();
        following.spawn(follow(context.registry(), service, Arc::clone(&wheel)));
        Self {
            service,
            wheel,
            client: Client::builder(TokioExecutor::new()).build_http(),
            _following: Arc::new(following),
        }
    }

    /// Calls an instance, and when it cannot be reached the next, each once.
    ///
    /// An instance that took the request and broke off is not asked again, and
    /// neither is another, unless the method only reads.
    pub async fn call(
        &self,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let mut tried = Vec::new();
        let mut failure = CallError::Nobody(self.service);
        while let Some(authority) = self.turn(&tried) {
            tried.push(authority.clone());
            match self.exchange(&authority, method, path, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err((source, unsent)) => {
                    failure = CallError::Failed {
                        service: self.service,
                        authority,
                        source,
                    };
                    if !unsent && *method != Method::GET {
                        break;
                    }
                }
            }
        }
        Err(failure)
    }

    /// One call to one instance; an error says whether nothing was sent.
    async fn exchange(
        &self,
        authority: &str,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), (Box<dyn std::error::Error + Send + Sync>, bool)> {
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("http://{authority}{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| (error.into(), true))?;
        let exchange = async {
            let answer = match self.client.request(request).await {
                Ok(answer) => answer,
                Err(error) => {
                    let unsent = error.is_connect();
                    return Err((error.into(), unsent));
                }
            };
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            Ok((status, body.map_err(|error| (error, false))?.to_bytes()))
        };
        timeout(CALL_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|elapsed| Err((elapsed.into(), false)))
    }

    fn turn(&self, tried: &[String]) -> Option<String> {
        self.wheel
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .turn(tried)
    }
}

/// Asks the registry again and again, each time for what differs from the last
/// answer. While it cannot be asked the last answer holds.
async fn follow(registry: RegistryClient, service: &'static str, wheel: Arc<Mutex<Wheel>>) {
    let mut index = 0;
    let mut failing = false;
    loop {
        let query = HealthQuery {
            passing: true,
            blocking: Some(Blocking { index, wait: WATCH }),
            ..HealthQuery::default()
        };
        match registry.health(service, &query).await {
            Ok(found) => {
                failing = false;
                // Backwards means another history: ask afresh.
                index = if found.index < index { 0 } else { found.index };
                let mut wheel = wheel.lock().unwrap_or_else(PoisonError::into_inner);
                if wheel.replace(&found.value) {
                    tracing::info!(service, instances = found.value.len(), "peers changed");
                }
            }
            Err(error) => {
                if !failing {
                    failing = true;
                    tracing::warn!(service, %error, "the registry cannot be asked");
                }
                index = 0;
                sleep(PAUSE).await;
            }
        }
    }
}

/// Whose turn it is: smooth weighted round robin. Every turn each instance gains
/// its weight, and the one that is served pays the sum, so that turns of a heavy
/// instance are spread out between those of light ones.
#[derive(Debug, Default)]
struct Wheel {
    instances: Vec<Spoke>,
}

#[derive(Debug, PartialEq, Eq)]
struct Spoke {
    authority: String,
    weight: i64,
    credit: i64,
}

impl Wheel {
    /// Takes a new list, and says whether it differs. Weights of 0 get no turn.
    fn replace(&mut self, entries: &[HealthEntry]) -> bool {
        let fresh: Vec<Spoke> = entries
            .iter()
            .filter(|entry| entry.weight() > 0)
            .map(|entry| Spoke {
                authority: entry.authority(),
                weight: i64::from(entry.weight()),
                credit: 0,
            })
            .collect();
        let same = |(old, new): (&Spoke, &Spoke)| {
            (&old.authority, old.weight) == (&new.authority, new.weight)
        };
        let changed =
            fresh.len() != self.instances.len() || !self.instances.iter().zip(&fresh).all(same);
        if changed {
            self.instances = fresh;
        }
        changed
    }

    /// Whose turn it is among those not `tried`.
    fn turn(&mut self, tried: &[String]) -> Option<String> {
        let mut open: Vec<&mut Spoke> = self
            .instances
            .iter_mut()
            .filter(|spoke| !tried.contains(&spoke.authority))
            .collect();
        let sum: i64 = open.iter().map(|spoke| spoke.weight).sum();
        for spoke in &mut open {
            spoke.credit += spoke.weight;
        }
        let served = open.into_iter().max_by_key(|spoke| spoke.credit)?;
        served.credit -= sum;
        Some(served.authority.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(weights: &[(&str, i64)]) -> Wheel {
        let spoke = |(name, weight): &(&str, i64)| Spoke {
            authority: (*name).to_owned(),
            weight: *weight,
            credit: 0,
        };
        Wheel {
            instances: weights.iter().map(spoke).collect(),
        }
    }

    #[test]
    fn turns_follow_the_weights() {
        let mut wheel = wheel(&[("a", 5), ("b", 1), ("c", 1)]);
        let turns: Vec<_> = (0..70).filter_map(|_| wheel.turn(&[])).collect();
        for (name, expected) in [("a", 50), ("b", 10), ("c", 10)] {
            let count = turns.iter().filter(|turn| *turn == name).count();
            assert_eq!(count, expected, "{name}");
        }
        // Spread out: its five of seven are never taken in a row.
        let in_a_row = turns
            .windows(5)
            .any(|five| five.iter().all(|turn| turn == "a"));
        assert!(!in_a_row, "{turns:?}");
    }

    #[test]
    fn each_is_tried_once() {
        let mut wheel = wheel(&[("a", 100), ("b", 1), ("c", 1)]);
        let mut tried = Vec::new();
        while let Some(next) = wheel.turn(&tried) {
            assert!(!tried.contains(&next));
            tried.push(next);
        }
        tried.sort();
        assert_eq!(tried, ["a", "b", "c"]);
    }
}
