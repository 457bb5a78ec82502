//! From an object to the API that serves it.

use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};

use crate::manifests::Object;

/// The API of `object`'s kind, in its namespace if it has one.
pub(crate) fn api_of(client: &Client, object: &Object) -> Api<DynamicObject> {
    let (group, version) = object
        .api_version()
        .rsplit_once('/')
        .unwrap_or(("", object.api_version()));
    let resource = resource(group, version, object.kind());
    match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// A resource of the API. The plural is made by rule, which suits every kind that we install.
pub(super) fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}
