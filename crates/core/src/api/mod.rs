//! The twelve kinds that Ebb serves or hands to its plug-ins, as serde types.
//!
//! Each file holds one kind: spec, status and the conditions of that kind. The types read and
//! write upstream's YAML and JSON without loss of meaning: a field that upstream leaves out when it is
//! empty is left out here, one that upstream always writes is always written.
//!
//! A kind with rules is a directory: `mod.rs` has the types, `default.rs` what admission fills in,
//! `validate.rs` what it refuses, `tests.rs` both by example. A type accepts whatever the wire can
//! carry, so that admission can name the fault instead of failing to decode. What the kinds share is
//! in `crate::admission`.

pub mod certificate;
pub mod condition;
pub mod configuration;
mod decode;
pub mod domain_claim;
pub mod domain_mapping;
pub mod image;
pub mod ingress;
pub mod meta;
pub mod metric;
pub(crate) mod pod;
pub mod pod_autoscaler;
pub mod revision;
pub mod route;
pub mod serverless_service;
pub mod service;
pub mod text;
mod wire;

pub use decode::{Error as DecodeError, decode};
