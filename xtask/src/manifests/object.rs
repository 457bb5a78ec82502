//! One object of the installation, detached from its type: something to print, to apply and to find again.

use k8s_openapi::Resource;
use serde::Serialize;
use serde_json::Value;

/// An object with `apiVersion`, `kind` and `metadata`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object(Value);

impl Object {
    /// An object of a built-in kind.
    pub(super) fn new<K: Resource + Serialize>(typed: &K) -> Self {
        // k8s-openapi writes `apiVersion` and `kind` itself.
        Self(prune(
            serde_json::to_value(typed).expect("API objects have string keys only"),
        ))
    }

    /// An object of a kind that k8s-openapi does not know; `value` must bear `apiVersion` and `kind`.
    pub(super) fn untyped(value: Value) -> Self {
        debug_assert!(value["apiVersion"].is_string() && value["kind"].is_string());
        Self(prune(value))
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    pub(crate) fn api_version(&self) -> &str {
        self.0["apiVersion"].as_str().unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        self.0["metadata"]["namespace"].as_str()
    }
}

/// Drops what says nothing: null members, and the status that nobody but the API server writes.
fn prune(mut value: Value) -> Value {
    fn drop_nulls(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|_, member| !member.is_null());
                members.values_mut().for_each(drop_nulls);
            }
            Value::Array(items) => items.iter_mut().for_each(drop_nulls),
            _ => {}
        }
    }
    if let Some(members) = value.as_object_mut() {
        members.remove("status");
    }
    drop_nulls(&mut value);
    value
}
