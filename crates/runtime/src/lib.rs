//! Kubernetes plumbing that the programs share: client, caches, reconcile loop, leases, writes, configuration, admin port.
//!
//! It knows Kubernetes but none of our decisions, and nothing of proxying. What a controller wants is computed in
//! `ebb_core`; here it is observed, written and repeated.

pub mod admin;
pub mod apply;
pub mod cache;
pub mod client;
pub mod cluster;
pub mod config;
pub mod events;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod key;
pub mod lease;
pub mod logging;
pub mod queue;
pub mod reconcile;
pub mod request;
pub mod status;

pub use cache::Cache;
pub use key::Key;
