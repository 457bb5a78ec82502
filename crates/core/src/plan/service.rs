//! Service: one Configuration and one Route of the same name.
//!
//! The Service says nothing on its own. It hands its template to the Configuration and its traffic to the Route, and
//! shows what the two report, provided that they have seen what it handed them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::meta::{self, Map};
use super::{Write, pass};
use crate::api::condition::State;
use crate::api::configuration::{Configuration, ConfigurationSpec};
use crate::api::meta::Conditioned;
use crate::api::revision::Revision;
use crate::api::route::{Route, RouteSpec, TrafficTarget};
use crate::api::service::{Service, ServiceCond, ServiceStatus};
use crate::names::{annotations, labels};

/// What the caches hold about a Service.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The Configuration of the Service's name, whoever owns it.
    pub configuration: Option<Arc<Configuration>>,
    /// The Route of the Service's name, whoever owns it.
    pub route: Option<Arc<Route>>,
    /// The Revision that the template names, if it names one.
    pub named_revision: Option<Arc<Revision>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub configuration: Option<Write<Configuration>>,
    pub route: Option<Write<Route>>,
    pub status: ServiceStatus,
    /// Why the pass has to be repeated.
    pub failure: Option<String>,
}

/// Decides the next step for `service`.
pub fn plan(service: &Service, seen: &Seen, now: Timestamp) -> Plan {
    let mut plan = Plan {
        configuration: None,
        route: None,
        status: pass::begin(service, now),
        failure: None,
    };
    fill(&mut plan, service, seen, now);
    plan.status = pass::end(service, plan.status, now);
    plan
}

fn fill(plan: &mut Plan, service: &Service, seen: &Seen, now: Timestamp) {
    if let Some(stranger) = stranger(service, seen.configuration.as_deref()) {
        let name = meta::name(stranger);
        let message = format!("There is an existing Configuration {name:?} that we do not own.");
        plan.status.conditions.set(
            ServiceCond::ConfigurationsReady,
            State::failed("NotOwned", message),
            now,
        );
        plan.failure = Some(format!(
            "service: {name:?} does not own configuration: {name:?}"
        ));
        return;
    }
    plan.configuration = difference(seen.configuration.as_deref(), configuration(service, seen));

    // A spec that is about to change makes the status of the Configuration old news.
    let is_named = service
        .spec
        .template
        .metadata
        .name
        .as_deref()
        .is_some_and(|name| !name.is_empty());
    let settled = seen.configuration.as_ref().filter(|live| {
        live.is_current()
            && plan
                .configuration
                .as_ref()
                .is_none_or(|write| write.object().spec == live.spec)
    });
    match settled {
        Some(live) => mirror_configuration(&mut plan.status, live, now),
        None => {
            let message =
                "The Configuration is still working to reflect the latest desired specification.";
            let state = State::unknown("OutOfDate", message);
            plan.status
                .conditions
                .set(ServiceCond::ConfigurationsReady, state, now);
            if is_named {
                // The Route may name the revision that is still to be made.
                return;
            }
        }
    }

    if let Some(name) = taken_name(service, seen) {
        let message = format!(
            "The revision name {name:?} is taken by a conflicting Revision, so traffic will not be migrated"
        );
        plan.status.conditions.set(
            ServiceCond::RoutesReady,
            State::failed("RevisionNameTaken", message),
            now,
        );
        return;
    }
    plan_route(plan, service, seen, now);
}

fn plan_route(plan: &mut Plan, service: &Service, seen: &Seen, now: Timestamp) {
    if let Some(stranger) = stranger(service, seen.route.as_deref()) {
        let name = meta::name(stranger);
        let message = format!("There is an existing Route {name:?} that we do not own.");
        plan.status.conditions.set(
            ServiceCond::RoutesReady,
            State::failed("NotOwned", message),
            now,
        );
        plan.failure = Some(format!("service: {name:?} does not own route: {name:?}"));
        return;
    }
    plan.route = difference(seen.route.as_deref(), route(service));
    let settled = seen.route.as_ref().filter(|live| {
        live.is_current()
            && plan
                .route
                .as_ref()
                .is_none_or(|write| write.object().spec == live.spec)
    });
    match settled {
        Some(live) => mirror_route(&mut plan.status, service, seen, live, now),
        None => {
            let message = "The Route is still working to reflect the latest desired specification.";
            plan.status.conditions.set(
                ServiceCond::RoutesReady,
                State::unknown("OutOfDate", message),
                now,
            );
        }
    }
}

/// The metadata of an existing child that somebody else controls.
fn stranger<'a, K: Conditioned>(
    service: &Service,
    child: Option<&'a K>,
) -> Option<&'a k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta> {
    child
        .map(kube::Resource::meta)
        .filter(|meta| !meta::is_controlled_by(meta, &service.metadata))
}

/// What has to be written so that `live` becomes `wanted`.
fn difference<K>(live: Option<&K>, wanted: K) -> Option<Write<K>>
where
    K: kube::Resource<DynamicType = ()> + HasSpec,
{
    match live {
        None => Some(Write::Create(wanted)),
        Some(live)
            if live.has_spec_of(&wanted)
                && meta::same_labels_and_annotations(live.meta(), wanted.meta()) =>
        {
            None
        }
        Some(_) => Some(Write::Update(wanted)),
    }
}

trait HasSpec {
    fn has_spec_of(&self, other: &Self) -> bool;
}

impl HasSpec for Configuration {
    fn has_spec_of(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl HasSpec for Route {
    fn has_spec_of(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

fn configuration(service: &Service, seen: &Seen) -> Configuration {
    let name = meta::name(&service.metadata);
    let mut labels = meta::labels(&service.metadata).clone();
    labels.insert(labels::SERVICE.into(), name.into());
    labels.insert(
        labels::SERVICE_UID.into(),
        meta::uid(&service.metadata).into(),
    );
    let mut annotations = handed_down(service);
    for key in annotations::ROLLOUT_DURATION.spellings() {
        annotations.remove(*key);
    }
    let mut routes: BTreeSet<&str> = BTreeSet::from([name]);
    routes.extend(
        seen.configuration
            .iter()
            .flat_map(|live| meta::routes(&live.metadata)),
    );
    annotations.insert(
        annotations::ROUTES.into(),
        routes.into_iter().collect::<Vec<_>>().join(","),
    );
    Configuration {
        metadata: meta::child(service, name, labels, annotations),
        spec: ConfigurationSpec {
            template: service.spec.template.clone(),
        },
        status: None,
    }
}

fn route(service: &Service) -> Route {
    let name = meta::name(&service.metadata);
    let mut labels = meta::labels(&service.metadata).clone();
    labels.insert(labels::SERVICE.into(), name.into());
    let traffic = service.spec.traffic.iter().cloned().map(|mut target| {
        if target.revision_name.is_empty() {
            target.configuration_name = name.to_owned();
        }
        target
    });
    Route {
        metadata: meta::child(service, name, labels, handed_down(service)),
        spec: RouteSpec {
            traffic: traffic.collect(),
        },
        status: None,
    }
}

fn handed_down(service: &Service) -> Map {
    meta::without(meta::annotations(&service.metadata), |key| {
        key == annotations::LAST_APPLIED
    })
}

fn mirror_configuration(status: &mut ServiceStatus, live: &Configuration, now: Timestamp) {
    let Some(theirs) = &live.status else { return };
    status
        .latest_ready_revision_name
        .clone_from(&theirs.latest_ready_revision_name);
    status
        .latest_created_revision_name
        .clone_from(&theirs.latest_created_revision_name);
    if let Some(ready) = theirs.conditions.ready() {
        let state = if ready.is_true() {
            State::True
        } else {
            ready.state()
        };
        status
            .conditions
            .set(ServiceCond::ConfigurationsReady, state, now);
    }
}

fn mirror_route(
    status: &mut ServiceStatus,
    service: &Service,
    seen: &Seen,
    live: &Route,
    now: Timestamp,
) {
    let Some(theirs) = &live.status else { return };
    status.url.clone_from(&theirs.url);
    status.address.clone_from(&theirs.address);
    status.traffic.clone_from(&theirs.traffic);
    let Some(ready) = theirs.conditions.ready() else {
        return;
    };
    let state = if !ready.is_true() {
        ready.state()
    } else if has_migrated(service, seen, live) {
        State::True
    } else {
        State::unknown(
            "TrafficNotMigrated",
            "Traffic is not yet migrated to the latest revision.",
        )
    };
    status.conditions.set(ServiceCond::RoutesReady, state, now);
}

/// Whether the Route serves what its spec asks for, with "latest" read as our newest ready revision.
fn has_migrated(service: &Service, seen: &Seen, route: &Route) -> bool {
    let served = route
        .status
        .as_ref()
        .map(|status| status.traffic.as_slice())
        .unwrap_or_default();
    let ours = meta::name(&service.metadata);
    let latest = seen
        .configuration
        .as_ref()
        .and_then(|configuration| configuration.status.as_ref())
        .map(|status| status.latest_ready_revision_name.as_str())
        .unwrap_or_default();
    let comparable = |target: &TrafficTarget| {
        let mut target = TrafficTarget {
            url: None,
            latest_revision: None,
            ..target.clone()
        };
        if target.configuration_name == ours {
            target.configuration_name.clear();
            target.revision_name = latest.to_owned();
        }
        target
    };
    let wanted = &route.spec.traffic;
    wanted.len() == served.len()
        && wanted
            .iter()
            .zip(served)
            .all(|(w, s)| comparable(w) == comparable(s))
}

/// The template's own revision name, if a Revision that is not this template's has it already.
fn taken_name<'a>(service: &'a Service, seen: &Seen) -> Option<&'a str> {
    let name = service
        .spec
        .template
        .metadata
        .name
        .as_deref()
        .filter(|name| !name.is_empty())?;
    let revision = seen.named_revision.as_deref()?;
    let configuration = seen.configuration.as_deref()?;
    let generation = configuration
        .metadata
        .generation
        .unwrap_or_default()
        .to_string();
    let is_ours = meta::is_controlled_by(&revision.metadata, &configuration.metadata);
    let is_this = meta::label(&revision.metadata, labels::CONFIGURATION_GENERATION)
        == Some(generation.as_str())
        || revision.spec == configuration.spec.template.spec;
    (!(is_ours && is_this)).then_some(name)
}
