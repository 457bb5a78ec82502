//! Plans of a Revision, by example.

mod deployment;
mod pod;
mod scaler;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, Pod};

use super::build::*;
use crate::api::meta::Conditioned;
use crate::api::pod_autoscaler::{PodAutoscaler, Reachability};
use crate::api::revision::{Revision, RevisionCond};
use crate::config::{
    Autoscaler, Defaults, Deployment as Settings, Features, Logging, Network, Observability,
    Settings as _,
};
use crate::plan::Write;
use crate::plan::revision::{Config, HandOver, Plan, Seen, plan};

/// The settings of a fresh installation, with what a test changes.
#[derive(Default)]
struct Cluster {
    autoscaler: Autoscaler,
    defaults: Defaults,
    deployment: Settings,
    features: Features,
    logging: Logging,
    network: Network,
    observability: Observability,
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Self::default();
        cluster.deployment.queue_sidecar_image = "dev.local/queue-proxy:1".into();
        cluster
    }

    fn features(entries: &[(&str, &str)]) -> Self {
        let data: BTreeMap<String, String> = entries
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        Self {
            features: Features::parse(&data).unwrap(),
            ..Self::new()
        }
    }

    fn plan(&self, revision: &Revision, seen: &Seen) -> Plan {
        let config = Config {
            autoscaler: &self.autoscaler,
            defaults: &self.defaults,
            deployment: &self.deployment,
            features: &self.features,
            logging: &self.logging,
            network: &self.network,
            observability: &self.observability,
            system_namespace: "knative-serving",
        };
        plan(revision, seen, &config, now())
    }
}

/// A revision as admission leaves it, with `spec` merged over a plain one.
fn revision_of(annotations: &str, spec: &str) -> Revision {
    let revision: Revision = object(&format!(
        "
metadata:
  name: hello-00001
  namespace: demo
  labels:
    serving.knative.dev/configuration: hello
    serving.knative.dev/service: hello
    serving.knative.dev/route: hello
    serving.knative.dev/routingState: active
  annotations: {annotations}
  ownerReferences:
  - {{apiVersion: serving.knative.dev/v1, kind: Configuration, name: hello, uid: c, controller: true}}
spec: {spec}
"
    ));
    applied(&revision, 1)
}

const PLAIN: &str = "
  containerConcurrency: 0
  timeoutSeconds: 300
  containers:
  - {name: user-container, image: 'dev.local/hello:1', readinessProbe: {successThreshold: 1, tcpSocket: {port: 0}}}
";

fn plain() -> Revision {
    revision_of("{}", PLAIN)
}

fn deployed(revision: &Revision, cluster: &Cluster, status: &str) -> Deployment {
    let first = cluster.plan(revision, &Seen::default());
    let mut deployment = applied(first.deployment.unwrap().object(), 1);
    deployment.status = Some(object(status));
    deployment
}

fn scaler(revision: &Revision) -> PodAutoscaler {
    applied(
        Cluster::new()
            .plan(revision, &Seen::default())
            .pod_autoscaler
            .unwrap()
            .object(),
        1,
    )
}

fn container<'a>(plan: &'a Plan, name: &str) -> &'a Container {
    let spec = plan
        .deployment
        .as_ref()
        .unwrap()
        .object()
        .spec
        .as_ref()
        .unwrap();
    spec.template
        .spec
        .as_ref()
        .unwrap()
        .containers
        .iter()
        .find(|c| c.name == name)
        .unwrap()
}

fn env(container: &Container) -> BTreeMap<&str, &str> {
    let variables = container.env.iter().flatten();
    variables
        .map(|v| (v.name.as_str(), v.value.as_deref().unwrap_or("<from>")))
        .collect()
}
