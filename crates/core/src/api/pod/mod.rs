//! The pod's part of a revision's spec: which of Kubernetes' fields users may write, what they get
//! by default, and the rules about them. The types are Kubernetes' own.
//!
//! A rule about a field is in the file of the object that the field belongs to.

mod amount;
mod container;
mod default;
mod env;
pub(crate) mod fields;
mod image;
mod name;
mod normal;
mod port;
mod probe;
mod security;
#[cfg(test)]
mod tests;
mod validate;
mod volume;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Volume;

use crate::config::Features;

pub(super) use default::fill_in;
pub(super) use normal::normalize;
pub(super) use validate::validate;

/// What a container is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It gets the requests.
    Serving,
    /// It runs beside the serving one.
    Sidecar,
    /// It runs before them.
    Init,
}

/// What the rules about the containers of a pod need to know beside the container.
struct Scope<'a> {
    features: &'a Features,
    volumes: &'a BTreeMap<&'a str, &'a Volume>,
}
