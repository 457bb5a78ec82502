//! The corpus without a cluster: what the webhook alone makes of it, in a second.
//!
//! The API server's part is imitated where it is small: it completes names, drops the status of what is new, and fills
//! in the protocol of ports. Cases that show what it refuses or prunes by itself are left to the cluster.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ebb_core::admission::Policy;
use ebb_core::config::{Autoscaler, Defaults, Features, Settings};
use ebb_webhook::Reviews;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Full};
use json_patch::Patch;
use serde_json::{Value, json};

use super::files::{Case, Outcome, Set, Verb, load};
use super::report::Report;
use super::site::NAMESPACE;
use super::{accepted, compare};

const USER: &str = "ada";
/// Kinds that no webhook is asked about.
const UNASKED: [&str; 2] = ["ClusterDomainClaim", "Image"];
/// The longest prefix that the API server completes.
const LONGEST_PREFIX: usize = 58;
/// Fewer cases show too little of the corpus.
const AT_LEAST: usize = 400;

const DEFAULTING: &str = "webhook.serving.knative.dev";
const VALIDATION: &str = "validation.webhook.serving.knative.dev";
const CONFIG_VALIDATION: &str = "config.webhook.serving.knative.dev";

#[tokio::test]
async fn the_webhook_alone_says_what_the_corpus_says() {
    let (mut report, mut played) = (Report::default(), 0);
    for outcome in [Outcome::Accepted, Outcome::Rejected] {
        for set in load(outcome).unwrap() {
            let webhook = Webhook::of(&set).unwrap();
            for case in set.cases.iter().filter(|case| is_for_the_webhook(case)) {
                let lines = play(&webhook, case).await;
                let lines = lines.with_context(|| case.name.clone()).unwrap();
                report.note(case, verb(case), lines);
                played += 1;
            }
        }
    }
    assert!(report.is_clean(), "{report}");
    assert!(played >= AT_LEAST, "only {played} cases were played");
}

/// Whether the webhook decides what comes of a case, and not the API server.
fn is_for_the_webhook(case: &Case) -> bool {
    let refusal = case.refusal(verb(case));
    let is_pruned = || {
        let mut warnings = case.warnings.iter().flatten();
        warnings.any(|warning| warning.starts_with("unknown field"))
    };
    !UNASKED.contains(&case.kind())
        && refusal.is_none_or(|said| said.starts_with("admission webhook"))
        && !is_pruned()
}

fn verb(case: &Case) -> Verb {
    match case.before {
        Some(_) => Verb::Patch,
        None => Verb::Create,
    }
}

/// How what comes of a case differs from what its files say.
async fn play(webhook: &Webhook, case: &Case) -> Result<Vec<String>> {
    let (mut new, mut old) = (sent(&case.object), None);
    if let Some(before) = &case.before {
        let before: Value = serde_yaml_ng::from_str(&fs::read_to_string(before)?)?;
        let stored = webhook.admit(&sent(&before), None).await?.stored;
        let stored = stored.map_err(anyhow::Error::msg)?;
        let patch = std::mem::replace(&mut new, stored.clone());
        json_patch::merge(&mut new, &patch);
        old = Some(stored);
    }
    let Admitted { stored, warnings } = webhook.admit(&new, old.as_ref()).await?;
    Ok(match (case.refusal(verb(case)), stored) {
        (Some(expected), Err(said)) => compare::texts(expected, &said),
        (Some(expected), Ok(_)) => compare::texts(expected, "no refusal"),
        (None, Err(said)) => compare::texts("the object", &said),
        (None, Ok(stored)) => {
            let mut lines = compare::objects(&case.stored, &stored, USER);
            lines.extend(compare::texts(&accepted::warnings(case), &warnings));
            // What is stored can be stored again, as it is.
            let again = webhook.admit(&stored, Some(&stored)).await?.stored;
            let same = again.is_ok_and(|again| again == stored);
            lines.extend((!same).then(|| "+ not the same when it is written again".to_owned()));
            lines
        }
    })
}

/// A manifest as the API server hands it on.
fn sent(manifest: &Value) -> Value {
    let mut object = manifest.clone();
    object["metadata"]["namespace"] = json!(NAMESPACE);
    if let Some(prefix) = manifest["metadata"]["generateName"].as_str() {
        let prefix = &prefix[..prefix.len().min(LONGEST_PREFIX)];
        object["metadata"]["name"] = json!(format!("{prefix}abcde"));
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    for spec in ["/spec", "/spec/template/spec"] {
        let containers = object.pointer_mut(&format!("{spec}/containers"));
        let containers = containers.and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let ports = container.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
                port.entry("protocol").or_insert_with(|| json!("TCP"));
            }
        }
    }
    object
}

/// What a webhook under the settings of a set answers.
struct Webhook(Reviews);

/// What admission makes of an object.
struct Admitted {
    /// The object as it would be stored, or what the API server says.
    stored: Result<Value, String>,
    warnings: String,
}

impl Webhook {
    fn of(set: &Set) -> Result<Self> {
        fn settings<S: Settings>(set: &Set) -> Result<Arc<S>> {
            let data = set.settings.get(S::NAME).cloned().unwrap_or_default();
            let parsed = S::parse(&data).map_err(|errors| anyhow::anyhow!("{errors}"));
            Ok(Arc::new(parsed.with_context(|| set.name.clone())?))
        }
        Ok(Self(Reviews::fixed(&Policy {
            autoscaler: settings::<Autoscaler>(set)?,
            defaults: settings::<Defaults>(set)?,
            features: settings::<Features>(set)?,
            cluster_domain: "cluster.local".to_owned(),
        })))
    }

    async fn admit(&self, object: &Value, old: Option<&Value>) -> Result<Admitted> {
        let mut stored = object.clone();
        let mut warnings = Vec::new();
        let steps: &[_] = match object["kind"].as_str() {
            Some("ConfigMap") => &[("/config-validation", CONFIG_VALIDATION)],
            _ => &[
                ("/defaulting", DEFAULTING),
                ("/resource-validation", VALIDATION),
            ],
        };
        for (path, name) in steps {
            let answer = self.ask(path, &stored, old).await?;
            let said = answer["warnings"].as_array().into_iter().flatten();
            warnings.extend(said.filter_map(|line| line.as_str().map(str::to_owned)));
            if answer["allowed"] != true {
                let said = answer["status"]["message"].as_str().unwrap_or_default();
                let stored = Err(format!(
                    "admission webhook \"{name}\" denied the request: {said}"
                ));
                let warnings = warnings.join("\n");
                return Ok(Admitted { stored, warnings });
            }
            if let Some(patch) = answer["patch"].as_str() {
                let patch: Patch = serde_json::from_slice(&BASE64_STANDARD.decode(patch)?)?;
                json_patch::patch(&mut stored, &patch)?;
            }
        }
        Ok(Admitted {
            stored: Ok(stored),
            warnings: warnings.join("\n"),
        })
    }

    /// The response to a review.
    async fn ask(&self, path: &str, object: &Value, old: Option<&Value>) -> Result<Value> {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "1",
                "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
                "name": object["metadata"]["name"],
                "namespace": NAMESPACE,
                "kind": {"group": group, "version": version, "kind": object["kind"]},
                "userInfo": {"username": USER},
                "object": object,
                "oldObject": old,
            },
        });
        let request = Request::post(path)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(review.to_string()))?;
        let answer = self.0.answer(request).await;
        let status = answer.status();
        let text = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&text)
        );
        let mut answer: Value = serde_json::from_slice(&text)?;
        Ok(answer["response"].take())
    }
}
