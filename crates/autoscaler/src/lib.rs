//! The autoscaler: how many pods each revision has, from one second to the next.
//!
//! ```text
//! activators ── websocket ──► stats_server ─► intake ─┬─► collector (windows) ◄── scrape ── pods
//! other replicas ────────────────┘                    │        │ load
//!        ▲                                            └─► scaler (deciders) ── changed ──┐
//!        └────── peers (what is not ours)                                                ▼
//!                                     Deployment /scale, ServerlessService, Metric ◄── reconcile
//! ```
//!
//! Decisions are made in `ebb_core::scale`; this crate observes and carries out. Nothing on the way
//! from an activator's first stat to the write of `/scale` waits for a tick.

pub mod activator_probe;
pub mod caches;
pub mod collector;
pub mod intake;
pub mod metrics;
pub mod ownership;
pub mod peers;
pub mod pulse;
pub mod reconcile;
pub mod scale_target;
pub mod scaler;
pub mod settings;
pub mod stats_server;

#[cfg(test)]
mod load_tests;
mod program;
#[cfg(test)]
mod test_util;

pub use self::program::{Error, start};
