//! What the request path knows of a revision.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ebb_core::api::revision;
use ebb_core::api::text::ProtocolType;
use ebb_core::names::{labels, ports};
use ebb_net::timeout::Limits;
use parking_lot::RwLock;

use crate::metrics;
use crate::report::Account;
use crate::throttle::Throttle;

/// What the client of a request that took too long is told.
const TIMED_OUT: &str = "activator request timeout";
/// Timeout of a revision that names none; admission always fills it in.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A revision as requests see it.
#[derive(Debug)]
pub struct Revision {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which of two objects of one name it is.
    pub uid: String,
    /// How long its requests may take.
    pub limits: Limits,
    /// Where its pods listen.
    pub port: u16,
    /// Whether a good probe makes a pod usable before Kubernetes calls it ready.
    pub probe_decides: bool,
    /// Who waits for its pods.
    pub throttle: Arc<Throttle>,
    /// What is told of it to the autoscaler.
    pub account: Arc<Account>,
    /// What is told of it to Prometheus.
    pub metrics: metrics::Revision,
}

impl Revision {
    /// Reads an object of the API.
    pub fn new(object: &revision::Revision, metrics: &metrics::Metrics) -> Arc<Self> {
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        let name = object.metadata.name.clone().unwrap_or_default();
        let limit = usize::try_from(object.spec.concurrency()).unwrap_or_default();
        let label = |key| {
            object
                .metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get(key))
                .cloned()
        };
        let identity = metrics::Identity {
            kn_service_name: label(labels::SERVICE).unwrap_or_default(),
            kn_configuration_name: label(labels::CONFIGURATION).unwrap_or_default(),
            kn_revision_name: name.clone(),
            k8s_namespace_name: namespace.clone(),
        };
        let metrics = metrics.revision(identity);
        let throttle = Throttle::new(limit);
        Arc::new(Self {
            account: Account::new(&namespace, &name, Arc::clone(&throttle), metrics.clone()),
            metrics,
            uid: object.metadata.uid.clone().unwrap_or_default(),
            limits: limits(&object.spec),
            port: match object.spec.protocol() {
                ProtocolType::H2c => ports::H2C,
                _ => ports::HTTP,
            },
            probe_decides: probe_decides(&object.spec),
            throttle,
            namespace,
            name,
        })
    }
}

fn limits(spec: &revision::RevisionSpec) -> Limits {
    let seconds = |value: Option<i64>| {
        let value = value
            .and_then(|value| u64::try_from(value).ok())
            .filter(|value| *value > 0);
        value.map(Duration::from_secs)
    };
    Limits {
        total: seconds(spec.timeout_seconds).unwrap_or(TIMEOUT),
        response_start: seconds(spec.response_start_timeout_seconds),
        idle: seconds(spec.idle_timeout_seconds),
        message: TIMED_OUT,
    }
}

/// A queue-proxy cannot run exec probes or startup probes, so where one exists its answer does not say that the pod is
/// ready; then Kubernetes must say so, too.
fn probe_decides(spec: &revision::RevisionSpec) -> bool {
    let serving = spec.serving_container();
    spec.pod
        .containers
        .iter()
        .enumerate()
        .all(|(index, container)| {
            let is_exec = container
                .readiness_probe
                .as_ref()
                .is_some_and(|probe| probe.exec.is_some());
            let holds_back = is_exec && Some(index) == serving;
            container.startup_probe.is_none() && !holds_back
        })
}

/// All revisions, by namespace and name. Found without an allocation.
#[derive(Default)]
pub struct Revisions(RwLock<HashMap<String, HashMap<String, Arc<Revision>>>>);

impl fmt::Debug for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revisions")
            .field("namespaces", &self.0.read().len())
            .finish()
    }
}

impl Revisions {
    /// The revision of that name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Revision>> {
        self.0.read().get(namespace)?.get(name).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Revision>> {
        self.0
            .read()
            .values()
            .flat_map(HashMap::values)
            .cloned()
            .collect()
    }

    pub(crate) fn insert(&self, revision: Arc<Revision>) {
        let mut all = self.0.write();
        all.entry(revision.namespace.clone())
            .or_default()
            .insert(revision.name.clone(), revision);
    }

    pub(crate) fn remove(&self, namespace: &str, name: &str) {
        let mut all = self.0.write();
        if let Some(in_namespace) = all.get_mut(namespace) {
            in_namespace.remove(name);
            if in_namespace.is_empty() {
                all.remove(namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(spec: serde_json::Value) -> Arc<Revision> {
        let object = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
            "metadata": {"name": "hello-00001", "namespace": "ns"}, "spec": spec,
        });
        Revision::new(
            &serde_json::from_value(object).unwrap(),
            &metrics::Metrics::default(),
        )
    }

    #[test]
    fn limits_that_are_missing_or_zero_are_off() {
        let containers = json!([{"image": "x"}]);
        let revision =
            read(json!({"containers": containers, "timeoutSeconds": 60, "idleTimeoutSeconds": 0}));
        assert_eq!(revision.limits.total, Duration::from_secs(60));
        assert_eq!(revision.limits.response_start, None);
        assert_eq!(revision.limits.idle, None);
        assert_eq!(revision.port, 8012);
    }

    #[test]
    fn probes_that_only_kubelet_can_run_leave_the_decision_to_kubernetes() {
        let exec = json!({"exec": {"command": ["true"]}});
        assert!(read(json!({"containers": [{"image": "x"}]})).probe_decides);
        assert!(
            !read(json!({"containers": [{"image": "x", "readinessProbe": exec}]})).probe_decides
        );
        let sidecar = json!([
            {"image": "x", "ports": [{"containerPort": 8080}]},
            {"image": "y", "readinessProbe": exec},
        ]);
        assert!(read(json!({"containers": sidecar})).probe_decides);
        let startup = json!([
            {"image": "x", "ports": [{"containerPort": 8080}]},
            {"image": "y", "startupProbe": exec},
        ]);
        assert!(!read(json!({"containers": startup})).probe_decides);
    }

    #[test]
    fn an_h2c_revision_listens_elsewhere() {
        let ports = json!([{"name": "h2c", "containerPort": 8080}]);
        assert_eq!(
            read(json!({"containers": [{"image": "x", "ports": ports}]})).port,
            8013
        );
    }
}
