//! What every Ebb process needs before it can do its own work: logs, signals, a supervisor for its long tasks, metrics.
//!
//! It knows neither Kubernetes nor HTTP, and it stays small: the sidecar in every user pod links it, so nothing here
//! keeps a thread, a buffer or a table of its own while idle.

pub mod log;
pub mod metrics;
pub mod signal;
pub mod supervisor;

pub use supervisor::{Stop, Supervisor};
