//! Metadata that all our objects share.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::settings::{NAMESPACE, VERSION};

/// Metadata of an object inside the system namespace. `component` says which part it belongs to.
pub(super) fn namespaced(name: &str, component: &str) -> ObjectMeta {
    ObjectMeta {
        namespace: Some(NAMESPACE.to_owned()),
        ..cluster_wide(name, component)
    }
}

/// Metadata of an object outside any namespace.
pub(super) fn cluster_wide(name: &str, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(recommended(component)),
        ..Default::default()
    }
}

/// The labels by which users, tools and our own ConfigMap webhook recognise what belongs to the system.
pub(super) fn recommended(component: &str) -> BTreeMap<String, String> {
    map([
        ("app.kubernetes.io/component", component),
        ("app.kubernetes.io/name", "knative-serving"),
        ("app.kubernetes.io/version", VERSION),
    ])
}

/// The labels that select the pods of `program`. Deployments never change their selector, so no version here.
pub(super) fn selector(program: &str) -> BTreeMap<String, String> {
    map([("app", program), ("role", program)])
}

/// [`selector`] in the form that Deployments and PodDisruptionBudgets want.
pub(super) fn label_selector(program: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(selector(program)),
        ..Default::default()
    }
}

/// A map of owned strings.
pub(super) fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
