//! Knative Services as the tests write and read them.

use anyhow::{Context as _, Result};
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

/// A Service to apply. Everything that is not said is left to the defaults.
#[derive(Debug, Clone)]
pub struct Ksvc {
    pub(crate) name: String,
    container: Value,
    annotations: Map<String, Value>,
    spec: Map<String, Value>,
    traffic: Vec<Value>,
}

impl Ksvc {
    /// One container of `image`.
    #[must_use]
    pub fn new(name: &str, image: &str) -> Self {
        Self {
            name: name.to_owned(),
            container: json!({"image": image, "env": []}),
            annotations: Map::new(),
            spec: Map::new(),
            traffic: Vec::new(),
        }
    }

    /// An environment variable of the container.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        if let Some(variables) = self.container["env"].as_array_mut() {
            variables.push(json!({"name": name, "value": value}));
        }
        self
    }

    /// A field of the container.
    #[must_use]
    pub fn container(mut self, field: &str, value: Value) -> Self {
        self.container[field] = value;
        self
    }

    /// An annotation of the revision in the group `autoscaling.knative.dev`.
    #[must_use]
    pub fn scaling(mut self, key: &str, value: impl ToString) -> Self {
        self.annotations.insert(
            format!("autoscaling.knative.dev/{key}"),
            value.to_string().into(),
        );
        self
    }

    /// A field of the revision's spec.
    #[must_use]
    pub fn spec(mut self, field: &str, value: Value) -> Self {
        self.spec.insert(field.to_owned(), value);
        self
    }

    /// One more target of the traffic.
    #[must_use]
    pub fn traffic(mut self, target: Value) -> Self {
        self.traffic.push(target);
        self
    }

    pub(crate) fn manifest(&self) -> Value {
        let mut spec = self.spec.clone();
        spec.insert("containers".to_owned(), json!([self.container]));
        let mut service = json!({
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": self.name},
            "spec": {"template": {"metadata": {"annotations": self.annotations}, "spec": spec}},
        });
        if !self.traffic.is_empty() {
            service["spec"]["traffic"] = self.traffic.clone().into();
        }
        service
    }
}

/// A condition of an object's status; null if it has none of that type.
#[must_use]
pub fn condition(object: &DynamicObject, kind: &str) -> Value {
    object.data["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

/// Whether the controller has seen what was written last.
#[must_use]
pub fn is_observed(object: &DynamicObject) -> bool {
    let observed = object.data["status"]["observedGeneration"].as_i64();
    observed.is_some() && observed == object.metadata.generation
}

/// The host in an object's URL.
///
/// # Errors
/// If it has none.
pub fn host(object: &DynamicObject) -> Result<String> {
    host_of(&object.data["status"]["url"])
}

/// The host in a URL.
///
/// # Errors
/// If the value is no URL.
pub fn host_of(url: &Value) -> Result<String> {
    let url = url.as_str().context("there is no URL")?;
    let (_, rest) = url.split_once("://").context("the URL has no scheme")?;
    Ok(rest.trim_end_matches('/').to_owned())
}

/// The name of the revision that is ready.
///
/// # Errors
/// If none is.
pub fn revision(service: &DynamicObject) -> Result<String> {
    service.data["status"]["latestReadyRevisionName"]
        .as_str()
        .map(str::to_owned)
        .context("no revision is ready")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_only_what_was_asked_for() {
        let service = Ksvc::new("a", "dev.local/x:1").scaling("max-scale", 3);
        let manifest = service.manifest();
        assert_eq!(manifest["spec"]["traffic"], Value::Null);
        assert_eq!(
            manifest["spec"]["template"]["metadata"]["annotations"],
            json!({"autoscaling.knative.dev/max-scale": "3"})
        );
    }

    #[test]
    fn a_host_is_what_stands_behind_the_scheme() {
        assert_eq!(host_of(&json!("http://a.b.c/")).unwrap(), "a.b.c");
        assert!(host_of(&Value::Null).is_err());
    }
}
