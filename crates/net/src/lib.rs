//! HTTP plumbing of Ebb's data plane: servers, upstream connections, the reverse
//! proxy, and what requests are counted, queued, timed and drained with.
//!
//! Nothing here knows Kubernetes, and nothing here decides where a request goes.
//!
//! ```text
//!  server ──► Handler of a program ──► forward ──► client
//!               uses timeout, breaker, stats, drain, probe, respond
//! ```

pub mod body;
pub mod breaker;
pub mod client;
pub mod drain;
pub mod forward;
pub mod headers;
pub mod probe;
mod request_body;
pub mod respond;
pub mod server;
pub mod stats;
pub mod timeout;
mod upgrade;
