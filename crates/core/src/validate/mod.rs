//! Validation: whether an object may be stored, and if not, why.
//!
//! A rule is a small function that returns [`Findings`]; a kind's validator is a list of them.
//! All problems are reported together. Objects are validated with their defaults filled in.

mod annotations;
mod autoscaling;
mod container;
mod differences;
mod domain_mapping;
mod fields;
mod finding;
mod image;
mod ingress;
mod internal;
mod meta;
mod pod;
mod probe;
mod revision;
mod security;
mod service;
mod traffic;
mod volume;

use crate::admission::Context;
use fields::only_allowed;

pub use finding::{Finding, Findings, Level};

/// A kind with rules.
pub trait Validate: Sized {
    /// Holds the object against its rules. `old` is the object before an update.
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings;
}

#[cfg(test)]
mod tests;
