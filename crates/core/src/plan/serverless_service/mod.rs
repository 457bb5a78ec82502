//! ServerlessService: who answers behind a revision's name, its pods or the activators.
//!
//! Two Services: the private one selects the revision's pods, so Kubernetes finds their addresses. The public one has
//! no selector; its addresses are written here, either copied from the private one (Serve) or those of a few activators
//! (Proxy). A switch is one write of one EndpointSlice, so the public Service is never without an address as long as
//! there is one on either side.

mod services;
pub mod slices;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use serde::Serialize;

use super::meta::{self, Map};
use super::{Write, pass};
use crate::api::condition::State;
use crate::api::serverless_service::{
    Mode, ServerlessService, ServerlessServiceCond, ServerlessServiceStatus,
};
use crate::names::child;
use crate::subset;

/// What the caches hold about a ServerlessService.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `spec.selector.matchLabels` of the scale target; `None` while the target is not there.
    pub selector: Option<Map>,
    /// The Services of the two names, whoever owns them.
    pub public_service: Option<Arc<Service>>,
    pub private_service: Option<Arc<Service>>,
    /// Slices that Kubernetes keeps for the private Service.
    pub private_slices: Vec<Arc<EndpointSlice>>,
    /// Slices that were written here for the public Service.
    pub public_slices: Vec<Arc<EndpointSlice>>,
    /// Slices of the activators' Service.
    pub activator_slices: Vec<Arc<EndpointSlice>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub private_service: Option<Write<Service>>,
    pub public_service: Option<Write<Service>>,
    /// Written before `obsolete_slices` go.
    pub slices: Vec<Write<EndpointSlice>>,
    pub obsolete_slices: Vec<String>,
    pub status: ServerlessServiceStatus,
    /// Why the pass has to be repeated.
    pub failure: Option<String>,
}

/// Decides the next step for `sks`.
pub fn plan(sks: &ServerlessService, seen: &Seen, now: Timestamp) -> Plan {
    let mut plan = Plan {
        private_service: None,
        public_service: None,
        slices: Vec::new(),
        obsolete_slices: Vec::new(),
        status: pass::begin(sks, now),
        failure: None,
    };
    fill(&mut plan, sks, seen, now);
    plan.status = pass::end(sks, plan.status, now);
    plan
}

fn fill(plan: &mut Plan, sks: &ServerlessService, seen: &Seen, now: Timestamp) {
    let name = meta::name(&sks.metadata);
    let private_name = child::private_service(name);
    if let Some(stranger) = stranger(sks, seen) {
        let message = format!("Resource {stranger} of type Service is not owned by SKS");
        let state = State::failed("NotOwned", message);
        plan.status
            .conditions
            .set(ServerlessServiceCond::EndpointsPopulated, state, now);
        plan.failure = Some(format!("SKS: {name} does not own Service: {stranger}"));
        return;
    }
    // A target that is on its way out keeps its private Service; one that is not there yet wakes us when it comes.
    let known = || {
        seen.private_service
            .as_ref()
            .and_then(|service| service.spec.as_ref()?.selector.as_ref())
    };
    let Some(selector) = seen.selector.as_ref().or_else(known) else {
        plan.status.conditions.set(
            ServerlessServiceCond::EndpointsPopulated,
            no_backends(),
            now,
        );
        return;
    };
    plan.private_service = services::private(
        sks,
        &private_name,
        selector,
        seen.private_service.as_deref(),
    );
    plan.public_service = services::public(sks, seen.public_service.as_deref());
    plan.status.service_name = name.to_owned();
    plan.status.private_service_name = private_name;

    let pods = slices::endpoints(&seen.private_slices);
    let ready = pods.iter().any(slices::is_ready);
    let wanted = slices::wanted(sks, backing(sks, pods, ready, seen));
    plan.obsolete_slices = seen
        .public_slices
        .iter()
        .map(|slice| meta::name(&slice.metadata))
        .filter(|name| {
            !wanted
                .iter()
                .any(|slice| meta::name(&slice.metadata) == *name)
        })
        .map(str::to_owned)
        .collect();
    plan.slices = wanted
        .into_iter()
        .filter_map(|slice| slices::difference(slice, &seen.public_slices))
        .collect();

    let populated = match ready {
        true => State::True,
        false => no_backends(),
    };
    plan.status
        .conditions
        .set(ServerlessServiceCond::EndpointsPopulated, populated, now);
    let (reason, message) = (
        "ActivatorEndpointsPopulated",
        "Revision is backed by Activator",
    );
    let backed_by_activator = match !ready || sks.spec.mode == Mode::Proxy {
        true => State::true_because(reason, message),
        false => State::failed(reason, message),
    };
    plan.status.conditions.set(
        ServerlessServiceCond::ActivatorEndpointsPopulated,
        backed_by_activator,
        now,
    );
}

fn no_backends() -> State {
    State::unknown("NoHealthyBackends", "K8s Service is not ready")
}

/// The name of a Service that somebody else has taken.
fn stranger<'a>(sks: &ServerlessService, seen: &'a Seen) -> Option<&'a str> {
    [&seen.private_service, &seen.public_service]
        .into_iter()
        .flatten()
        .find(|service| !meta::is_controlled_by(&service.metadata, &sks.metadata))
        .map(|service| meta::name(&service.metadata))
}

/// The addresses of the public Service: the mode's, unless that side has nobody who is ready.
///
/// While nobody is ready on either side all are listed, as the unready ones they are: whoever holds requests back can
/// go on as soon as one of them answers.
fn backing(
    sks: &ServerlessService,
    mut pods: Vec<Endpoint>,
    has_ready_pods: bool,
    seen: &Seen,
) -> Vec<Endpoint> {
    let activators = activators(sks, &seen.activator_slices);
    let has_ready_activators = activators.iter().any(slices::is_ready);
    let proxies = sks.spec.mode == Mode::Proxy || !has_ready_pods;
    if proxies && has_ready_activators {
        return activators;
    }
    if !has_ready_pods {
        pods.extend(activators);
    }
    pods
}

/// The activators that stand in for this revision: the same on every replica, and mostly the same when activators come
/// and go. Unready ones only count while there is no other.
fn activators(sks: &ServerlessService, slices: &[Arc<EndpointSlice>]) -> Vec<Endpoint> {
    let mut activators = slices::endpoints(slices);
    if activators.iter().any(slices::is_ready) {
        activators.retain(slices::is_ready);
    }
    let wanted = usize::try_from(sks.spec.num_activators).unwrap_or(0);
    if wanted == 0 {
        return activators;
    }
    let addresses: Vec<String> = activators
        .iter()
        .flat_map(|e| e.addresses.iter().cloned())
        .collect();
    let name = meta::name(&sks.metadata);
    let chosen = subset::choose(name, addresses.iter().map(String::as_str), wanted);
    activators.retain(|e| {
        e.addresses
            .iter()
            .any(|address| chosen.contains(&address.as_str()))
    });
    activators
}
