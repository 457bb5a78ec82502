//! The controller: turns what users ask for into what the cluster runs.
//!
//! One reconciler a file, each a short round trip: look at the caches, let `ebb_core::plan` decide, write what it
//! decided, write the status. Decisions are not made here; a reconciler only knows which objects to look at, in which
//! order to write, and what each write is called in an Event.
//!
//! ```text
//! Service ─► Configuration ─► Revision ─► Deployment, PodAutoscaler, Image
//!    └─────► Route ─► Ingress, placeholder Services         PodAutoscaler ─► ServerlessService ─► Services, slices
//!              └─ labeler: marks what a Route leads to      Configuration ─ gc: removes what none leads to
//! ```
//!
//! Each reconciler has a Lease of its own, so replicas may share them out.

mod bucket;
mod caches;
mod configuration;
mod domain_mapping;
mod gc;
mod labeler;
mod live;
mod namespace_certificate;
mod program;
mod revision;
mod route;
mod serverless_service;
mod service;
pub mod settings;
#[cfg(test)]
mod tests;
mod wiring;
mod writer;

pub use program::{Error, run};
