//! Connections to upstream addresses.
//!
//! An [`Upstream`] is one address and the connections that are open to it. Who
//! forwards to a pod keeps its `Upstream` beside whatever else it knows of that
//! pod; there is no global pool and no lookup by address. Names are never
//! resolved here: the programs are static and learn addresses from Kubernetes.
//!
//! HTTP/1.1 connections are kept idle, the warmest on top. HTTP/2 requests share
//! connections. A request that failed before a byte of it was written comes back
//! with the error: sending it elsewhere is safe whatever its method.

mod dial;
mod error;
mod pool;

pub use dial::Backoff;
pub use error::{Error, Failure};
pub(crate) use pool::Lease;
pub use pool::{Protocol, Settings, Upstream};
