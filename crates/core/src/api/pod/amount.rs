//! The rule about every quantity in a pod.
//!
//! Kubernetes refuses one that cannot be read while it decodes; here it is a finding as any other, so
//! that the user learns where it is.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::admission::Findings;
use crate::quantity::Amount;

/// A quantity can be read.
pub(super) fn amount(quantity: &Quantity, path: &str) -> Findings {
    match Amount::parse(&quantity.0) {
        Ok(_) => Findings::none(),
        Err(cause) => Findings::invalid_value(&quantity.0, path).details(cause.to_string()),
    }
}

/// All of a list by name can be read.
pub(super) fn amounts(list: Option<&BTreeMap<String, Quantity>>, path: &str) -> Findings {
    let list = list.into_iter().flatten();
    list.map(|(name, quantity)| amount(quantity, name).under(path))
        .collect()
}
