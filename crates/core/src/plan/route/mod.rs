//! Route: host names that lead to revisions.
//!
//! A Route owns one Ingress, which says which share of the requests for a host goes to which revision, and one
//! placeholder Service for each host, which gives the host its name inside the cluster.
//!
//! While any target cannot be served the children stay as they are: the old Ingress keeps the old revision serving
//! through a bad rollout. Traffic only ever moves to revisions that are ready.

mod certificate;
mod ingress;
mod placeholder;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde::Serialize;

use super::{Note, Write, meta, pass};
use crate::api::condition::State;
use crate::api::ingress::Ingress;
use crate::api::meta::{Addressable, Conditioned};
use crate::api::route::{Route, RouteCond, RouteStatus, TrafficTarget};
use crate::config;
use crate::names::labels;
use crate::traffic::host::{self, Host, Naming, Reach};
use crate::traffic::rollout::Rollout;
use crate::traffic::{self, Referents, Target, Traffic};

/// What the caches hold about a Route.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub referents: Referents,
    /// The Ingress of the Route's name.
    pub ingress: Option<Arc<Ingress>>,
    /// Services with the Route's label, and those that have the name of one of its hosts.
    pub services: BTreeMap<String, Arc<Service>>,
    /// Slices that the controller wrote for the Route's placeholders, by name.
    pub slices: BTreeMap<String, Arc<EndpointSlice>>,
}

/// The settings that shape a Route's children.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    pub domain: &'a config::domain::Domain,
    pub features: &'a config::features::Features,
    pub network: &'a config::network::Network,
    /// For example `cluster.local`.
    pub cluster_domain: &'a str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub services: Vec<Write<Service>>,
    /// Services whose type cannot change in place: deleted, then made anew.
    pub replaced_services: Vec<Service>,
    /// Names of placeholders that no host needs any more.
    pub obsolete_services: Vec<String>,
    pub slices: Vec<Write<EndpointSlice>>,
    /// Names of slices behind placeholders that lead elsewhere by now, or are gone.
    pub obsolete_slices: Vec<String>,
    pub ingress: Option<Write<Ingress>>,
    pub status: RouteStatus,
    pub notes: Vec<Note>,
    /// When the next step of a gradual rollout is due.
    pub wake: Option<Timestamp>,
    /// Why the pass has to be repeated.
    pub failure: Option<String>,
}

/// Decides the next step for `route`.
pub fn plan(route: &Route, seen: &Seen, config: &Config<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan {
        services: Vec::new(),
        replaced_services: Vec::new(),
        obsolete_services: Vec::new(),
        slices: Vec::new(),
        obsolete_slices: Vec::new(),
        ingress: None,
        status: pass::begin(route, now),
        notes: Vec::new(),
        wake: None,
        failure: None,
    };
    if pass::is_new_generation(route) {
        // Whatever goes wrong below must not leave an old "ready" standing for a new spec.
        plan.status
            .conditions
            .set(RouteCond::IngressReady, not_configured(), now);
    }
    if let Err(failure) = fill(&mut plan, route, seen, config, now) {
        plan.failure = Some(failure);
    }
    plan.status = pass::end(route, plan.status, now);
    plan
}

fn not_configured() -> State {
    State::unknown(
        "IngressNotConfigured",
        "Ingress has not yet been reconciled.",
    )
}

fn fill(
    plan: &mut Plan,
    route: &Route,
    seen: &Seen,
    config: &Config<'_>,
    now: Timestamp,
) -> Result<(), String> {
    let bad_name = |plan: &mut Plan, error: host::Error| {
        let state = State::failed("ErrorConfig", error.to_string());
        plan.status
            .conditions
            .set(RouteCond::AllTrafficAssigned, state, now);
        error.to_string()
    };
    let main = host_of(route, "", seen, config).map_err(|error| bad_name(plan, error))?;
    plan.status.url = Some(url(&main, config));
    let traffic = match traffic::resolve(route, &seen.referents) {
        Ok(traffic) => traffic,
        Err(problem) => {
            plan.status
                .conditions
                .set(RouteCond::AllTrafficAssigned, problem.state, now);
            return Ok(());
        }
    };
    let mut hosts = BTreeMap::new();
    for tag in traffic.groups.keys() {
        let host = host_of(route, tag, seen, config).map_err(|error| bad_name(plan, error))?;
        hosts.insert(tag.clone(), host);
    }
    plan.status
        .conditions
        .set(RouteCond::AllTrafficAssigned, State::True, now);
    plan.status.address = Some(Addressable::at(format!("http://{}", main.local)));

    if let Some(stranger) = placeholder::stranger(route, &hosts, seen) {
        let message =
            format!("There is an existing placeholder Service {stranger:?} that we do not own.");
        plan.status.conditions.set(
            RouteCond::IngressReady,
            State::failed("NotOwned", message),
            now,
        );
        return Err(format!(
            "route: {:?} does not own Service: {stranger:?}",
            meta::name(&route.metadata)
        ));
    }
    certificate::judge(&mut plan.status, route, &hosts, config, now);

    let rollout = advance(plan, route, &traffic, seen, config, now);
    let parent = ingress::Parent {
        route,
        hosts: &hosts,
        traffic: &traffic,
        rollout: &rollout,
        config,
    };
    plan.ingress = parent.write(seen.ingress.as_deref())?;
    placeholder::plan(plan, route, &hosts, seen);
    plan.status.traffic = listed(&traffic, &rollout, &hosts, config);
    plan.status.conditions.set(
        RouteCond::IngressReady,
        ingress_ready(plan, seen, &rollout),
        now,
    );
    Ok(())
}

/// The state of the gradual rollout after this pass.
fn advance(
    plan: &mut Plan,
    route: &Route,
    traffic: &Traffic,
    seen: &Seen,
    config: &Config<'_>,
    now: Timestamp,
) -> Rollout {
    let baseline = traffic.baseline();
    let duration = rollout_duration(route, config);
    if duration <= 0 {
        return baseline;
    }
    let now_nanos = i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX);
    let mut previous = seen
        .ingress
        .as_ref()
        .and_then(|ingress| meta::annotation(&ingress.metadata, crate::names::annotations::ROLLOUT))
        .and_then(Rollout::parse);
    if let Some(previous) = &mut previous
        && seen
            .ingress
            .as_ref()
            .is_some_and(|ingress| ingress.is_ready())
        && !plan.status.conditions.is_true(RouteCond::IngressReady)
    {
        previous.observe_ready(duration, now_nanos);
    }
    let (rollout, wake) = Rollout::step(baseline, previous.as_ref(), now_nanos);
    plan.wake = wake.and_then(|at| Timestamp::from_nanosecond(at.into()).ok());
    rollout
}

/// Whole seconds. Nothing readable, or zero, falls back to the cluster's value.
fn rollout_duration(route: &Route, config: &Config<'_>) -> i64 {
    let own = crate::names::annotations::ROLLOUT_DURATION
        .value(meta::annotations(&route.metadata))
        .and_then(|text| config::parse_duration(text).ok())
        .map(|duration| duration.as_secs())
        .filter(|seconds| *seconds != 0);
    let seconds = own.unwrap_or(config.network.rollout_duration.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// What the Ingress says, provided that it speaks of the spec it is meant to have.
fn ingress_ready(plan: &Plan, seen: &Seen, rollout: &Rollout) -> State {
    let changes = plan.ingress.as_ref().is_some_and(|write| {
        seen.ingress
            .as_ref()
            .is_none_or(|live| live.spec != write.object().spec)
    });
    let Some(live) = seen
        .ingress
        .as_ref()
        .filter(|live| live.is_current() && !changes)
    else {
        return if rollout.in_progress() {
            rollout_in_progress()
        } else {
            not_configured()
        };
    };
    if rollout.in_progress() {
        return rollout_in_progress();
    }
    match live
        .status
        .as_ref()
        .and_then(|status| status.conditions.ready())
    {
        None => not_configured(),
        Some(ready) if ready.is_true() => State::True,
        Some(ready) => ready.state(),
    }
}

fn rollout_in_progress() -> State {
    State::unknown(
        "RolloutInProgress",
        "A gradual rollout of the latest revision(s) is in progress.",
    )
}

/// The traffic as users see it: one entry for each share.
fn listed(
    traffic: &Traffic,
    rollout: &Rollout,
    hosts: &BTreeMap<String, Host>,
    config: &Config<'_>,
) -> Vec<TrafficTarget> {
    let entry = |target: &Target, revision: &str, percent: i64| TrafficTarget {
        tag: target.tag.clone(),
        revision_name: revision.to_owned(),
        configuration_name: String::new(),
        latest_revision: Some(target.is_latest),
        percent: Some(percent),
        url: hosts
            .get(&target.tag)
            .filter(|_| !target.tag.is_empty())
            .map(|host| url(host, config)),
    };
    traffic
        .listed
        .iter()
        .flat_map(|target| {
            traffic
                .shares(&target.tag, target, rollout)
                .into_iter()
                .map(move |(r, p)| entry(target, r, p))
        })
        .collect()
}

fn url(host: &Host, config: &Config<'_>) -> String {
    let scheme = match host.reach {
        Reach::Cluster => "http",
        Reach::World => config.network.default_external_scheme.as_str(),
    };
    format!("{scheme}://{}", host.shown)
}

/// Names of the placeholder Services that the Route's tags lead to, for whoever has to look them up.
pub fn host_names(route: &Route, config: &Config<'_>) -> Vec<String> {
    let domain = domain(route, config);
    let naming = naming(route, &domain, config);
    let tags = route
        .spec
        .traffic
        .iter()
        .map(|target| target.tag.as_str())
        .filter(|tag| !tag.is_empty());
    std::iter::once("")
        .chain(tags)
        .filter_map(|tag| host::name(tag, &naming).ok())
        .collect()
}

fn host_of(
    route: &Route,
    tag: &str,
    seen: &Seen,
    config: &Config<'_>,
) -> Result<Host, host::Error> {
    let domain = domain(route, config);
    let naming = naming(route, &domain, config);
    let name = host::name(tag, &naming)?;
    let is_private = domain == format!("svc.{}", config.cluster_domain)
        || seen.services.get(&name).is_some_and(|service| {
            meta::label(&service.metadata, labels::ROUTE) == Some(meta::name(&route.metadata))
                && meta::label(&service.metadata, labels::VISIBILITY)
                    .is_some_and(|value| !value.is_empty())
        });
    host::host(
        tag,
        if is_private {
            Reach::Cluster
        } else {
            Reach::World
        },
        &naming,
    )
}

fn domain(route: &Route, config: &Config<'_>) -> String {
    config
        .domain
        .lookup(meta::labels(&route.metadata), config.cluster_domain)
}

fn naming<'a>(route: &'a Route, domain: &'a str, config: &Config<'a>) -> Naming<'a> {
    Naming {
        route: meta::name(&route.metadata),
        namespace: meta::namespace(&route.metadata),
        labels: meta::labels(&route.metadata),
        annotations: meta::annotations(&route.metadata),
        domain,
        cluster_domain: config.cluster_domain,
        network: config.network,
    }
}
