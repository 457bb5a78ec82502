//! The activator: holds requests for revisions that have no pod, has one started, and sends them there.
//!
//! ```text
//!  API server ─► director ─► throttle (one a revision) ◄── handler ◄── requests
//!                  │  ▲                                       │
//!                  ▼  │                                       ▼
//!                 probers                                reporter ─► link ─► autoscaler
//! ```
//!
//! From arrival to pod everything is driven by events: a request, a pod that got an address, a probe that was
//! answered, a response that ended. It serves on when the API server or the autoscaler is away.

pub mod cold;
pub mod director;
pub mod handler;
pub mod link;
pub mod metrics;
pub mod pod;
pub mod prober;
pub mod report;
pub mod revision;
pub mod run;
pub mod settings;
pub mod sources;
pub mod throttle;
