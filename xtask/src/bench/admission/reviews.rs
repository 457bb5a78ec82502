//! What the API server asks: reviews of creates and of updates, half of them to fill in, half to judge.

use anyhow::{Context as _, Result};
use ebb_core::admission::{Context, Defaults as _, Policy, Verb};
use ebb_core::api::service::Service;
use serde_json::{Value, json};

use super::service;

const USER: &str = "system:serviceaccount:shop:deployer";

/// What arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Case {
    /// A service of one container is created.
    SmallCreate,
    /// It is changed.
    SmallUpdate,
    /// A service of 100 KB is created.
    LargeCreate,
    /// It is changed: the review has the old one, too.
    LargeUpdate,
    /// A controller writes its status.
    LargeStatus,
}

/// Whole HTTP requests, one for each of the two webhooks.
#[derive(Debug)]
pub(super) struct Reviews {
    requests: [Vec<u8>; 2],
    bodies: [usize; 2],
}

impl Case {
    /// In the order of the table.
    pub(super) const ALL: [Self; 5] = [
        Self::SmallCreate,
        Self::SmallUpdate,
        Self::LargeCreate,
        Self::LargeUpdate,
        Self::LargeStatus,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SmallCreate => "create, small service",
            Self::SmallUpdate => "update, small service",
            Self::LargeCreate => "create, service of 100 KB",
            Self::LargeUpdate => "update, service of 100 KB",
            Self::LargeStatus => "status, service of 100 KB",
        }
    }

    /// The object before, if there is one; the object as it is sent; the object with its defaults.
    fn objects(self) -> Result<(Option<Value>, Value, Value)> {
        let written = match self {
            Self::SmallCreate | Self::SmallUpdate => service::small(),
            Self::LargeCreate | Self::LargeUpdate | Self::LargeStatus => service::large(),
        };
        let filled = fill_in(&written, None, Verb::Create)?;
        if matches!(self, Self::SmallCreate | Self::LargeCreate) {
            return Ok((None, written, filled));
        }
        let old = as_stored(filled);
        let mut new = old.clone();
        if self == Self::LargeStatus {
            new["status"]["observedGeneration"] = 2.into();
            return Ok((Some(old), new.clone(), new));
        }
        let container = &mut new["spec"]["template"]["spec"]["containers"][0];
        container["image"] = "registry.example.com/shop/front:1.1".into();
        container["env"][0] = json!({"name": "TARGET", "value": "everybody"});
        let filled = fill_in(&new, Some(&old), Verb::Update)?;
        Ok((Some(old), new, filled))
    }
}

impl Reviews {
    pub(super) fn of(case: Case) -> Result<Self> {
        let (old, new, filled) = case.objects()?;
        let (operation, sub_resource) = match case {
            Case::SmallCreate | Case::LargeCreate => ("CREATE", None),
            Case::SmallUpdate | Case::LargeUpdate => ("UPDATE", None),
            Case::LargeStatus => ("UPDATE", Some("status")),
        };
        let body = |object: Value| review(operation, sub_resource, object, old.clone()).to_string();
        let bodies = [body(new), body(filled)];
        Ok(Self {
            requests: [
                request("/defaulting", &bodies[0]),
                request("/resource-validation", &bodies[1]),
            ],
            bodies: bodies.map(|body| body.len()),
        })
    }

    /// The request that arrives as the `index`th.
    pub(super) fn request(&self, index: usize) -> &[u8] {
        &self.requests[index % self.requests.len()]
    }

    /// The size of the larger body, in bytes.
    pub(super) fn largest_body(&self) -> usize {
        self.bodies.into_iter().max().unwrap_or_default()
    }
}

fn fill_in(written: &Value, old: Option<&Value>, verb: Verb) -> Result<Value> {
    let read = |object: &Value| serde_json::from_value::<Service>(object.clone());
    let policy = Policy::default();
    let cx = Context {
        policy: &policy,
        verb,
        user: USER,
    };
    let mut service = read(written)?;
    let old = old.map(read).transpose()?;
    service
        .set_defaults(old.as_ref(), &cx)
        .context("the service has no defaults")?;
    Ok(serde_json::to_value(service)?)
}

/// With what the API server and the controller add.
fn as_stored(mut service: Value) -> Value {
    let metadata = &mut service["metadata"];
    metadata["uid"] = "0e8dd8d3-34a5-4a8f-9b57-6a5b1d5e5b0f".into();
    metadata["resourceVersion"] = "4711".into();
    metadata["generation"] = 1.into();
    metadata["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    service["status"] = json!({
        "observedGeneration": 1,
        "latestCreatedRevisionName": "front-00001",
        "latestReadyRevisionName": "front-00001",
        "url": "http://front.shop.example.com",
        "address": {"url": "http://front.shop.svc.cluster.local"},
        "traffic": [{"latestRevision": true, "percent": 100, "revisionName": "front-00001"}],
        "conditions": [
            {"type": "ConfigurationsReady", "status": "True", "lastTransitionTime": "2026-01-01T00:00:02Z"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:02Z"},
            {"type": "RoutesReady", "status": "True", "lastTransitionTime": "2026-01-01T00:00:02Z"},
        ],
    });
    service
}

fn review(operation: &str, sub_resource: Option<&str>, object: Value, old: Option<Value>) -> Value {
    let kind = json!({"group": "serving.knative.dev", "version": "v1", "kind": "Service"});
    let resource = json!({"group": "serving.knative.dev", "version": "v1", "resource": "services"});
    let mut request = json!({
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource,
        "name": "front", "namespace": "shop", "operation": operation,
        "userInfo": {
            "username": USER, "uid": "f2b1c4de-88ae-4e0a-8a53-7a2d1a3c9f01",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
        },
        "object": object, "oldObject": old, "dryRun": false,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl"},
    });
    if let Some(name) = sub_resource {
        request["subResource"] = name.into();
        request["requestSubResource"] = name.into();
    }
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})
}

/// As the API server's client sends it.
fn request(path: &str, body: &str) -> Vec<u8> {
    let host = super::webhook::HOST;
    format!(
        "POST {path}?timeout=10s HTTP/1.1\r\nHost: {host}:443\r\nUser-Agent: kube-apiserver-admission\r\n\
         Content-Length: {}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n\
         Accept-Encoding: gzip\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_carries_both_objects() {
        let small = Reviews::of(Case::SmallUpdate).unwrap();
        let text = String::from_utf8(small.request(0).to_vec()).unwrap();
        assert!(text.starts_with("POST /defaulting"), "{text}");
        assert!(
            text.contains("front:1.0") && text.contains("front:1.1"),
            "{text}"
        );
        let large = Reviews::of(Case::LargeUpdate).unwrap();
        assert!(large.largest_body() > 200_000);
    }
}
