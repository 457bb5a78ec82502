//! Names for containers that have none.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::admission::Error;
use crate::config;
use crate::names::child;

/// Names the containers that have no name, avoiding those that users wrote.
pub(super) fn containers(
    pod: &mut PodSpec,
    parent: &ObjectMeta,
    defaults: &config::Defaults,
) -> Result<(), Error> {
    let init = pod.init_containers.get_or_insert_default();
    let taken: BTreeSet<String> = pod
        .containers
        .iter()
        .chain(init.iter())
        .filter(|c| !c.name.is_empty())
        .map(|c| c.name.clone())
        .collect();
    if pod.containers.iter().any(|c| c.name.is_empty()) {
        let base = config::Defaults::container_name(&defaults.container_name_template, parent)?;
        name_all(&mut pod.containers, &base, &taken);
    }
    if init.iter().any(|c| c.name.is_empty()) {
        let base =
            config::Defaults::container_name(&defaults.init_container_name_template, parent)?;
        name_all(init, &base, &taken);
    }
    if init.is_empty() {
        pod.init_containers = None;
    }
    Ok(())
}

fn name_all(containers: &mut [Container], base: &str, taken: &BTreeSet<String>) {
    let is_numbered = containers.len() > 1 || taken.contains(base);
    let mut numbers = (0_u64..)
        .map(|n| child::name(base, &format!("-{n}")))
        .filter(|name| !taken.contains(name));
    for entry in containers.iter_mut().filter(|c| c.name.is_empty()) {
        entry.name = if is_numbered {
            numbers.next().unwrap_or_default()
        } else {
            base.to_owned()
        };
    }
}
