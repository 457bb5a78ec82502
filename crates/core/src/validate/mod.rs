//! Validation: whether an object may be stored, and if not, why.
//!
//! A rule is a small function that returns [`Findings`]; a kind's validator is a list of them.
//! All problems are reported together. Objects are validated with their defaults filled in.

mod annotations;
mod autoscaling;
mod container;
mod differences;
mod domain_mapping;
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

use serde::Serialize;
use serde_json::Value;

use crate::admission::Context;

pub use finding::{Finding, Findings, Level};

/// A kind with rules.
pub trait Validate: Sized {
    /// Holds the object against its rules. `old` is the object before an update.
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings;
}

/// Reports the fields of an object that are set and not in the list, by their names in JSON.
fn only_allowed(object: &impl Serialize, allowed: &[&str]) -> Findings {
    let Ok(Value::Object(fields)) = serde_json::to_value(object) else {
        return Findings::none();
    };
    let is_set = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    let mut others: Vec<String> = fields
        .into_iter()
        .filter(|(name, value)| is_set(value) && !allowed.contains(&name.as_str()))
        .map(|(name, _)| name)
        .collect();
    others.sort_unstable();
    if others.is_empty() {
        Findings::none()
    } else {
        Findings::disallowed(others)
    }
}

#[cfg(test)]
mod tests;
