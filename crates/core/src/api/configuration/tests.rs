//! Defaults and rules of Configuration, by example.

use serde_json::json;

use super::Configuration;
use crate::admission::testing::{accepts, created, refuses};
use crate::api::revision::Revision;
use crate::api::route::Route;

#[test]
fn owned_children_do_not_record_the_user() {
    let owned =
        "metadata: {name: a, ownerReferences: [{apiVersion: v1, kind: Service, name: a, uid: u}]}";
    let got = created::<Route>(&format!(
        "{{{owned}, spec: {{traffic: [{{revisionName: r}}]}}}}"
    ));
    assert_eq!(got["metadata"].get("annotations"), None);
    assert_eq!(
        got["spec"]["traffic"],
        json!([{"revisionName": "r", "latestRevision": false, "percent": 0}])
    );
    let got = created::<Configuration>(&format!("{{{owned}}}"));
    assert_eq!(got["metadata"].get("annotations"), None);
    assert_eq!(created::<Route>("{metadata: {name: a}}")["spec"], json!({}));
}

#[test]
fn a_label_that_names_a_parent_needs_that_owner() {
    let route = |owners: &str| {
        format!(
            "{{metadata: {{name: shop, labels: {{serving.knative.dev/service: shop}}{owners}}}, spec: {{traffic: [{{revisionName: a, percent: 100}}]}}}}"
        )
    };
    refuses::<Route>(
        &route(""),
        "missing field(s): metadata.labels.serving.knative.dev/service",
    );
    accepts::<Route>(&route(
        ", ownerReferences: [{apiVersion: v1, kind: Service, name: shop, uid: u}]",
    ));
    refuses::<Revision>(
        "{metadata: {name: a, labels: {serving.knative.dev/configuration: b}}, spec: {containers: [{image: shop}]}}",
        "missing field(s): metadata.labels.serving.knative.dev/configuration",
    );
}
