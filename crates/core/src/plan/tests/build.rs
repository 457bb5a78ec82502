//! Objects with short names.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;

use crate::api::condition::State;
use crate::api::configuration::{Configuration, ConfigurationCond};
use crate::api::meta::{Conditioned, Status as _};
use crate::api::revision::{Revision, RevisionCond};
use crate::api::route::{Route, RouteCond};
use crate::api::service::Service;

/// The time of all passes.
pub(super) fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

/// An object from the YAML that a user would write.
pub(super) fn object<K: DeserializeOwned>(yaml: &str) -> K {
    serde_yaml_ng::from_str(yaml).unwrap()
}

/// Metadata as the API server fills it in.
fn stored(meta: &mut ObjectMeta, uid: &str, generation: i64) {
    meta.uid = Some(uid.to_owned());
    meta.generation = Some(generation);
}

pub(super) fn service() -> Service {
    let mut service: Service = object(
        "
metadata:
  name: hello
  namespace: demo
  labels: {team: blue}
  annotations:
    serving.knative.dev/creator: alice
    serving.knative.dev/rollout-duration: 2m
    kubectl.kubernetes.io/last-applied-configuration: '{}'
spec:
  template:
    spec:
      containers: [{name: user-container, image: dev.local/hello:1}]
  traffic: [{latestRevision: true, percent: 100}]
",
    );
    stored(&mut service.metadata, "service-uid", 1);
    service
}

/// What the API server makes of a planned child: it has a UID and a generation.
pub(super) fn applied<K: kube::Resource + Clone>(planned: &K, generation: i64) -> K {
    let mut object = planned.clone();
    let uid = format!("{}-uid", object.meta().name.clone().unwrap_or_default());
    stored(object.meta_mut(), &uid, generation);
    object
}

/// Makes the object's main controller say that it is ready.
pub(super) fn ready<K: Conditioned>(mut object: K) -> K {
    set(&mut object, State::True);
    object
}

/// Makes the object's main controller say that it failed.
pub(super) fn failed<K: Conditioned>(mut object: K, reason: &str, message: &str) -> K {
    set(&mut object, State::failed(reason, message));
    object
}

/// Makes the object's main controller say that it does not know yet.
pub(super) fn unknown<K: Conditioned>(mut object: K) -> K {
    set(&mut object, State::unknown("", ""));
    object
}

fn set<K: Conditioned>(object: &mut K, state: State) {
    use crate::api::condition::ConditionSet;
    let generation = object.meta().generation.unwrap_or_default();
    let status = object.status_mut();
    status.set_observed_generation(generation);
    let dependents =
        <<K::Status as crate::api::meta::Status>::Condition as ConditionSet>::DEPENDENTS;
    match dependents {
        [] => {
            let ready = <<K::Status as crate::api::meta::Status>::Condition as ConditionSet>::READY;
            status.conditions_mut().set(ready, state, now());
        }
        dependents => dependents
            .iter()
            .for_each(|d| status.conditions_mut().set(*d, state.clone(), now())),
    }
}

pub(super) fn configuration() -> Configuration {
    let mut configuration: Configuration = object(
        "
metadata:
  name: hello
  namespace: demo
  labels: {serving.knative.dev/service: hello, serving.knative.dev/serviceUID: service-uid}
  annotations: {serving.knative.dev/routes: hello, serving.knative.dev/lastModifier: alice}
spec:
  template:
    metadata: {labels: {tier: web}, annotations: {autoscaling.knative.dev/min-scale: '1'}}
    spec:
      containers: [{name: user-container, image: dev.local/hello:1}]
",
    );
    stored(&mut configuration.metadata, "configuration-uid", 1);
    configuration
}

/// The Configuration with these names in its status.
pub(super) fn with_latest(
    mut configuration: Configuration,
    created: &str,
    ready: &str,
) -> Configuration {
    let generation = configuration.metadata.generation.unwrap_or_default();
    let status = configuration.status_mut();
    status.latest_created_revision_name = created.into();
    status.latest_ready_revision_name = ready.into();
    status.set_observed_generation(generation);
    let state = if created == ready {
        State::True
    } else {
        State::unknown("", "")
    };
    status
        .conditions
        .set(ConfigurationCond::Ready, state, now());
    configuration
}

/// Revision `hello-<generation>` of [`configuration`], as the plan makes it.
pub(super) fn revision(generation: i64) -> Revision {
    let mut parent = configuration();
    parent.metadata.generation = Some(generation);
    let plan = crate::plan::configuration::plan(&parent, &Default::default(), now());
    applied(&plan.create.unwrap(), 1)
}

pub(super) fn shared<K>(objects: impl IntoIterator<Item = K>) -> Vec<Arc<K>> {
    objects.into_iter().map(Arc::new).collect()
}

pub(super) fn route(traffic: &str) -> Route {
    let mut route: Route = object(&format!(
        "
metadata:
  name: hello
  namespace: demo
  labels: {{serving.knative.dev/service: hello}}
  annotations: {{serving.knative.dev/creator: alice}}
spec: {{traffic: {traffic}}}
"
    ));
    stored(&mut route.metadata, "route-uid", 1);
    route
}

/// `type=status(reason: message)` of every condition, in order.
pub(super) fn conditions<C>(conditions: &crate::api::condition::Conditions<C>) -> Vec<String>
where
    C: crate::api::condition::ConditionSet,
{
    conditions
        .as_slice()
        .iter()
        .map(|c| match (c.reason.as_str(), c.message.as_str()) {
            ("", "") => format!("{}={}", c.type_, c.status),
            (reason, "") => format!("{}={} {reason}", c.type_, c.status),
            (reason, message) => format!("{}={} {reason}: {message}", c.type_, c.status),
        })
        .collect()
}

/// `<reason>: <message>` of every note.
pub(super) fn notes(notes: &[crate::plan::Note]) -> Vec<String> {
    notes
        .iter()
        .map(|note| format!("{}: {}", note.reason, note.message))
        .collect()
}

/// `status reason message` of one condition.
pub(super) fn state(
    revision: &crate::api::revision::RevisionStatus,
    condition: RevisionCond,
) -> String {
    let c = revision.conditions.get(condition).unwrap();
    format!("{} {} {}", c.status, c.reason, c.message)
        .trim()
        .to_owned()
}

pub(super) fn route_state(status: &crate::api::route::RouteStatus, condition: RouteCond) -> String {
    let c = status.conditions.get(condition).unwrap();
    format!("{} {} {}", c.status, c.reason, c.message)
        .trim()
        .to_owned()
}
