//! Traffic targets, from what a user writes to what the Route's plan makes of it.
//!
//! An input is the JSON of `spec.traffic`.

use std::sync::Arc;

use ebb_core::admission::{Context, Policy, Verb};
use ebb_core::api::configuration::Configuration;
use ebb_core::api::revision::Revision;
use ebb_core::api::route::{Route, RouteSpec, TrafficTarget};
use ebb_core::api::service::Service;
use ebb_core::config::{Domain, Features, Network};
use ebb_core::plan;
use ebb_core::traffic::rollout::Rollout;
use ebb_core::traffic::{Referents, Traffic, resolve};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::object;

/// What structured changes draw from.
pub const WORDS: &str = include_str!("../dictionaries/traffic.dict");

/// The revision that the Configurations follow.
const LATEST: &str = "shop-00001";

/// Takes the input through a Service and a Route.
///
/// # Panics
/// If traffic that admission accepts is not shared out whole, or leads to an Ingress that admission refuses.
pub fn check(input: &[u8]) {
    let Ok(targets) = serde_json::from_slice::<Vec<TrafficTarget>>(input) else {
        return;
    };
    let policy = Policy {
        cluster_domain: "cluster.local".to_owned(),
        ..Policy::default()
    };
    let cx = Context {
        policy: &policy,
        verb: Verb::Create,
        user: "ada",
    };
    let seen = referents(&targets);

    let mut service: Service = read(json!({
        "metadata": {"name": "shop", "namespace": "demo", "uid": "1", "generation": 1},
        "spec": {"template": {"spec": {"containers": [{"image": "shop"}]}}},
    }));
    service.spec.traffic = targets.clone();
    if let Some(service) = object::create(service, &cx) {
        let wanted = plan::service::plan(
            &service,
            &plan::service::Seen::default(),
            Timestamp::UNIX_EPOCH,
        );
        let route = wanted.route.expect("a new Service gets a Route");
        serve(route.object(), &seen, &cx);
    }

    let mut route = route();
    route.spec.traffic = targets;
    // Nothing that got past admission, or was there before it, may stop the controller.
    let _ = resolve(&route, &seen);
    if let Some(route) = object::create(route, &cx) {
        serve(&route, &seen, &cx);
    }
}

fn serve(route: &Route, seen: &Referents, cx: &Context<'_>) {
    let mut route = route.clone();
    route.metadata.uid = Some("2".to_owned());
    route.metadata.generation = Some(1);
    let resolved = resolve(&route, seen);
    if let Ok(traffic) = &resolved {
        shares(&route.spec, traffic);
    }
    let (domain, features, network) = (Domain::default(), Features::default(), Network::default());
    let config = plan::route::Config {
        domain: &domain,
        features: &features,
        network: &network,
        cluster_domain: &cx.policy.cluster_domain,
    };
    let known = plan::route::Seen {
        referents: seen.clone(),
        ..Default::default()
    };
    let plan = plan::route::plan(&route, &known, &config, Timestamp::UNIX_EPOCH);
    if let Some(ingress) = &plan.ingress {
        let found = object::errors(ingress.object(), None, cx);
        assert!(found.is_empty(), "our own Ingress is refused: {found}");
    }
    if plan.failure.is_none() && resolved.is_ok() {
        let sum: i64 = plan
            .status
            .traffic
            .iter()
            .filter_map(|target| target.percent)
            .sum();
        assert_eq!(sum, 100, "{:?}", plan.status.traffic);
    }
}

/// Every group is shared out whole, and each tag has one.
fn shares(spec: &RouteSpec, traffic: &Traffic) {
    for (tag, targets) in &traffic.groups {
        let sum: i64 = targets.iter().map(|target| target.percent).sum();
        assert_eq!(sum, 100, "group {tag:?}: {targets:?}");
        assert!(
            targets
                .iter()
                .all(|target| (0..=100).contains(&target.percent))
        );
    }
    for target in spec.traffic.iter().filter(|target| !target.tag.is_empty()) {
        assert!(traffic.groups.contains_key(&target.tag), "{target:?}");
    }
    let baseline = traffic.baseline();
    let text = baseline.to_json();
    assert_eq!(Rollout::parse(&text).as_ref(), Some(&baseline), "{text}");
    let (next, _) = Rollout::step(baseline.clone(), Some(&baseline), 1);
    assert_eq!(next, baseline, "there is nothing to roll out");
}

/// The objects that the targets name. A name that ends in an odd byte is missing, one that starts with `n` is not
/// ready, so that every outcome can be had.
fn referents(targets: &[TrafficTarget]) -> Referents {
    let mut seen = Referents::default();
    let revisions = targets.iter().map(|target| target.revision_name.as_str());
    for name in revisions.filter(|name| !is_missing(name)).chain([LATEST]) {
        let revision = Arc::new(revision(name));
        seen.revisions.insert(name.to_owned(), revision);
    }
    let followed = targets
        .iter()
        .map(|target| target.configuration_name.as_str());
    for name in followed.filter(|name| !is_missing(name)).chain(["shop"]) {
        let configuration = Arc::new(configuration(name));
        seen.configurations.insert(name.to_owned(), configuration);
    }
    seen
}

fn is_missing(name: &str) -> bool {
    name.bytes().next_back().is_none_or(|last| last % 2 == 1)
}

fn route() -> Route {
    read(json!({"metadata": {"name": "way", "namespace": "demo", "generation": 1}}))
}

fn revision(name: &str) -> Revision {
    let ready = if name.starts_with('n') {
        "Unknown"
    } else {
        "True"
    };
    read(json!({
        "metadata": {"name": name, "namespace": "demo", "generation": 1, "labels": {
            "serving.knative.dev/service": "shop", "serving.knative.dev/configuration": "shop",
        }},
        "spec": {"containers": [{"image": "shop"}]},
        "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": ready}]},
    }))
}

fn configuration(name: &str) -> Configuration {
    let latest = if name.starts_with('n') { "" } else { LATEST };
    read(json!({
        "metadata": {"name": name, "namespace": "demo", "generation": 1},
        "spec": {"template": {"spec": {"containers": [{"image": "shop"}]}}},
        "status": {"latestReadyRevisionName": latest, "latestCreatedRevisionName": latest},
    }))
}

fn read<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).expect("our own objects can be read")
}
