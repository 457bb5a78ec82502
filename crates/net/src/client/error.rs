//! What can go wrong between a request and the head of its response.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why there is no response.
///
/// The texts of the first three reach clients as the body of a 502, in the words
/// that the Go implementation uses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address refused the connection or cannot be reached.
    #[error("dial tcp {address}: connect: {}", cause(source))]
    Dial {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address did not answer within all attempts.
    #[error("timed out dialing {address} after {:.2}s", after.as_secs_f64())]
    DialTimeout {
        /// Where to.
        address: SocketAddr,
        /// All attempts together.
        after: Duration,
    },
    /// The connection ended while the request was under way.
    #[error("{}", describe(source))]
    Exchange {
        /// What hyper reports.
        #[source]
        source: hyper::Error,
    },
    /// The upstream switched to a protocol nobody asked for.
    #[error("backend tried to switch protocol {got:?} when {asked:?} was requested")]
    WrongUpgrade {
        /// What the client asked for, empty if it did not.
        asked: String,
        /// What the upstream answered.
        got: String,
    },
}

/// A failed attempt to get a response.
#[derive(Debug)]
pub struct Failure<R> {
    /// Why.
    pub error: Error,
    /// The request, if the upstream cannot have seen any of it.
    pub unsent: Option<R>,
}

// === impl Error ===

impl Error {
    /// A label for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Dial { .. } => "dial",
            Self::DialTimeout { .. } => "dial_timeout",
            Self::Exchange { .. } => "exchange",
            Self::WrongUpgrade { .. } => "wrong_upgrade",
        }
    }
}

// === impl Failure ===

impl<R> Failure<R> {
    pub(crate) fn map<S>(self, f: impl FnOnce(R) -> S) -> Failure<S> {
        Failure {
            error: self.error,
            unsent: self.unsent.map(f),
        }
    }
}

fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".into(),
        io::ErrorKind::HostUnreachable => "no route to host".into(),
        io::ErrorKind::NetworkUnreachable => "network is unreachable".into(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".into(),
        _ => error.to_string().to_lowercase(),
    }
}

/// The innermost cause says the most; a connection that just ended says `EOF`.
fn describe(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return "EOF".into();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<io::Error>() {
        Some(io) => cause(io),
        None if error.source().is_none() => error.to_string(),
        None => format!("{error}: {innermost}"),
    }
}
