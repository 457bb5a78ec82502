//! ClusterDomainClaim: which namespace a host name belongs to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::meta::object;

object! {
    /// A ClusterDomainClaim (`networking.internal.knative.dev/v1alpha1`); its name is the host name.
    ClusterDomainClaim, "networking.internal.knative.dev", "v1alpha1", "clusterdomainclaims", ClusterResourceScope, ClusterDomainClaimSpec
}

/// The owner of the host name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterDomainClaimSpec {
    /// The namespace that may have a DomainMapping of this name.
    pub namespace: String,
}
