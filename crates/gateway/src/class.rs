//! Which Ingresses are ours.

use ebb_core::api::ingress::Ingress;
use ebb_core::names::EBB_INGRESS_CLASS;
use kube::ResourceExt as _;

/// The annotation that names the networking layer an Ingress is for. Serving has settled all other spellings.
const CLASS: &str = "networking.knative.dev/ingress.class";

/// Whether the Ingress names our class. Any other one must not be touched in any way.
pub fn is_ours(ingress: &Ingress) -> bool {
    ingress
        .annotations()
        .get(CLASS)
        .is_some_and(|class| class == EBB_INGRESS_CLASS)
}
