//! Owner references, and labels and annotations of children.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use crate::names::annotations;

/// Labels or annotations.
pub type Map = BTreeMap<String, String>;

/// The controller reference that every child of `parent` carries.
pub fn controller_reference<K: Resource<DynamicType = ()>>(parent: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: parent.meta().name.clone().unwrap_or_default(),
        uid: uid(parent.meta()).to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The owner that controls the object, if any.
pub fn controller_of(child: &ObjectMeta) -> Option<&OwnerReference> {
    child
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

/// Whether `child` is ours: its controller reference names the parent's UID.
pub fn is_controlled_by(child: &ObjectMeta, parent: &ObjectMeta) -> bool {
    controller_of(child).is_some_and(|owner| owner.uid == uid(parent))
}

/// The metadata of a child of `parent`, in its namespace.
pub fn child<K: Resource<DynamicType = ()>>(
    parent: &K,
    name: &str,
    labels: Map,
    annotations: Map,
) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: parent.meta().namespace.clone(),
        labels: (!labels.is_empty()).then_some(labels),
        annotations: (!annotations.is_empty()).then_some(annotations),
        owner_references: Some(vec![controller_reference(parent)]),
        ..ObjectMeta::default()
    }
}

/// Whether labels and annotations of the live object are exactly the wanted ones.
pub fn same_labels_and_annotations(live: &ObjectMeta, wanted: &ObjectMeta) -> bool {
    labels(live) == labels(wanted) && annotations(live) == annotations(wanted)
}

/// Name, empty before the API server has given one.
pub fn name(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

pub fn namespace(meta: &ObjectMeta) -> &str {
    meta.namespace.as_deref().unwrap_or_default()
}

pub fn uid(meta: &ObjectMeta) -> &str {
    meta.uid.as_deref().unwrap_or_default()
}

pub fn label<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(key).map(String::as_str)
}

pub fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// All labels.
pub fn labels(meta: &ObjectMeta) -> &Map {
    meta.labels.as_ref().unwrap_or(&EMPTY)
}

/// All annotations.
pub fn annotations(meta: &ObjectMeta) -> &Map {
    meta.annotations.as_ref().unwrap_or(&EMPTY)
}

static EMPTY: Map = Map::new();

/// A copy of `map` without the keys that `dropped` names.
pub fn without(map: &Map, dropped: impl Fn(&str) -> bool) -> Map {
    map.iter()
        .filter(|(key, _)| !dropped(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// The route names in a `serving.knative.dev/routes` annotation.
pub fn routes(meta: &ObjectMeta) -> impl Iterator<Item = &str> {
    annotation(meta, annotations::ROUTES)
        .unwrap_or_default()
        .split(',')
        .filter(|name| !name.is_empty())
}
