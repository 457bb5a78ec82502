//! Objects in upstream's form survive reading and writing.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use ebb_core::api::{
    certificate::Certificate, configuration::Configuration, domain_claim::ClusterDomainClaim,
    domain_mapping::DomainMapping, image::Image, ingress::Ingress, metric::Metric,
    pod_autoscaler::PodAutoscaler, revision::Revision, route::Route,
    serverless_service::ServerlessService, service::Service,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads the YAML as `K` and expects the very same tree back.
#[track_caller]
fn keeps<K: DeserializeOwned + Serialize>(yaml: &str) -> K {
    let tree: Value = serde_yaml_ng::from_str(yaml).unwrap();
    let object: K = serde_json::from_value(tree.clone()).unwrap();
    let back = serde_json::to_value(&object).unwrap();
    assert_eq!(back, tree, "\nwant {tree:#}\ngot {back:#}");
    object
}

/// Reads the YAML as `K` and expects `want` back.
#[track_caller]
fn becomes<K: DeserializeOwned + Serialize>(yaml: &str, want: &str) {
    let object: K = serde_yaml_ng::from_str(yaml).unwrap();
    let want: Value = serde_yaml_ng::from_str(want).unwrap();
    assert_eq!(serde_json::to_value(&object).unwrap(), want);
}

#[test]
fn service() {
    let service: Service = keeps(include_str!("fixtures/service.yaml"));
    let spec = &service.spec.template.spec;
    assert_eq!(spec.serving_container(), Some(0));
    assert_eq!(spec.pod.containers[1].name, "side");
}

#[test]
fn configuration() {
    keeps::<Configuration>(include_str!("fixtures/configuration.yaml"));
}

#[test]
fn revision() {
    let revision: Revision = keeps(include_str!("fixtures/revision.yaml"));
    use ebb_core::api::meta::Conditioned as _;
    assert!(revision.is_ready() && !revision.is_failed());
}

#[test]
fn route() {
    keeps::<Route>(include_str!("fixtures/route.yaml"));
}

#[test]
fn domain_mapping() {
    keeps::<DomainMapping>(include_str!("fixtures/domain_mapping.yaml"));
}

#[test]
fn pod_autoscaler() {
    keeps::<PodAutoscaler>(include_str!("fixtures/pod_autoscaler.yaml"));
}

#[test]
fn metric() {
    keeps::<Metric>(include_str!("fixtures/metric.yaml"));
}

#[test]
fn serverless_service() {
    keeps::<ServerlessService>(include_str!("fixtures/serverless_service.yaml"));
}

#[test]
fn ingress() {
    keeps::<Ingress>(include_str!("fixtures/ingress.yaml"));
}

#[test]
fn certificate() {
    keeps::<Certificate>(include_str!("fixtures/certificate.yaml"));
}

#[test]
fn domain_claim() {
    keeps::<ClusterDomainClaim>(include_str!("fixtures/domain_claim.yaml"));
}

#[test]
fn image() {
    keeps::<Image>(include_str!("fixtures/image.yaml"));
}

#[test]
fn bare_numbers_are_quantities() {
    becomes::<Service>(
        "{metadata: {name: a}, spec: {template: {spec: {containers: [{image: i, resources: {limits: {cpu: 1, memory: 0.5}}}], \
         volumes: [{name: v, emptyDir: {sizeLimit: 1024}}]}}}}",
        "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: a}, spec: {template: {metadata: {}, spec: {containers: \
         [{name: '', image: i, resources: {limits: {cpu: '1', memory: '0.5'}}}], volumes: [{name: v, emptyDir: {sizeLimit: '1024'}}]}}}}",
    );
}

#[test]
fn an_object_without_a_spec_is_read() {
    becomes::<PodAutoscaler>(
        "{metadata: {name: a}, status: {}}",
        "{apiVersion: autoscaling.internal.knative.dev/v1alpha1, kind: PodAutoscaler, metadata: {name: a}, \
         spec: {scaleTargetRef: {}, protocolType: ''}, status: {serviceName: '', metricsServiceName: ''}}",
    );
}

#[test]
fn null_lists_of_go_clients_are_empty() {
    becomes::<Ingress>(
        "{metadata: {name: a}, spec: {rules: [{hosts: null, http: {paths: null}}]}}",
        "{apiVersion: networking.internal.knative.dev/v1alpha1, kind: Ingress, metadata: {name: a}, spec: {rules: [{http: {paths: []}}]}}",
    );
}

#[test]
fn an_unknown_word_in_a_closed_set_is_kept() {
    let mode = "{apiVersion: networking.internal.knative.dev/v1alpha1, kind: ServerlessService, metadata: {name: a}, \
                spec: {mode: Sideways, objectRef: {}, protocolType: gopher}}";
    becomes::<ServerlessService>(mode, mode);
}
