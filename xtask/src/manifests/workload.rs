//! Deployments: what is the same for all of our programs, around what a [`Program`] says of itself.
//!
//! Every container runs as an unprivileged account with a read-only root file system, without capabilities and under
//! the runtime's default seccomp profile, which is what the `restricted` pod security standard asks for.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    ObjectFieldSelector, PodAffinityTerm, PodAntiAffinity, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
    WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels;

/// The account of our images.
const ACCOUNT: i64 = 65532;

/// A program as its Deployment needs to know it.
#[derive(Debug)]
pub(super) struct Program {
    /// Name of the Deployment, the container, the service account and the image.
    pub(super) name: &'static str,
    pub(super) replicas: i32,
    /// Processor and memory: what is set aside, and what is allowed.
    pub(super) requests: [&'static str; 2],
    pub(super) limits: [&'static str; 2],
    /// Ports by name.
    pub(super) ports: &'static [(&'static str, u16)],
    /// Variables beyond those that every program gets.
    pub(super) env: Vec<(&'static str, String)>,
    pub(super) readiness: Check,
    pub(super) liveness: Check,
    /// How long the program may take to finish what it has begun, in seconds.
    pub(super) grace_seconds: i64,
}

/// A probe by HTTP.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) scheme: &'static str,
    pub(super) port: u16,
    pub(super) path: &'static str,
    pub(super) initial_delay_seconds: i32,
    pub(super) period_seconds: i32,
    pub(super) failure_threshold: i32,
}

impl Program {
    /// The Deployment of this program, running `image`.
    pub(super) fn deployment(&self, image: String) -> Deployment {
        let mut pod_labels = labels::recommended(self.name);
        pod_labels.extend(labels::selector(self.name));
        Deployment {
            metadata: labels::namespaced(self.name, self.name),
            spec: Some(DeploymentSpec {
                replicas: Some(self.replicas),
                selector: labels::label_selector(self.name),
                // A new pod must be ready before an old one goes: even a single replica leaves no gap.
                strategy: Some(DeploymentStrategy {
                    type_: Some("RollingUpdate".to_owned()),
                    rolling_update: Some(RollingUpdateDeployment {
                        max_unavailable: Some(IntOrString::Int(0)),
                        max_surge: Some(IntOrString::Int(1)),
                    }),
                }),
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta {
                        labels: Some(pod_labels),
                        ..Default::default()
                    }),
                    spec: Some(self.pod(image)),
                },
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn pod(&self, image: String) -> PodSpec {
        PodSpec {
            affinity: Some(spread(self.name)),
            containers: vec![self.container(image)],
            // Variables for every Service around are of no use here, and cost start-up time where there are many.
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(ACCOUNT),
                run_as_group: Some(ACCOUNT),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            service_account_name: Some(self.name.to_owned()),
            termination_grace_period_seconds: Some(self.grace_seconds),
            ..Default::default()
        }
    }

    fn container(&self, image: String) -> Container {
        Container {
            name: self.name.to_owned(),
            image: Some(image),
            env: Some(self.environment()),
            ports: Some(
                self.ports
                    .iter()
                    .map(|(name, port)| ContainerPort {
                        name: Some((*name).to_owned()),
                        container_port: i32::from(*port),
                        protocol: Some("TCP".to_owned()),
                        ..Default::default()
                    })
                    .collect(),
            ),
            readiness_probe: Some(self.readiness.probe()),
            liveness_probe: Some(self.liveness.probe()),
            resources: Some(ResourceRequirements {
                requests: Some(resources(self.requests)),
                limits: Some(resources(self.limits)),
                ..Default::default()
            }),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                capabilities: Some(Capabilities {
                    drop: Some(vec!["ALL".to_owned()]),
                    ..Default::default()
                }),
                read_only_root_filesystem: Some(true),
                ..Default::default()
            }),
            // Shown by `kubectl describe` when a program ends because it could not start.
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            ..Default::default()
        }
    }

    fn environment(&self) -> Vec<EnvVar> {
        let of_pod = [
            ("POD_NAME", "metadata.name"),
            ("POD_UID", "metadata.uid"),
            ("POD_IP", "status.podIP"),
            ("SYSTEM_NAMESPACE", "metadata.namespace"),
        ];
        let fixed = [
            ("CONFIG_LOGGING_NAME", "config-logging"),
            ("CONFIG_OBSERVABILITY_NAME", "config-observability"),
            ("CONFIG_LEADERELECTION_NAME", "config-leader-election"),
        ];
        let of_pod = of_pod.into_iter().map(|(name, path)| EnvVar {
            name: name.to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    field_path: path.to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        });
        let given = |name: &str, value: String| EnvVar {
            name: name.to_owned(),
            value: Some(value),
            ..Default::default()
        };
        of_pod
            .chain(
                fixed
                    .into_iter()
                    .map(|(name, value)| given(name, value.to_owned())),
            )
            .chain(
                self.env
                    .iter()
                    .map(|(name, value)| given(name, value.clone())),
            )
            .collect()
    }
}

impl Check {
    fn probe(&self) -> Probe {
        Probe {
            http_get: Some(HTTPGetAction {
                path: Some(self.path.to_owned()),
                port: IntOrString::Int(i32::from(self.port)),
                scheme: Some(self.scheme.to_owned()),
                ..Default::default()
            }),
            initial_delay_seconds: (self.initial_delay_seconds > 0)
                .then_some(self.initial_delay_seconds),
            period_seconds: Some(self.period_seconds),
            failure_threshold: Some(self.failure_threshold),
            ..Default::default()
        }
    }
}

/// Replicas of one program go to different nodes where there are several.
fn spread(program: &str) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![
                WeightedPodAffinityTerm {
                    weight: 100,
                    pod_affinity_term: PodAffinityTerm {
                        label_selector: Some(labels::label_selector(program)),
                        topology_key: "kubernetes.io/hostname".to_owned(),
                        ..Default::default()
                    },
                },
            ]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn resources([cpu, memory]: [&str; 2]) -> BTreeMap<String, Quantity> {
    [("cpu", cpu), ("memory", memory)]
        .into_iter()
        .map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))
        .collect()
}
