//! Judges a ConfigMap: its example block is untouched, and its values parse.

use std::collections::BTreeMap;

use ebb_core::config::{self, example};
use k8s_openapi::api::core::v1::ConfigMap;

use super::review::Request;
use super::{decode, verb};

/// Says why the ConfigMap must not be stored. Maps that are not ours pass.
pub(super) fn check(
    request: &Request<'_>,
    renamed: &[(String, &'static str)],
) -> Result<(), String> {
    if verb(request).is_none() {
        return Ok(());
    }
    if (request.kind.group.as_str(), request.kind.kind.as_str()) != ("", "ConfigMap") {
        return Err(format!("unhandled kind: {}", request.kind));
    }
    let (map, _): (ConfigMap, _) = decode(request)?;
    let name = map.metadata.name.as_deref().unwrap_or(&request.name);
    let Some(name) = stands_for(name, renamed) else {
        return Ok(());
    };
    let (data, none) = (map.data.unwrap_or_default(), BTreeMap::new());
    if config::is_known(name) {
        let annotations = map.metadata.annotations.as_ref().unwrap_or(&none);
        example::check(&data, annotations).map_err(|cause| cause.to_string())?;
    }
    config::check(name, &data).map_err(|cause| cause.to_string())
}

/// The name by which the settings of a map are known; a map that was replaced by another is free.
fn stands_for<'a>(name: &'a str, renamed: &[(String, &'static str)]) -> Option<&'a str> {
    match renamed.iter().find(|(here, _)| here == name) {
        Some((_, known)) => Some(known),
        None if renamed.iter().any(|(_, known)| *known == name) => None,
        None => Some(name),
    }
}
