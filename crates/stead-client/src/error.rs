//! What can go wrong between a client and the other side.

use std::io;

use stead_api::control::Problem;

/// Why a request brought no answer, or not the one hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text given is not an address.
    #[error("{text:?} is not an address: {why}")]
    Address {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody listens there, or the way there is broken.
    #[error("cannot reach {address}")]
    Unreachable {
        /// Where it was tried.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The socket or pipe is there and does not let us in.
    #[error("not allowed to connect to {address}")]
    Denied {
        /// Where it was tried.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The agent understood the request and says what stands in the way.
    ///
    /// A refusal for want of rights is here too: its kind is
    /// [`Denied`](stead_api::control::ProblemKind::Denied).
    #[error("{}", .0.error)]
    Problem(Problem),
    /// The HTTP API refused; its errors are plain text.
    #[error("{request} was answered with {status}: {text}")]
    Refused {
        /// The request, `GET /v1/…`.
        request: String,
        /// The status code.
        status: http::StatusCode,
        /// The text of the answer.
        text: String,
    },
    /// No answer within the time a request may take.
    #[error("{request} was not answered within {seconds} s")]
    Timeout {
        /// The request.
        request: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The connection ended before the answer did.
    #[error("the connection was lost during {request}")]
    Lost {
        /// The request.
        request: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is not what this protocol allows.
    #[error("the answer to {request} makes no sense")]
    Protocol {
        /// The request.
        request: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ClientError {
    /// Whether nobody is there to answer: exit status 5 of the command line.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Lost { .. }
        )
    }

    pub(crate) fn connecting(address: String, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::Denied { address, source }
        } else {
            Self::Unreachable { address, source }
        }
    }
}
