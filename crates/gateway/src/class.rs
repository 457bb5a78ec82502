//! Which Ingresses are ours.

use ebb_core::api::ingress::Ingress;
use ebb_core::names::EBB_INGRESS_CLASS;
use ebb_core::names::annotations::INGRESS_CLASS;
use kube::ResourceExt as _;

/// Whether the Ingress names our class, in the canonical spelling: Serving has settled all others. Any other Ingress must
/// not be touched in any way.
pub fn is_ours(ingress: &Ingress) -> bool {
    let class = ingress.annotations().get(INGRESS_CLASS.canonical());
    class.is_some_and(|class| class == EBB_INGRESS_CLASS)
}
