//! Checks by HTTP GET.

use std::sync::OnceLock;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};

use super::output::Output;
use super::{Tried, chain};

/// Redirects that are followed before a check fails.
const REDIRECTS: usize = 5;

/// The two clients, each made when it is first needed: the system's certificates take memory that
/// plain HTTP need not pay for.
#[derive(Default)]
pub(super) struct Clients {
    plain: OnceLock<Client>,
    secure: OnceLock<Client>,
}

/// 200 to 299 is success. No more of the body is read than is shown.
pub(super) async fn get(clients: &Clients, url: &str) -> Tried {
    let subject = format!("HTTP GET {url}");
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return Tried::failed(format!("{subject}: {error}")),
    };
    let client = match clients.of(&url) {
        Ok(client) => client,
        Err(error) => return Tried::failed(format!("{subject}: {}", chain(&error))),
    };
    let mut response = match client.get(url).send().await {
        Ok(response) => response,
        Err(error) => return Tried::failed(format!("{subject}: {}", chain(&error.without_url()))),
    };
    let status = response.status();
    let mut body = Output::default();
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => {
                if !body.push(&bytes) {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                let why = chain(&error.without_url());
                return Tried::failed(format!(
                    "{subject}: {status}, and the body broke off: {why}"
                ));
            }
        }
    }
    let output = format!("{subject}: {status} Output: {}", body.into_text());
    if status.is_success() {
        Tried::worked(output)
    } else {
        Tried::failed(output)
    }
}

impl Clients {
    fn of(&self, url: &Url) -> reqwest::Result<&Client> {
        if url.scheme() == "https" {
            // Whoever was first has set the same one.
            let _ = rustls::crypto::ring::default_provider().install_default();
            made(&self.secure, builder())
        } else {
            let _ = rustls::crypto::ring::default_provider().install_default();
            // A redirect to https finds no certificate trusted, and the check fails.
            made(&self.plain, builder().tls_certs_only([]))
        }
    }
}

fn made(cell: &OnceLock<Client>, builder: ClientBuilder) -> reqwest::Result<&Client> {
    if let Some(client) = cell.get() {
        return Ok(client);
    }
    let client = builder.build()?;
    Ok(cell.get_or_init(|| client))
}

/// Each try is a connection of its own: whether new ones are taken is part of the question.
fn builder() -> ClientBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/plain, text/*, */*"));
    Client::builder()
        .no_proxy()
        .user_agent(concat!(
            "stead/",
            env!("CARGO_PKG_VERSION"),
            " health check"
        ))
        .default_headers(headers)
        .redirect(Policy::limited(REDIRECTS))
        .pool_max_idle_per_host(0)
}
