//! What the queue-proxy may use: the cluster's settings, then a share of the user's, then the user's own word.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Input, meta};
use crate::names::annotations;
use crate::quantity::Amount;

type Amounts = BTreeMap<String, Quantity>;

const CPU: &str = "cpu";
const MEMORY: &str = "memory";
const STORAGE: &str = "ephemeral-storage";
const MI: i128 = 1 << 20;

pub(super) fn of_queue_proxy(input: &Input<'_>) -> ResourceRequirements {
    let (mut requests, mut limits) = configured(input);
    share_of_user(input, &mut requests, &mut limits);
    for (key, name) in [
        (annotations::QUEUE_CPU_REQUEST, CPU),
        (annotations::QUEUE_MEMORY_REQUEST, MEMORY),
        (annotations::QUEUE_EPHEMERAL_STORAGE_REQUEST, STORAGE),
    ] {
        own_word(input, key, name, &mut requests);
    }
    for (key, name) in [
        (annotations::QUEUE_CPU_LIMIT, CPU),
        (annotations::QUEUE_MEMORY_LIMIT, MEMORY),
        (annotations::QUEUE_EPHEMERAL_STORAGE_LIMIT, STORAGE),
    ] {
        own_word(input, key, name, &mut limits);
    }
    ResourceRequirements {
        claims: None,
        limits: (!limits.is_empty()).then_some(limits),
        requests: Some(requests),
    }
}

/// Requests and limits of `config-deployment`.
fn configured(input: &Input<'_>) -> (Amounts, Amounts) {
    let set = input.config.deployment;
    let filled = input
        .config
        .features
        .queueproxy_resource_defaults
        .is_enabled();
    let or = |value: &Option<Quantity>, default: &str| {
        value
            .clone()
            .or_else(|| filled.then(|| Quantity(default.into())))
    };
    let collect = |entries: [(&str, Option<Quantity>); 3]| {
        entries
            .into_iter()
            .filter_map(|(name, amount)| Some((name.to_owned(), amount?)))
            .collect()
    };
    let requests = collect([
        (CPU, set.queue_sidecar_cpu_request.clone()),
        (MEMORY, or(&set.queue_sidecar_memory_request, "400Mi")),
        (STORAGE, set.queue_sidecar_ephemeral_storage_request.clone()),
    ]);
    let limits = collect([
        (CPU, or(&set.queue_sidecar_cpu_limit, "1000m")),
        (MEMORY, or(&set.queue_sidecar_memory_limit, "800Mi")),
        (STORAGE, set.queue_sidecar_ephemeral_storage_limit.clone()),
    ]);
    (requests, limits)
}

/// The deprecated way: percent of what the user's container has, within bounds.
fn share_of_user(input: &Input<'_>, requests: &mut Amounts, limits: &mut Amounts) {
    let percent = annotations::QUEUE_RESOURCE_PERCENTAGE
        .value(meta::annotations(input.meta()))
        .and_then(|text| text.parse::<f64>().ok());
    let user = input
        .serving_container()
        .and_then(|container| container.resources.as_ref());
    let (Some(percent), Some(user)) = (percent, user) else {
        return;
    };
    let share = |amounts: &Option<Amounts>, name: &str, floor: i128, ceiling: i128| {
        let amount = Amount::parse(&amounts.as_ref()?.get(name)?.0).ok()?;
        // Milli-units keep a fraction of a CPU; for memory they are merely fine enough.
        let part = (amount.millis() as f64 * percent / 100.0) as i128;
        Some(part.clamp(floor, ceiling))
    };
    let cpu = |millis: i128| Quantity(format!("{millis}m"));
    let memory = |millis: i128| {
        let bytes = millis / 1000;
        Quantity(if bytes % MI == 0 {
            format!("{}Mi", bytes / MI)
        } else {
            bytes.to_string()
        })
    };
    for (amounts, from, floor, ceiling) in [
        (&mut *requests, &user.requests, 25, 100),
        (&mut *limits, &user.limits, 40, 500),
    ] {
        amounts.extend(share(from, CPU, floor, ceiling).map(|part| (CPU.to_owned(), cpu(part))));
    }
    for (amounts, from, floor, ceiling) in [
        (requests, &user.requests, 50, 200),
        (limits, &user.limits, 200, 500),
    ] {
        let part = share(from, MEMORY, floor * MI * 1000, ceiling * MI * 1000);
        amounts.extend(part.map(|part| (MEMORY.to_owned(), memory(part))));
    }
}

/// What cannot be read counts as not said.
fn own_word(input: &Input<'_>, key: &str, name: &str, amounts: &mut Amounts) {
    if let Some(text) =
        meta::annotation(input.meta(), key).filter(|text| Amount::parse(text).is_ok())
    {
        amounts.insert(name.to_owned(), Quantity(text.to_owned()));
    }
}
