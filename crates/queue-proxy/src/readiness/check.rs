//! One attempt at one probe.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use ebb_net::body::Body;
use ebb_net::client::{self, Backoff, Protocol, Upstream};
use tokio::net::TcpStream;

use super::{grpc, http};

/// What a probe looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Something accepts connections.
    Tcp(SocketAddr),
    /// A GET is answered with 200 to 399.
    Http(http::Get),
    /// The gRPC health service says `SERVING`.
    Grpc(grpc::Health),
    /// Cannot be checked from here; says why.
    Never(&'static str),
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Nobody listens yet.
    #[error("connection refused")]
    Refused,
    /// The connection cannot be made, or broke off, or spoke something else.
    #[error("{0}")]
    Client(client::Error),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
    /// An answer, but not a good one.
    #[error("{0}")]
    Unhealthy(String),
    /// The probe is of a kind that cannot be run from here.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// A probe connects once and does not keep the connection; how long it may take
/// is for the pace to say.
const CONNECTION: client::Settings = client::Settings {
    max_idle: 0,
    idle_timeout: Duration::ZERO,
    backoff: Backoff {
        first: Duration::from_secs(60),
        factor: 1.0,
        retries: 0,
        pause: Duration::ZERO,
    },
};

impl Check {
    /// Tries once, without a limit of time.
    pub(super) async fn run(&self) -> Result<(), Failed> {
        match self {
            Self::Tcp(address) => connect(*address).await,
            Self::Http(get) => get.run().await,
            Self::Grpc(health) => health.run().await,
            Self::Never(why) => Err(Failed::Unsupported(why)),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Http(get) => write!(f, "http {}{}", get.address, get.target),
            Self::Grpc(health) => write!(f, "grpc {} {:?}", health.address, health.service),
            Self::Never(why) => f.write_str(why),
        }
    }
}

/// Sends `request` on a connection of its own.
pub(super) async fn ask(
    address: SocketAddr,
    protocol: Protocol,
    request: Request<Bytes>,
) -> Result<Response<Body>, Failed> {
    let upstream = Upstream::new(address, CONNECTION);
    Ok(upstream.ask(protocol, request).await?)
}

async fn connect(address: SocketAddr) -> Result<(), Failed> {
    match TcpStream::connect(address).await {
        Ok(_) => Ok(()),
        Err(source) => Err(client::Error::Dial { address, source }.into()),
    }
}

impl From<client::Error> for Failed {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Dial { source, .. }
                if source.kind() == io::ErrorKind::ConnectionRefused =>
            {
                Self::Refused
            }
            error => Self::Client(error),
        }
    }
}
