//! What tests on a real cluster are made of.
//!
//! ```text
//! Stage (a namespace of its own) ── applies ── Ksvc
//!   │                                            │ becomes Ready
//!   ├── Gateway ── requests, streams, WebSockets ┘
//!   └── Prober  ── the same request again and again, failures with time and cause
//! ```
//!
//! The tests know what any user of the cluster can know: the API, and what the gateway answers. They wait for
//! conditions, each with a limit, and never for a time.

pub mod certificates;
pub mod cluster;
pub mod config_maps;
pub mod corpus;
pub mod http;
pub mod kubectl;
pub mod prober;
pub mod processes;
mod report;
pub mod review;
pub mod service;
pub mod stage;
pub mod wait;
pub mod witness;
pub mod writes;

pub use service::Ksvc;
pub use stage::{Stage, play};
