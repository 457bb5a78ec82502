//! Admission: what an object is given and what it is refused for, before it is stored.
//!
//! The defaults and rules of a kind stand beside its types in `crate::api`; here is what they share.
//! A rule is a small function that returns [`Findings`]; a kind's validator is a list of them, and all
//! problems are reported together. Decoding and answers in the form of `AdmissionReview` are the
//! webhook program's.

pub(crate) mod annotations;
pub(crate) mod autoscaling;
pub(crate) mod differences;
mod fields;
mod finding;
pub mod hook;
pub(crate) mod metadata;
mod patch;
pub(crate) mod reference;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod user;

use std::sync::Arc;

use crate::config::{self, Autoscaler, Features};

pub(crate) use fields::{only_allowed, set_fields};
pub use finding::{Finding, Findings, Level};
pub use hook::Hook;
pub use patch::{Operation as PatchOperation, diff};

/// The cluster's settings that admission depends on, frozen for one request.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Limits of the autoscaling annotations.
    pub autoscaler: Arc<Autoscaler>,
    /// Defaults and limits of revisions.
    pub defaults: Arc<config::Defaults>,
    /// What users may write.
    pub features: Arc<Features>,
    /// The cluster's DNS domain, e.g. `cluster.local`.
    pub cluster_domain: String,
}

/// What is being done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is new.
    Create,
    /// It changes.
    Update,
    /// Its status changes; the rest does not.
    UpdateStatus,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The settings.
    pub policy: &'a Policy,
    /// What is being done.
    pub verb: Verb,
    /// Who does it.
    pub user: &'a str,
}

impl Verb {
    /// Whether the object is new.
    #[must_use]
    pub fn is_create(self) -> bool {
        self == Self::Create
    }
}

/// Why defaults cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The cluster's name template does not fit this object.
    #[error("error executing template: {0}")]
    ContainerName(#[from] crate::template::Error),
}

/// A kind whose missing parts can be filled in.
///
/// Idempotent, since the API server may ask again after other webhooks. Refuses nothing but what it
/// cannot compute.
pub trait Defaults: Sized {
    /// Fills in what is missing. `old` is the object before an update, with its own defaults
    /// filled in, so that new defaults do not look like the user's doing; an update without it is about
    /// an object that is stored already. Without a definition of its own a kind has no defaults.
    ///
    /// # Errors
    /// [`Error`]; the object is then half filled in and must not be used.
    fn set_defaults(&mut self, _old: Option<&Self>, _cx: &Context<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// A kind with rules. Objects are held against them with their defaults filled in.
pub trait Validate: Sized {
    /// Holds the object against its rules. `old` is the object before an update.
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings;
}
