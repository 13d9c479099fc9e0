//! Checks that connect and hang up.

use tokio::net::TcpStream;

use super::Tried;

/// Tries every address the name has, one after the other.
pub(super) async fn connect(address: &str) -> Tried {
    match TcpStream::connect(address).await {
        Ok(_) => Tried::worked(format!("TCP connect {address}: Success")),
        Err(error) => Tried::failed(format!("TCP connect {address}: {error}")),
    }
}
