//! One attempt at one probe.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

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
    /// The connection cannot be made.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
    /// The connection broke off or spoke something else.
    #[error("cannot get an answer: {0}")]
    Exchange(#[from] hyper::Error),
    /// An answer, but not a good one.
    #[error("{0}")]
    Unhealthy(String),
    /// The probe is of a kind that cannot be run from here.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl Check {
    /// Tries once, without a limit of time.
    pub(super) async fn run(&self) -> Result<(), Failed> {
        match self {
            Self::Tcp(address) => connect(*address).await.map(drop),
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

pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, Failed> {
    TcpStream::connect(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Failed::Refused,
            _ => Failed::Connect(error),
        })
}
