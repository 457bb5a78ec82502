//! The form in which upstream writes a pod.
//!
//! Upstream's types cannot tell some values from their absence and leave them out: a false, a zero or an
//! empty text that is no pointer there, an empty list, an empty map. They always write a few others, and
//! spell quantities in one way. Stored objects show all of that, so it is done here as well. Only fields that
//! nobody may write are not gone through.

mod placement;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, EnvVar, EphemeralVolumeSource, PodDNSConfig, PodSpec, Probe, ResourceFieldSelector,
    Volume, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::wire::omit;
use crate::quantity::canonical;

/// Brings a pod into upstream's form; it means the same as before.
pub(in crate::api) fn normalize(pod: &mut PodSpec) {
    let init = pod.init_containers.iter_mut().flatten();
    pod.containers.iter_mut().chain(init).for_each(container);
    pod.volumes.iter_mut().flatten().for_each(volume);
    if let Some(context) = &mut pod.security_context {
        omit(&mut context.supplemental_groups);
        omit(&mut context.sysctls);
    }
    pod.affinity.iter_mut().for_each(placement::affinity);
    let tolerations = pod.tolerations.iter_mut().flatten();
    tolerations.for_each(placement::toleration);
    let constraints = pod.topology_spread_constraints.iter_mut().flatten();
    constraints.for_each(placement::spread);
    pod.dns_config.iter_mut().for_each(dns);
    for alias in pod.host_aliases.iter_mut().flatten() {
        omit(&mut alias.hostnames);
    }
    for text in [
        &mut pod.dns_policy,
        &mut pod.hostname,
        &mut pod.node_name,
        &mut pod.priority_class_name,
        &mut pod.restart_policy,
        &mut pod.scheduler_name,
        &mut pod.service_account,
        &mut pod.service_account_name,
        &mut pod.subdomain,
    ] {
        omit(text);
    }
    for flag in [&mut pod.host_ipc, &mut pod.host_network, &mut pod.host_pid] {
        omit(flag);
    }
    omit(&mut pod.ephemeral_containers);
    omit(&mut pod.host_aliases);
    omit(&mut pod.image_pull_secrets);
    omit(&mut pod.init_containers);
    omit(&mut pod.node_selector);
    omit(&mut pod.overhead);
    omit(&mut pod.readiness_gates);
    omit(&mut pod.resource_claims);
    omit(&mut pod.scheduling_gates);
    omit(&mut pod.tolerations);
    omit(&mut pod.topology_spread_constraints);
    omit(&mut pod.volumes);
}

fn dns(config: &mut PodDNSConfig) {
    for option in config.options.iter_mut().flatten() {
        omit(&mut option.name);
    }
    omit(&mut config.nameservers);
    omit(&mut config.options);
    omit(&mut config.searches);
}

fn container(container: &mut Container) {
    for text in [
        &mut container.image,
        &mut container.image_pull_policy,
        &mut container.termination_message_path,
        &mut container.termination_message_policy,
        &mut container.working_dir,
    ] {
        omit(text);
    }
    for flag in [
        &mut container.stdin,
        &mut container.stdin_once,
        &mut container.tty,
    ] {
        omit(flag);
    }
    container.env.iter_mut().flatten().for_each(variable);
    for source in container.env_from.iter_mut().flatten() {
        omit(&mut source.prefix);
    }
    for port in container.ports.iter_mut().flatten() {
        omit(&mut port.host_ip);
        omit(&mut port.host_port);
        omit(&mut port.name);
        omit(&mut port.protocol);
    }
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    probes.into_iter().flatten().for_each(probe);
    for mount in container.volume_mounts.iter_mut().flatten() {
        omit(&mut mount.read_only);
        omit(&mut mount.sub_path);
        omit(&mut mount.sub_path_expr);
    }
    let context = container.security_context.as_mut();
    if let Some(capabilities) = context.and_then(|context| context.capabilities.as_mut()) {
        omit(&mut capabilities.add);
        omit(&mut capabilities.drop);
    }
    // These are there even where nobody wrote any.
    let resources = container.resources.get_or_insert_default();
    omit(&mut resources.claims);
    quantities(&mut resources.limits);
    quantities(&mut resources.requests);
    for list in [&mut container.args, &mut container.command] {
        omit(list);
    }
    omit(&mut container.env);
    omit(&mut container.env_from);
    omit(&mut container.ports);
    omit(&mut container.resize_policy);
    omit(&mut container.volume_devices);
    omit(&mut container.volume_mounts);
}

fn variable(variable: &mut EnvVar) {
    omit(&mut variable.value);
    let Some(source) = &mut variable.value_from else {
        return;
    };
    if let Some(field) = &mut source.field_ref {
        omit(&mut field.api_version);
    }
    source.resource_field_ref.iter_mut().for_each(resource);
}

fn probe(probe: &mut Probe) {
    for number in [
        &mut probe.failure_threshold,
        &mut probe.initial_delay_seconds,
        &mut probe.period_seconds,
        &mut probe.success_threshold,
        &mut probe.timeout_seconds,
    ] {
        omit(number);
    }
    if let Some(http) = &mut probe.http_get {
        omit(&mut http.host);
        omit(&mut http.http_headers);
        omit(&mut http.path);
        omit(&mut http.scheme);
    }
    if let Some(tcp) = &mut probe.tcp_socket {
        omit(&mut tcp.host);
    }
    if let Some(exec) = &mut probe.exec {
        omit(&mut exec.command);
    }
}

fn volume(volume: &mut Volume) {
    if let Some(map) = &mut volume.config_map {
        omit(&mut map.items);
    }
    if let Some(secret) = &mut volume.secret {
        omit(&mut secret.items);
        omit(&mut secret.secret_name);
    }
    if let Some(projected) = &mut volume.projected {
        projected.sources.iter_mut().flatten().for_each(projection);
        omit(&mut projected.sources);
    }
    if let Some(dir) = &mut volume.empty_dir {
        omit(&mut dir.medium);
        dir.size_limit.iter_mut().for_each(quantity);
    }
    if let Some(claim) = &mut volume.persistent_volume_claim {
        omit(&mut claim.read_only);
    }
    if let Some(driver) = &mut volume.csi {
        omit(&mut driver.volume_attributes);
    }
    if let Some(image) = &mut volume.image {
        omit(&mut image.pull_policy);
        omit(&mut image.reference);
    }
    volume.ephemeral.iter_mut().for_each(ephemeral);
}

fn ephemeral(source: &mut EphemeralVolumeSource) {
    let Some(template) = &mut source.volume_claim_template else {
        return;
    };
    let metadata = template.metadata.get_or_insert_default();
    omit(&mut metadata.annotations);
    omit(&mut metadata.labels);
    let claim = &mut template.spec;
    omit(&mut claim.access_modes);
    omit(&mut claim.volume_name);
    claim.selector.iter_mut().for_each(placement::selector);
    let resources = claim.resources.get_or_insert_default();
    quantities(&mut resources.limits);
    quantities(&mut resources.requests);
}

fn projection(part: &mut VolumeProjection) {
    if let Some(map) = &mut part.config_map {
        omit(&mut map.items);
    }
    if let Some(secret) = &mut part.secret {
        omit(&mut secret.items);
    }
    if let Some(token) = &mut part.service_account_token {
        omit(&mut token.audience);
    }
    if let Some(downward) = &mut part.downward_api {
        for file in downward.items.iter_mut().flatten() {
            if let Some(field) = &mut file.field_ref {
                omit(&mut field.api_version);
            }
            file.resource_field_ref.iter_mut().for_each(resource);
        }
        omit(&mut downward.items);
    }
}

fn resource(of: &mut ResourceFieldSelector) {
    omit(&mut of.container_name);
    let nothing = || Quantity("0".to_owned());
    quantity(of.divisor.get_or_insert_with(nothing));
}

fn quantities(list: &mut Option<BTreeMap<String, Quantity>>) {
    list.iter_mut()
        .flat_map(BTreeMap::values_mut)
        .for_each(quantity);
    omit(list);
}

fn quantity(quantity: &mut Quantity) {
    *quantity = canonical(quantity);
}
