//! What defaulting and validation need to know about a request, and the order in which a kind is
//! taken through both. Decoding, patches and answers in the form of `AdmissionReview` are the
//! webhook program's.

mod patch;

use std::sync::Arc;

use crate::config::{Autoscaler, Defaults, Features};

pub use patch::{Operation as PatchOperation, diff};

/// The cluster's settings that admission depends on, frozen for one request.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Limits of the autoscaling annotations.
    pub autoscaler: Arc<Autoscaler>,
    /// Defaults and limits of revisions.
    pub defaults: Arc<Defaults>,
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
