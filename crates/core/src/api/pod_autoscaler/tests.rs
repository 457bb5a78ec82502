//! Rules of PodAutoscaler, by example.

use super::PodAutoscaler;
use serde_json::json;

use crate::admission::testing::{accepts, created, refuses};

#[test]
fn rules() {
    accepts::<PodAutoscaler>(
        "{metadata: {name: a}, spec: {protocolType: http1, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}}",
    );
    refuses::<PodAutoscaler>("{metadata: {name: a}}", "missing field(s): spec");
    refuses::<PodAutoscaler>(
        "{metadata: {name: a}, spec: {containerConcurrency: -1, protocolType: x, scaleTargetRef: {apiVersion: apps/v1, kind: a-b, uid: u}}}",
        "expected 0 <= -1 <= 1000: spec.containerConcurrency\n\
         invalid value: a-b: spec.scaleTargetRef.kind\na valid C identifier must start with alphabetic character or '_', followed \
         by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is \
         '[A-Za-z_][A-Za-z0-9_]*')\n\
         invalid value: x: spec.protocolType\n\
         missing field(s): spec.scaleTargetRef.name\n\
         must not set the field(s): spec.scaleTargetRef.uid",
    );
}

#[test]
fn class_and_metric_are_filled_in() {
    let annotations =
        |yaml: &str| created::<PodAutoscaler>(yaml)["metadata"]["annotations"].clone();
    assert_eq!(
        annotations("{metadata: {name: a}}"),
        json!({"autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev", "autoscaling.knative.dev/metric": "concurrency"})
    );
    assert_eq!(
        annotations("{metadata: {name: a, annotations: {autoscaling.knative.dev/class: mine}}}"),
        json!({"autoscaling.knative.dev/class": "mine", "autoscaling.knative.dev/metric": ""})
    );
}
